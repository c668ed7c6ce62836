"""The verifier for portals: what it lets through, and every way in which a provider or a thief can deceive it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.key_log import verify_keys
from examples.key_log.verify_keys import CannotCheck, LogBroken, LogShorter, Verified
from keys.notes import NoteSigner, log_origin
from tests.unit.examples.logged_provider import (
    ENTRIES,
    ISSUER,
    KEYS,
    LOG,
    SEED,
    VERIFIER_KEY,
    Jwk,
    Served,
    event,
    jwk,
    life,
)

Check = Callable[..., Verified]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "key-log.checkpoint"


@pytest.fixture
def check(state: Path) -> Check:
    """One look at a provider, by a portal that remembers the last one."""

    def look(provider: Served, **changes: Any) -> Verified:
        asked: dict[str, Any] = {"fetch": provider.fetch, "pauses": ()} | changes
        return verify_keys.verified_keys(provider.issuer, VERIFIER_KEY, state, **asked)

    return look


def refused(found: Verified) -> dict[str, str]:
    return dict(found.refused)


# What is let through


def test_keys_of_the_log_are_verified(check: Check, state: Path) -> None:
    provider = Served()
    found = check(provider)
    assert found.keys == KEYS
    assert found.refused == []
    assert (found.checkpoint.size, found.remembered_size) == (len(ENTRIES), None)
    assert state.read_text(encoding="utf-8") == provider.log.checkpoint


def test_a_log_that_grows_is_followed(check: Check) -> None:
    provider = Served()
    check(provider)
    provider.entries += life("fresh", "published")
    provider.keys.append(jwk("fresh"))
    found = check(provider)
    assert found.keys == provider.keys
    assert found.remembered_size == len(ENTRIES)
    assert check(provider).remembered_size == len(provider.entries)


@pytest.mark.parametrize("count", [85, 86, 130, 300])
def test_a_log_of_several_tiles_is_read(check: Check, count: int) -> None:
    entries = [entry for number in range(count) for entry in life(f"key-{number}", "published", "activated")]
    provider = Served(entries=entries, keys=[jwk("key-0"), jwk(f"key-{count - 1}")])
    check(Served(entries=entries[:100], keys=[]))
    assert check(provider).keys == provider.keys


def test_an_empty_log_has_no_keys(check: Check) -> None:
    assert refused(check(Served(entries=[]))).keys() == {"current", "next", "old"}


def test_a_portal_may_give_the_keys_that_it_has_fetched(check: Check) -> None:
    found = check(Served(), keys=[jwk("next"), jwk("stranger")])
    assert found.keys == [jwk("next")]
    assert refused(found) == {"stranger": "is not in the log"}


# Keys that are refused


def test_a_key_that_is_not_in_the_log(check: Check) -> None:
    provider = Served()
    provider.keys.append(jwk("stranger"))
    found = check(provider)
    assert refused(found) == {"stranger": "is not in the log"}
    assert found.keys == KEYS


@pytest.mark.parametrize("last", ["revoked", "retired", "suspended"])
def test_a_key_whose_time_is_over(check: Check, last: str) -> None:
    provider = Served(entries=[*ENTRIES, event(last, "current")])
    found = check(provider)
    assert repr(last) in refused(found)["current"]
    assert found.keys == [jwk("next"), jwk("old")]


def test_nothing_brings_a_revoked_key_back(check: Check) -> None:
    provider = Served(entries=[*ENTRIES, event("revoked", "current"), event("activated", "current")])
    assert "'revoked'" in refused(check(provider))["current"]


def test_a_retired_key_may_still_be_revoked(check: Check) -> None:
    provider = Served(entries=[*ENTRIES, event("retired", "old"), event("revoked", "old")])
    assert "'revoked'" in refused(check(provider))["old"]


def test_a_key_that_was_never_published(check: Check) -> None:
    provider = Served(entries=[*ENTRIES, *life("early")], keys=[jwk("early")])
    assert "'generated'" in refused(check(provider))["early"]


@pytest.mark.parametrize(
    "changes",
    [{"x": "another"}, {"alg": "ES384"}, {"use": "enc"}, {"d": "private"}, {"crv": "P-384"}, {"x5u": "more"}],
)
def test_another_key_under_a_known_name(check: Check, changes: Jwk) -> None:
    provider = Served(keys=[jwk("current") | changes])
    assert refused(check(provider)) == {"current": "is another key than the one in the log"}


def test_a_name_that_stands_twice(check: Check) -> None:
    found = check(Served(keys=[jwk("current"), jwk("current"), jwk("next")]))
    assert found.keys == [jwk("next")]
    assert refused(found) == {"current": "stands in the key set twice"}


def test_a_key_without_a_name(check: Check) -> None:
    nameless = {name: value for name, value in jwk("current").items() if name != "kid"}
    assert check(Served(keys=[nameless])).keys == []


# A log that is not believed


def test_an_edited_entry(check: Check) -> None:
    provider = Served()
    path = f"{LOG}tile/entries/000.p/{len(ENTRIES)}"
    provider.forged[path] = (provider.answer(path) or b"").replace(b"x-current", b"x-forgery")
    with pytest.raises(LogBroken, match="not those that its checkpoint was signed for"):
        check(provider)


def test_an_edited_tile(check: Check) -> None:
    provider = Served()
    path = f"{LOG}tile/0/000.p/{len(ENTRIES)}"
    provider.forged[path] = bytes(32) + (provider.answer(path) or b"")[32:]
    with pytest.raises(LogBroken, match="tile/0"):
        check(provider)


def test_a_bundle_that_is_cut_off(check: Check) -> None:
    provider = Served()
    path = f"{LOG}tile/entries/000.p/{len(ENTRIES)}"
    whole = provider.answer(path) or b""
    for cut in (whole[:-1], whole[: -len(ENTRIES[-1]) - 2], whole + b"\0\0", b""):
        provider.forged[path] = cut
        with pytest.raises(LogBroken, match="does not hold"):
            check(provider)


def test_a_truncated_log(check: Check) -> None:
    check(Served(entries=[*ENTRIES, event("revoked", "current")]))
    with pytest.raises(LogShorter, match="taken away"):
        check(Served())


def test_a_rewritten_log(check: Check, state: Path) -> None:
    provider = Served()
    check(provider)
    seen = state.read_text(encoding="utf-8")
    provider.entries = [*life("stranger", "published", "activated"), *ENTRIES]
    with pytest.raises(LogBroken, match="rewritten"):
        check(provider)
    assert state.read_text(encoding="utf-8") == seen
    assert (
        state.with_name(f"{state.name}.contradiction").read_text(encoding="utf-8") == provider.log.checkpoint
    )


def test_a_split_view(check: Check) -> None:
    check(Served(entries=[*ENTRIES, event("revoked", "current")]))
    with pytest.raises(LogBroken, match="another log than others"):
        check(Served(entries=[*ENTRIES, event("retiring", "next")]))


def test_a_log_signed_by_another_key(check: Check) -> None:
    with pytest.raises(LogBroken, match="not signed by the pinned key"):
        check(Served(seed=bytes(32)))


@pytest.mark.parametrize(("old", "new"), [(f"\n{len(ENTRIES)}\n", "\n3\n"), ("key-log\n", "key-lag\n")])
def test_a_changed_checkpoint(check: Check, old: str, new: str) -> None:
    provider = Served()
    provider.forged[f"{LOG}checkpoint"] = provider.log.checkpoint.replace(old, new, 1).encode()
    with pytest.raises(LogBroken, match="changed after it was signed"):
        check(provider)


@pytest.mark.parametrize("note", ["", "\n\n", "no note\n", "a\n\n— b AAAA\n", "\ufffd"])
def test_what_is_no_checkpoint(check: Check, note: str) -> None:
    provider = Served(forged={f"{LOG}checkpoint": note.encode()})
    with pytest.raises(LogBroken):
        check(provider)


def test_the_checkpoint_of_another_log_of_the_same_key(check: Check) -> None:
    signer = NoteSigner.of(log_origin(ISSUER), SEED)
    root = "A" * 43 + "="
    for text in (f"other.example/log\n0\n{root}\n", "just a text\n", f"{signer.name}\n01\n{root}\n"):
        provider = Served(forged={f"{LOG}checkpoint": signer.sign(text).encode()})
        with pytest.raises(LogBroken, match="not a checkpoint of it"):
            check(provider)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"[]",
        b"{}x",
        b'{"type":"activated","kid":"stranger"}',
        b'{"type":"revoked","kid":"current","type":"activated"}',
        b'{"kid":"current"}',
        b'{"kid":["current"],"type":"revoked"}',
        life("current")[0],
        b'{"type":"generated","kid":"fresh","alg":"ES256"}',
        b"[" * 60_000,
    ],
)
def test_an_entry_without_sense(check: Check, entry: bytes) -> None:
    with pytest.raises(LogBroken, match=f"Entry {len(ENTRIES)} "):
        check(Served(entries=[*ENTRIES, entry]))


# What cannot be checked


@pytest.mark.parametrize(
    "verifier_key",
    ["", "nonsense", VERIFIER_KEY.replace("+", "-"), VERIFIER_KEY[:-1], VERIFIER_KEY.replace("sso.", "sse.")],
)
def test_what_is_not_a_pinned_key(state: Path, verifier_key: str) -> None:
    with pytest.raises(CannotCheck, match="not the verifier key"):
        verify_keys.verified_keys(ISSUER, verifier_key, state, fetch=Served().fetch, pauses=())


def test_the_pinned_key_of_another_provider(state: Path) -> None:
    other = NoteSigner.of(log_origin("https://sso.example.org"), SEED).verifier_key
    with pytest.raises(CannotCheck, match=r"one of sso\.example\.org"):
        verify_keys.verified_keys(ISSUER, other, state, fetch=Served().fetch, pauses=())


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff", b"a\n\n\xe2\x80\x94 b AAAA\n"])
def test_a_memory_that_cannot_be_read_is_not_forgotten_silently(
    check: Check, state: Path, content: bytes
) -> None:
    state.write_bytes(content)
    with pytest.raises(CannotCheck, match="checkpoint seen last time"):
        check(Served())


@pytest.mark.parametrize("path", ["/jwks", "/.well-known/openid-configuration", f"{LOG}checkpoint"])
@pytest.mark.parametrize("answer", [None, b"null"])
def test_a_provider_that_does_not_answer(check: Check, path: str, answer: bytes | None) -> None:
    with pytest.raises((CannotCheck, LogBroken)):
        check(Served(forged={path: answer}))


def test_another_issuer_answers(check: Check) -> None:
    other = json.dumps({"issuer": "https://sso.example.org", "jwks_uri": f"{ISSUER}/jwks"}).encode()
    with pytest.raises(CannotCheck, match="says that it is"):
        check(Served(forged={"/.well-known/openid-configuration": other}))


def test_a_worker_that_is_behind_is_asked_again(check: Check) -> None:
    behind = Served(entries=ENTRIES[:-1])
    answers = [behind, Served()]

    def fetch(url: str) -> bytes:
        provider = answers[0] if len(answers) == 1 or not url.endswith("/jwks") else answers.pop(0)
        return provider.fetch(url)

    check(Served())
    assert check(behind, fetch=fetch, pauses=(0.0, 0.0)).refused == []

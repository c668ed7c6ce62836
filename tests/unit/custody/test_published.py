"""What a service shows is believed only as far as its log is signed, whole, and breaks none of its rules."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from idp.custody.published import Contradiction, NotShown, read_published
from keys.documents import canonical
from keys.key_log import KeyLog
from keys.notes import LOG_PATH, Checkpoint, NoteSigner
from keys.tiles import bundles_of, tiles_of
from tests.support.shown_keys import METADATA, ShownKeys

ELSEWHERE = "http://127.0.0.1:9000"


async def refused(shown: ShownKeys) -> str:
    """Why it is not believed."""
    with pytest.raises(Contradiction) as raised:
        await read_published(shown.issuer, shown.signer.verifier, shown.fetch)
    return str(raised.value)


async def test_all_of_it_is_read(shown: ShownKeys) -> None:
    found = await read_published(shown.issuer, shown.signer.verifier, shown.fetch)
    assert found.log == shown.log
    assert list(found.keys) == shown.keys
    assert found.history.installation == shown.issuer


async def test_a_service_may_be_asked_at_another_address(shown: ShownKeys) -> None:
    async def fetch(url: str) -> bytes:
        assert url.startswith(ELSEWHERE)
        return await shown.fetch(url.replace(ELSEWHERE, shown.issuer))

    assert (await read_published(ELSEWHERE, shown.signer.verifier, fetch)).log == shown.log


async def test_who_does_not_answer_says_nothing(shown: ShownKeys) -> None:
    for path in (METADATA, "/jwks", f"{LOG_PATH}/checkpoint"):
        shown.forged = {path: None}
        with pytest.raises(NotShown, match=path):
            await read_published(shown.issuer, shown.signer.verifier, shown.fetch)


@pytest.mark.parametrize("forged", [b"", b"<html>", b"[]", b'{"keys":1}', b'{"keys":[1]}', b"\xff"])
async def test_what_is_no_key_set(shown: ShownKeys, forged: bytes) -> None:
    shown.forged = {"/jwks": forged}
    assert (
        "/jwks is not JSON" in (told := await refused(shown)) or "JSON object" in told or "no key set" in told
    )


async def test_another_service(shown: ShownKeys) -> None:
    verifier = replace(shown.signer.verifier, name="other.example.gov.vn/.well-known/key-log")
    with pytest.raises(Contradiction, match="which is not the one of other"):
        await read_published(shown.issuer, verifier, shown.fetch)


@pytest.mark.parametrize(
    "address", ["https://evil.example/jwks", "https://sso.example.gov.vn.evil.example/jwks"]
)
async def test_a_key_set_elsewhere(shown: ShownKeys, address: str) -> None:
    shown.forged = {METADATA: orjson.dumps({"issuer": shown.issuer, "jwks_uri": address})}
    assert await refused(shown) == f"The service at {shown.issuer} says that its key set is at {address}."


async def test_every_part_of_the_log_is_looked_at(shown: ShownKeys) -> None:
    size = shown.log.size
    parts = ["checkpoint", *(tile.path for tile in (*bundles_of(size), *tiles_of(size)))]
    assert len(parts) == 3
    for part in parts:
        path = f"{LOG_PATH}/{part}"
        good = shown.answer(path)
        assert good
        for at in (0, len(good) // 2, len(good) - 2):
            shown.forged = {path: good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]}
            await refused(shown)
        for forged in (b"", good[:-1], good + good):
            shown.forged = {path: forged}
            await refused(shown)


async def test_the_log_of_another_key(shown: ShownKeys) -> None:
    thief = NoteSigner.of(shown.signer.name, bytes(32))
    shown.log = KeyLog.signed(shown.log.entries, thief)
    assert "no signature of this key" in await refused(shown)


async def test_a_log_that_is_too_long_is_not_read(shown: ShownKeys) -> None:
    note = shown.signer.sign(Checkpoint(shown.signer.name, 10**12, bytes(32)).text)
    shown.forged = {f"{LOG_PATH}/checkpoint": note.encode()}
    assert "is one of 1000000000000 entries" in await refused(shown)


async def test_a_signed_log_that_breaks_its_rules(shown: ShownKeys) -> None:
    """Whoever has the log's key still needs the officers'."""
    first = orjson.loads(shown.log.entries[0])
    lonely = canonical(first | {"approvals": first["approvals"][:1]})
    forged = [
        (lonely, *shown.log.entries[1:]),
        (shown.log.entries[0], *shown.log.entries[2:]),
        (*shown.log.entries, shown.log.entries[-1]),
    ]
    for entries in forged:
        shown.log = KeyLog.signed(entries, shown.signer)
        assert "breaks its rules. Entry" in await refused(shown)

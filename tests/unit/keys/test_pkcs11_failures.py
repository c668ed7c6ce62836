"""A hardware module that is set up wrongly, goes away and comes back: one sentence each, and no restart."""

from __future__ import annotations

import asyncio
import os
import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pkcs11.constants import TokenFlag

from keys.backends.pkcs11 import Pkcs11Token, TokenUnavailable
from keys.backends.pkcs11_module import Pkcs11Module, _finalise
from keys.backends.pkcs11_session import Connection, check_login_is_safe
from keys.jose import SignerUnavailable
from keys.jwk import read_jwk
from keys.signatures import verify_signature
from tests.support.softhsm import PIN, TOKENS, SoftHsm


async def _sentence(work: Callable[[], Awaitable[object]]) -> str:
    """The one sentence of a failure; the PIN is nowhere in it, nor in what a log would show of it."""
    with pytest.raises(SignerUnavailable) as caught:
        await work()
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert PIN not in "".join(traceback.format_exception(caught.value))
    return sentence


def _pin_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "pin"
    path.write_bytes(content)
    path.chmod(mode)
    return path


async def _signs(token: Pkcs11Token) -> None:
    signer = await token.generate("ES256")
    verify_signature("ES256", read_jwk(signer.public_jwk()).public_key, await signer.sign(b"data"), b"data")
    await token.destroy(signer.kid)


async def test_a_wrong_pin_is_tried_once_until_the_file_changes(softhsm: SoftHsm, tmp_path: Path) -> None:
    pin_file = _pin_file(tmp_path, b"00000000\n")
    token = softhsm.open("pin", pin_file)  # nobody else of this process has logged in to it
    refused = f"The token 'pin' refuses the PIN in {pin_file}: PinIncorrect."
    assert await _sentence(token.describe) == refused
    with softhsm.away("pin"):  # whoever asked the token would notice
        assert await _sentence(token.describe) == refused
    pin_file.write_text(PIN, encoding="utf-8")
    await _signs(token)
    await token.close()


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        (b"1234", 0o640, "The PIN file {} is open to other accounts (mode 0640); chmod 600 it."),
        (b"1234", 0o604, "The PIN file {} is open to other accounts (mode 0604); chmod 600 it."),
        (b"", 0o600, "The PIN file {} does not hold one line of text."),
        (b"\n", 0o600, "The PIN file {} does not hold one line of text."),
        (b"12\n34\n", 0o600, "The PIN file {} does not hold one line of text."),
        (b"\xff\xfe", 0o600, "The PIN file {} does not hold one line of text."),
    ],
)
async def test_a_pin_file_that_is_not_believed(
    softhsm: SoftHsm, tmp_path: Path, content: bytes, mode: int, sentence: str
) -> None:
    pin_file = _pin_file(tmp_path, content, mode)
    assert await _sentence(softhsm.open(pin_file=pin_file).describe) == sentence.format(pin_file)


async def test_a_pin_file_that_is_no_file(softhsm: SoftHsm, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, reason in [
        (tmp_path / "none", "cannot be read: No such file or directory."),
        (tmp_path, "is not a regular file."),
        (tmp_path / "pipe", "is not a regular file."),
    ]:
        assert await _sentence(softhsm.open(pin_file=path).describe) == f"The PIN file {path} {reason}"


async def test_an_unknown_token_is_told_with_those_that_are_there(softhsm: SoftHsm) -> None:
    library = softhsm.library.resolve()
    there = ", ".join(repr(label) for label in sorted(TOKENS))
    assert await _sentence(softhsm.open("nowhere").describe) == (
        f"The PKCS #11 module {library} has no token with the label 'nowhere'; there are: {there}."
    )


@pytest.mark.parametrize("content", [None, b"not a library"])
async def test_a_module_that_cannot_be_loaded(
    softhsm: SoftHsm, tmp_path: Path, content: bytes | None
) -> None:
    module = tmp_path / "module.so"
    if content is not None:
        module.write_bytes(content)
    sentence = await _sentence(Pkcs11Token(module, "motcua", softhsm.pin_file).describe)
    assert sentence.startswith(f"The PKCS #11 module {module} cannot be used: ")


async def test_a_token_that_was_removed_works_again_when_it_is_back(
    softhsm: SoftHsm, hsm_token: Pkcs11Token
) -> None:
    signer = await hsm_token.generate("ES256")
    key = read_jwk(signer.public_jwk()).public_key
    with softhsm.away() as away:
        for _ in range(2):
            assert "'motcua'" in await _sentence(lambda: signer.sign(b"data"))
        failed = await asyncio.gather(*[signer.sign(b"data") for _ in range(8)], return_exceptions=True)
        assert {type(one) for one in failed} == {TokenUnavailable}
        away.back()
        verify_signature("ES256", key, await signer.sign(b"data"), b"data")


async def test_a_token_that_goes_in_the_middle_leaves_nobody_waiting(
    softhsm: SoftHsm, hsm_token: Pkcs11Token
) -> None:
    signer = await hsm_token.generate("RS256")
    key = read_jwk(signer.public_jwk()).public_key
    signing = [asyncio.create_task(signer.sign(b"data")) for _ in range(64)]
    await signing[4]
    with softhsm.away():
        results = await asyncio.gather(*signing, return_exceptions=True)
    for one in results:
        if isinstance(one, bytes):
            verify_signature("RS256", key, one, b"data")
        else:
            assert isinstance(one, TokenUnavailable)
    assert isinstance(results[-1], TokenUnavailable)
    verify_signature("RS256", key, await signer.sign(b"data"), b"data")


async def test_one_token_that_was_removed_does_not_stop_the_other(
    softhsm: SoftHsm, hsm_token: Pkcs11Token
) -> None:
    second = softhsm.open("second")
    mine, theirs = await hsm_token.generate("ES256"), await second.generate("ES256")
    key = read_jwk(theirs.public_jwk()).public_key
    with softhsm.away():
        for _ in range(3):
            await _sentence(lambda: mine.sign(b"data"))
            verify_signature("ES256", key, await theirs.sign(b"data"), b"data")
    verify_signature("ES256", read_jwk(mine.public_jwk()).public_key, await mine.sign(b"data"), b"data")
    await second.close()


async def test_a_device_that_loses_everything_works_again_when_it_is_back(
    softhsm: SoftHsm, hsm_token: Pkcs11Token
) -> None:
    signer = await hsm_token.generate("RS256")
    tokens, away = softhsm.folder / "tokens", softhsm.folder / "elsewhere"
    tokens.rename(away)
    try:
        assert "cannot be used" in await _sentence(lambda: signer.sign(b"data"))
    finally:
        away.rename(tokens)
    verify_signature("RS256", read_jwk(signer.public_jwk()).public_key, await signer.sign(b"data"), b"data")


def _close_session(connection: Connection) -> None:
    connection.session.close()


def _log_out(connection: Connection) -> None:
    connection.session.token.open(rw=True).close()
    connection.session.close()


def _finalise_library(connection: Connection) -> None:
    library = connection.module._library  # noqa: SLF001 - as another part of the process would
    assert library is not None
    _finalise(library)


@pytest.mark.parametrize("break_it", [_close_session, _log_out, _finalise_library])
async def test_a_session_that_was_ended_is_opened_anew(
    hsm_token: Pkcs11Token, break_it: Callable[[Connection], None]
) -> None:
    signer = await hsm_token.generate("ES256")
    await hsm_token.run(break_it, again=False)
    signatures = await asyncio.gather(*[signer.sign(b"data") for _ in range(4)])
    for signature in signatures:
        verify_signature("ES256", read_jwk(signer.public_jwk()).public_key, signature, b"data")
    await hsm_token.run(break_it, again=False)
    await hsm_token.describe()


async def test_the_library_is_not_initialised_for_every_request_while_the_token_is_away(
    softhsm: SoftHsm,
) -> None:
    now = [1000.0]
    token = Pkcs11Token(softhsm.library, "second", softhsm.pin_file, clock=lambda: now[0])
    signer = await token.generate("ES256")
    module = Pkcs11Module.of(softhsm.library.resolve())
    now[0] += 10
    with softhsm.away("second"):
        await _sentence(lambda: signer.sign(b"data"))
        begun = module.generation
        sentences = {await _sentence(lambda: signer.sign(b"data")) for _ in range(5)}
        assert len(sentences) == 1
        assert module.generation == begun
        now[0] += 1
        await _sentence(lambda: signer.sign(b"data"))
        assert module.generation == begun + 1
    await _sentence(lambda: signer.sign(b"data"))
    now[0] += 1
    await signer.sign(b"data")
    await token.close()


async def test_a_module_that_hangs_is_not_waited_for(hsm_token: Pkcs11Token) -> None:
    going_on = threading.Event()
    try:
        with pytest.raises(TokenUnavailable, match=r"has not answered within 0\.01 seconds"):
            await hsm_token.run(lambda _: going_on.wait(), seconds=0.01)
    finally:
        going_on.set()
    await _signs(hsm_token)


async def test_a_failure_of_ours_is_not_taken_for_one_of_the_token(hsm_token: Pkcs11Token) -> None:
    def fail(_: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await hsm_token.run(fail)
    await _signs(hsm_token)


@pytest.mark.parametrize("flags", [TokenFlag.USER_PIN_FINAL_TRY, TokenFlag.USER_PIN_LOCKED])
def test_the_last_attempt_is_left_to_a_person(flags: TokenFlag) -> None:
    with pytest.raises(TokenUnavailable, match="'motcua' is locked or one attempt before it"):
        check_login_is_safe(flags | TokenFlag.TOKEN_INITIALIZED, "motcua")


def test_an_attempt_that_locks_nothing_is_made() -> None:
    check_login_is_safe(TokenFlag.TOKEN_INITIALIZED | TokenFlag.USER_PIN_COUNT_LOW, "motcua")

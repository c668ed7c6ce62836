"""Keys in memory that a module's key certifies for a short time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest

from keys.backends.certified import CERTIFICATE_TYPE, certify, verify_certificate
from keys.backends.pkcs11 import Pkcs11Token
from keys.backends.software import SoftwareSigner
from keys.jose import InvalidToken, encode
from keys.jwk import InvalidJwk
from keys.policy import CERTIFICATE_LIFETIME, Purpose

NOW = 1_795_305_600
DAY = 86_400
MODULE = SoftwareSigner.generate("ES256")
MEMORY = SoftwareSigner.generate("ES256")


async def _certificate(**changes: Any) -> str:
    """A certificate with other claims than `certify` makes, signed by the module's key all the same."""
    claims = {
        "sub": MEMORY.kid,
        "jwk": MEMORY.public_jwk(),
        "purpose": "id_token",
        "nbf": NOW,
        "exp": NOW + DAY,
        **changes,
    }
    present = {name: value for name, value in claims.items() if value is not ...}
    return await encode(MODULE, present, CERTIFICATE_TYPE)


async def test_the_module_says_which_key_signs_for_what_and_how_long(hsm_token: Pkcs11Token) -> None:
    module = await hsm_token.generate("ES256")
    certificate = await certify(module, MEMORY.public_jwk(), Purpose.ID_TOKEN, NOW, NOW + DAY)
    read = verify_certificate(certificate, module.public_jwk(), NOW)
    assert (read.kid, read.purpose, read.certified_by) == (MEMORY.kid, Purpose.ID_TOKEN, module.kid)
    assert (read.not_before, read.not_after) == (NOW, NOW + DAY)
    assert read.public_jwk == MEMORY.public_jwk()


async def test_a_certificate_is_an_ordinary_jws() -> None:
    certificate = await certify(MODULE, MEMORY.public_jwk(), Purpose.ID_TOKEN, NOW, NOW + DAY)
    key = jwt.PyJWK.from_dict(MODULE.public_jwk())
    claims = jwt.decode(
        certificate, key, algorithms=["ES256"], options={"verify_exp": False, "verify_nbf": False}
    )
    assert claims["sub"] == MEMORY.kid
    assert claims["jwk"] == MEMORY.public_jwk()
    assert jwt.get_unverified_header(certificate)["typ"] == "motcua-key-certificate+jwt"


@pytest.mark.parametrize("now", [NOW - 1, NOW + DAY, NOW + 100 * DAY])
async def test_it_is_valid_in_its_time_only(now: int) -> None:
    certificate = await certify(MODULE, MEMORY.public_jwk(), Purpose.ID_TOKEN, NOW, NOW + DAY)
    with pytest.raises(InvalidToken, match="not valid at this time"):
        verify_certificate(certificate, MODULE.public_jwk(), now)
    assert verify_certificate(certificate, MODULE.public_jwk(), NOW + DAY - 1).kid == MEMORY.kid


@pytest.mark.parametrize("not_after", [NOW, NOW - 1, NOW + CERTIFICATE_LIFETIME + 1])
async def test_no_key_in_memory_is_certified_for_long(not_after: int) -> None:
    with pytest.raises(ValueError, match="is certified for at most"):
        await certify(MODULE, MEMORY.public_jwk(), Purpose.ID_TOKEN, NOW, not_after)
    with pytest.raises(InvalidToken, match="is certified for at most"):
        verify_certificate(await _certificate(exp=not_after), MODULE.public_jwk(), NOW)


async def test_a_key_does_not_certify_itself() -> None:
    with pytest.raises(ValueError, match="does not certify itself"):
        await certify(MODULE, MODULE.public_jwk(), Purpose.ID_TOKEN, NOW, NOW + DAY)
    itself = await _certificate(sub=MODULE.kid, jwk=MODULE.public_jwk())
    with pytest.raises(InvalidToken, match="for another key than it shows"):
        verify_certificate(itself, MODULE.public_jwk(), NOW)


def _named(jwk: dict[str, str], kid: str) -> dict[str, str]:
    return {**jwk, "kid": kid}


@pytest.mark.parametrize(
    "jwk",
    [
        _named(MEMORY.public_jwk(), MODULE.kid),
        {name: value for name, value in MEMORY.public_jwk().items() if name != "kid"},
        {**MEMORY.public_jwk(), "d": "AAAA"},
        {"kty": "oct", "k": "AAAA", "kid": "a"},
        {},
    ],
)
async def test_only_a_public_key_under_its_own_name_is_certified(jwk: dict[str, str]) -> None:
    with pytest.raises(InvalidJwk):
        await certify(MODULE, jwk, Purpose.ID_TOKEN, NOW, NOW + DAY)
    with pytest.raises(InvalidToken):
        verify_certificate(await _certificate(jwk=jwk), MODULE.public_jwk(), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": MODULE.kid},
        {"sub": 1},
        {"purpose": "everything"},
        {"purpose": None},
        {"purpose": ["id_token"]},
        {"nbf": str(NOW)},
        {"nbf": True, "exp": 2},
        {"exp": float(NOW + DAY)},
        {"jwk": "key"},
        {"jwk": {**MEMORY.public_jwk(), "x5t": 1}},
        {"exp": ...},
        {"nbf": ...},
        {"jwk": ...},
        {"iss": "https://sso.example.gov.vn"},
    ],
)
async def test_a_certificate_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        verify_certificate(await _certificate(**changes), MODULE.public_jwk(), NOW)


def _changed(certificate: str) -> str:
    header, payload, signature = certificate.split(".")
    return f"{header}.{payload[:-2]}{'AA' if payload[-2:] != 'AA' else 'BB'}.{signature}"


@pytest.mark.parametrize("change", [_changed, lambda text: text[:-4], lambda _: "", lambda text: text + "."])
async def test_a_changed_certificate_is_refused(change: Callable[[str], str]) -> None:
    certificate = await _certificate()
    with pytest.raises(InvalidToken):
        verify_certificate(change(certificate), MODULE.public_jwk(), NOW)


async def test_neither_another_key_nor_another_kind_of_token_passes() -> None:
    claims = {"sub": MEMORY.kid}
    with pytest.raises(InvalidToken, match="not of this key of the module"):
        verify_certificate(await _certificate(), MEMORY.public_jwk(), NOW)
    with pytest.raises(InvalidToken, match="not of type"):
        verify_certificate(await encode(MODULE, claims, "JWT"), MODULE.public_jwk(), NOW)
    with pytest.raises(InvalidToken, match="is not a public key"):
        verify_certificate(await _certificate(), {"kty": "EC"}, NOW)

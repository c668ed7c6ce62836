"""Request objects of clients of the FAPI 2.0 profiles (Message Signing §5.3.1): signed, for us, and of this hour."""

from __future__ import annotations

from typing import Any, Final

import pytest

from idp.errors import InvalidRequest, InvalidRequestObject
from idp.oidc.client import Client
from idp.oidc.jwt_times import CLOCK_SKEW
from idp.oidc.request_object.claims import LONGEST_LIFETIME as HOUR
from tests.support.oidc_rules import ISSUER, NOW, PARAMETERS
from tests.support.request_object_rules import GOOD, for_us, portal, read, refusal
from tests.support.request_objects import KID, signed, unsigned

KINDS: Final = ("ES256", "PS256", "EdDSA")
FAPI: Final[dict[str, Any]] = {"token_endpoint_auth_method": "private_key_jwt"}
MUST_SIGN: Final = portal(*KINDS, "RS256", profile="fapi2_message_signing", **FAPI)
MAY_SIGN: Final = portal(*KINDS, profile="fapi2", **FAPI)
INSIDE: Final[dict[str, Any]] = {**GOOD, **PARAMETERS, "response_mode": "jwt"}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (INSIDE | changes).items() if name not in names}


@pytest.mark.parametrize("by", [MUST_SIGN, MAY_SIGN])
@pytest.mark.parametrize("alg", KINDS)
async def test_what_it_may_be_signed_with(by: Client, alg: str) -> None:
    token = signed(INSIDE, alg, kid=KID if alg == "ES256" else alg)
    assert dict(await read(by, *PARAMETERS, client_id="portal", request=token)) == {
        **PARAMETERS,
        "response_mode": "jwt",
    }


@pytest.mark.parametrize("by", [MUST_SIGN, MAY_SIGN])
@pytest.mark.parametrize(
    "token",
    [
        signed(INSIDE, "RS256", kid="RS256"),
        signed(INSIDE, "HS256", key=b"x" * 64),
        unsigned(INSIDE),
        unsigned(INSIDE, kid=KID),
        signed(INSIDE)[:-6] + "AAAAAA",
        signed(INSIDE, kid="another"),
        "e30.e30.x",
        "x",
    ],
    ids=["RS256", "HS256", "none", "none by a key", "damaged", "unknown key", "empty", "no JWT"],
)
async def test_what_it_may_not_be_signed_with(by: Client, token: str) -> None:
    assert type(await refusal(by, token)) is InvalidRequestObject


@pytest.mark.parametrize("name", ["iss", "aud", "nbf", "exp", "client_id"])
@pytest.mark.parametrize("by", [MUST_SIGN, MAY_SIGN])
async def test_what_it_has_to_say(by: Client, name: str) -> None:
    error = await refusal(by, signed(without(name)))
    assert isinstance(error, InvalidRequestObject)
    assert error.description == f"{name} is missing in the request object"


TIMES: Final[list[tuple[str, dict[str, int], str]]] = [
    ("just now", {}, ""),
    ("for an hour", {"nbf": NOW, "exp": NOW + HOUR}, ""),
    ("for a second more", {"nbf": NOW, "exp": NOW + HOUR + 1}, "exp"),
    ("for 70 minutes", {"nbf": NOW, "exp": NOW + 70 * 60}, "exp"),
    ("an hour old", {"nbf": NOW - HOUR, "exp": NOW}, ""),
    ("an hour old by a slow clock", {"nbf": NOW - HOUR - CLOCK_SKEW + 1, "exp": NOW - CLOCK_SKEW + 1}, ""),
    ("older", {"nbf": NOW - HOUR - CLOCK_SKEW - 1, "exp": NOW - CLOCK_SKEW + 1}, "nbf"),
    ("70 minutes old, for 80", {"nbf": NOW - 70 * 60, "exp": NOW + 10 * 60}, "nbf"),
    ("over", {"nbf": NOW - 600, "exp": NOW - CLOCK_SKEW}, "exp"),
    ("from 8 seconds on", {"nbf": NOW + 8, "exp": NOW + 300}, ""),
    ("from a minute on", {"nbf": NOW + CLOCK_SKEW, "exp": NOW + 300}, ""),
    ("from later on", {"nbf": NOW + CLOCK_SKEW + 1, "exp": NOW + 300}, "nbf"),
    ("made later", {"iat": NOW + CLOCK_SKEW + 1}, "iat"),
]


@pytest.mark.parametrize(("times", "fault"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES])
@pytest.mark.parametrize("by", [MUST_SIGN, MAY_SIGN])
async def test_when_it_is_good(by: Client, times: dict[str, int], fault: str) -> None:
    token = signed(INSIDE | times)
    if not fault:
        assert (await read(by, request=token))["state"] == PARAMETERS["state"]
        return
    error = await refusal(by, token)
    assert isinstance(error, InvalidRequestObject)
    assert fault in error.description


@pytest.mark.parametrize("audience", [ISSUER, [ISSUER], ["https://other.example", ISSUER]])
async def test_for_whom_it_is(audience: Any) -> None:
    assert await read(MUST_SIGN, request=signed(INSIDE | {"aud": audience}))


@pytest.mark.parametrize(
    "audience", ["https://other.example", [], f"{ISSUER}/", f"{ISSUER}/par", ["https://other.example"], 7]
)
async def test_for_whom_it_is_not(audience: Any) -> None:
    assert isinstance(await refusal(MUST_SIGN, signed(INSIDE | {"aud": audience})), InvalidRequestObject)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody"},
        {"client_id": "somebody"},
        {"sub": "portal"},
        {"request_uri": "https://portal.example.gov.vn/request.jwt"},
        {"request": "e30.e30.x"},
    ],
)
async def test_what_it_must_not_say(changes: dict[str, str]) -> None:
    assert isinstance(await refusal(MUST_SIGN, signed(INSIDE | changes)), InvalidRequestObject)


async def test_who_must_sign_sends_nothing_else() -> None:
    with pytest.raises(InvalidRequest, match="signed request object"):
        await read(MUST_SIGN)
    found = await read(MUST_SIGN, request=signed(without("nonce")), nonce="outside", prompt="login")
    assert not {"nonce", "prompt"} & found.keys()


async def test_it_may_be_encrypted_for_us() -> None:
    assert await read(MUST_SIGN, request=for_us(signed(INSIDE)))
    assert isinstance(await refusal(MUST_SIGN, for_us(unsigned(INSIDE))), InvalidRequestObject)

"""RFC 9101 and OpenID Connect Core §6: which request objects are believed, and which parameters count then."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from idp.errors import (
    InvalidRequest,
    InvalidRequestObject,
    InvalidRequestUri,
    PageError,
    RequestNotSupported,
    RequestUriNotSupported,
)
from idp.oidc.authorization_request import read_authorization_request, read_parameters
from idp.oidc.client_keys import ClientKeys
from idp.oidc.jwt_times import CLOCK_SKEW
from idp.oidc.redirect_uri import prove_target
from idp.oidc.request_object.claims import LONGEST_LIFETIME
from idp.oidc.request_object.unfolding import Means, unfold
from keys import policy
from tests.support.oidc_rules import ISSUER, NOW, PARAMETERS, client, pairs
from tests.support.remote import Web
from tests.support.request_object_rules import (
    GOOD,
    JWKS_URI,
    MUST_SIGN,
    SIGNS,
    UNSIGNED,
    URI,
    for_us,
    our_keys,
    portal,
    read,
    refusal,
)
from tests.support.request_objects import public_jwk, signed, unsigned


async def test_without_one_nothing_changes() -> None:
    assert dict(await read(SIGNS)) == PARAMETERS


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
async def test_a_signed_object_of_each_algorithm(alg: str) -> None:
    token = signed(GOOD | {"nonce": "inside"}, alg)
    by = client(jwks={"keys": [public_jwk(alg)]})
    for registered in (by, client(jwks={"keys": [public_jwk(alg)]}, request_object_signing_alg=alg)):
        assert dict(await read(registered, request=token)) == PARAMETERS | {"nonce": "inside"}


@pytest.mark.parametrize(
    "typ", [None, "JWT", "jwt", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"]
)
async def test_the_types_that_clients_send(typ: str | None) -> None:
    assert (await read(SIGNS, request=signed({"state": "inside"}, typ=typ)))["state"] == "inside"


@pytest.mark.parametrize("alg", ["ECDH-ES", "RSA-OAEP-256"])
@pytest.mark.parametrize("enc", policy.CONTENT_ENCRYPTION)
async def test_an_encrypted_object_holds_a_signed_one(alg: str, enc: str) -> None:
    token = for_us(signed(GOOD | {"nonce": "inside"}), alg, enc)
    as_it_says = portal(request_object_encryption_alg=alg, request_object_encryption_enc=enc)
    for by in (SIGNS, MUST_SIGN, as_it_says):
        inside = GOOD | PARAMETERS | {"nonce": "inside"}
        assert (await read(by, request=for_us(signed(inside), alg, enc)))["nonce"] == "inside"
    assert (await read(SIGNS, request=token))["nonce"] == "inside"
    assert (await read(UNSIGNED, request=for_us(unsigned({"nonce": "n"}), alg, enc)))["nonce"] == "n"


async def test_an_unsigned_object_of_who_registered_so() -> None:
    assert dict(await read(UNSIGNED, request=unsigned({"state": "inside"}))) == PARAMETERS | {
        "state": "inside"
    }
    assert isinstance(await refusal(UNSIGNED, signed(GOOD)), InvalidRequestObject)


async def test_an_object_by_reference() -> None:
    web = Web()
    web.put(URI, f"{signed(GOOD | {'state': 'there'})}\n".encode(), media_type="application/jwt")
    by = portal(request_uris=[URI])
    assert dict(await read(by, web=web, request_uri=URI)) == PARAMETERS | {"state": "there"}
    with pytest.raises(InvalidRequestUri):
        await read(by, web=web, request_uri=f"{URI}x")
    with pytest.raises(RequestUriNotSupported):
        await read(SIGNS, web=web, request_uri=URI)
    web.put(URI, unsigned(GOOD).encode(), media_type="application/jwt")
    with pytest.raises(RequestUriNotSupported):
        await read(by, web=web, request_uri=URI)
    assert web.asked == [URI, URI]


async def test_keys_are_fetched_where_they_are_registered_by_reference() -> None:
    web, by = Web(), client(jwks_uri=JWKS_URI)
    with pytest.raises(InvalidRequestObject, match="jwks_uri"):
        await read(by, web=web, request=signed(GOOD))
    web.put_json(JWKS_URI, {"keys": [public_jwk()]})
    assert await read(by, web=web, request=signed(GOOD))
    with pytest.raises(InvalidRequestObject, match="signature"):
        await read(by, web=web, request=signed(GOOD, kid="another"))


async def test_claims_are_looked_at_in_unsigned_ones_too() -> None:
    for claims in (
        {"iss": "province"},
        {"aud": "x"},
        {"exp": NOW - 60},
        {"request_uri": URI},
        {"client_id": "x"},
    ):
        assert isinstance(await refusal(UNSIGNED, unsigned(claims)), InvalidRequestObject)


def nested(levels: int) -> list[Any]:
    return [nested(levels - 1)] if levels else []


@pytest.mark.parametrize(
    "claims",
    [
        {"claims": {"userinfo": nested(300)}},
        {"registration": {"jwks": nested(300)}},
        {"authorization_details": nested(300)},
    ],
)
async def test_what_is_nested_deeper_than_anything_means_is_refused(claims: dict[str, Any]) -> None:
    for by, token in ((UNSIGNED, unsigned(claims)), (SIGNS, signed(GOOD | claims))):
        refused = await refusal(by, token)
        assert isinstance(refused, InvalidRequestObject)
        assert "nested" in refused.description


async def test_who_registered_one_algorithm_uses_no_other() -> None:
    by = portal("ES256", "RS256", request_object_signing_alg="RS256")
    assert await read(by, request=signed(GOOD, "RS256", kid="RS256"))
    assert isinstance(await refusal(by, signed(GOOD)), InvalidRequestObject)
    encrypts = portal(request_object_encryption_alg="RSA-OAEP-256")
    assert "as registered: alg" in (await refusal(encrypts, for_us(signed(GOOD)))).description
    exactly = portal(request_object_encryption_alg="ECDH-ES", request_object_encryption_enc="A128CBC-HS256")
    assert "as registered: enc" in (await refusal(exactly, for_us(signed(GOOD)))).description
    assert await read(exactly, request=signed(GOOD)), "encryption is never a must (Registration section 2)"


async def test_who_is_registered_for_nothing_of_the_kind_is_told_so() -> None:
    keyless = client()
    assert isinstance(await refusal(keyless, signed(GOOD)), RequestNotSupported)
    assert isinstance(await refusal(keyless, unsigned(GOOD)), RequestNotSupported)
    assert isinstance(await refusal(SIGNS, unsigned(GOOD)), RequestNotSupported)
    assert isinstance(await refusal(SIGNS, for_us(unsigned(GOOD))), RequestNotSupported)


async def test_it_comes_once_and_in_one_way() -> None:
    with pytest.raises(InvalidRequest, match="together"):
        await read(portal(request_uris=[URI]), request=signed(GOOD), request_uri=URI)
    twice = read_parameters([*pairs(request=signed(GOOD)), ("request", signed(GOOD))])
    means = Means(our_keys()[0], ClientKeys(Web().fetch), Web().fetch, ISSUER, NOW)
    with pytest.raises(InvalidRequest, match="twice"):
        await unfold(twice, SIGNS, means)


async def test_an_object_is_long_but_no_giant() -> None:
    assert await read(SIGNS, request=signed(GOOD | {"x": "x" * 11_000}))
    with pytest.raises(InvalidRequest, match="too long"):
        await read(SIGNS, request=signed(GOOD | {"x": "x" * 13_000}))
    web = Web()
    web.put(URI, signed(GOOD | {"x": "x" * 13_000}).encode())
    with pytest.raises(InvalidRequestUri):
        await read(portal(request_uris=[URI]), web=web, request_uri=URI)


async def test_clocks_may_differ_a_little() -> None:
    late = {"exp": NOW - CLOCK_SKEW + 1, "nbf": NOW + CLOCK_SKEW, "iat": NOW + CLOCK_SKEW}
    assert await read(SIGNS, request=signed(GOOD | late))
    assert await read(SIGNS, request=signed(GOOD | {"exp": NOW + 10**8})), (
        "an object may lie at a request_uri"
    )
    assert await read(SIGNS, request=signed({})), "nothing is required of it"
    assert await read(SIGNS, request=signed(GOOD | {"aud": ["https://other.example", ISSUER]}))


class TestWhoMustSign:
    """`require_signed_request_object` (RFC 9101 §10.5): only what is in the object counts (§6.3)."""

    INSIDE: Final[dict[str, Any]] = GOOD | PARAMETERS

    async def test_nothing_outside_counts(self) -> None:
        inside = {name: value for name, value in self.INSIDE.items() if name not in {"nonce", "state"}}
        found = await read(MUST_SIGN, request=signed(inside), prompt="none", max_age="0")
        assert dict(found) == {name: inside[name] for name in inside if name in PARAMETERS}

    async def test_the_client_alone_has_to_stand_outside(self) -> None:
        outside = [name for name in PARAMETERS if name != "client_id"]
        assert dict(await read(MUST_SIGN, *outside, request=signed(self.INSIDE))) == PARAMETERS

    async def test_every_request_is_signed(self) -> None:
        with pytest.raises(InvalidRequest, match="signed request object"):
            await read(MUST_SIGN)
        assert isinstance(await refusal(MUST_SIGN, unsigned(self.INSIDE)), RequestNotSupported)

    @pytest.mark.parametrize("name", ["iss", "aud", "exp", "client_id"])
    async def test_it_says_by_whom_for_whom_and_until_when(self, name: str) -> None:
        inside = {key: value for key, value in self.INSIDE.items() if key != name}
        assert (
            await refusal(MUST_SIGN, signed(inside))
        ).description == f"{name} is missing in the request object"

    async def test_it_is_good_for_an_hour_at_most(self) -> None:
        longest = NOW + LONGEST_LIFETIME + CLOCK_SKEW
        assert await read(MUST_SIGN, request=signed(self.INSIDE | {"exp": longest}))
        error = await refusal(MUST_SIGN, signed(self.INSIDE | {"exp": longest + 1}))
        assert "ahead" in error.description

    async def test_a_fault_inside_is_one_and_outside_is_none(self) -> None:
        found = await read(MUST_SIGN, request=signed(self.INSIDE | {"nonce": "a\nb"}), login_hint="a\nb")
        assert found.faults.keys() == {"nonce"}


async def test_inside_comes_before_outside() -> None:
    """Core §6.1, §6.3.1."""
    inside = {"scope": "openid", "state": "", "max_age": 60, "prompt": "login", "unknown": {"x": 1}}
    found = await read(
        SIGNS, "code_challenge", request=signed(GOOD | inside), ui_locales="vi", max_age="3600"
    )
    expected = {**PARAMETERS, "scope": "openid", "max_age": "60", "prompt": "login", "ui_locales": "vi"}
    assert dict(found) == {
        name: expected[name] for name in expected if name not in {"state", "code_challenge"}
    }


async def test_faults_of_both_sides_stay_faults() -> None:
    token = signed(GOOD | {"nonce": "a\nb", "login_hint": "x" * 3000})
    found = await read(SIGNS, request=token, ui_locales="a\nb")
    assert found.faults.keys() == {"nonce", "login_hint", "ui_locales"}
    assert not found.keys() & found.faults.keys()
    with pytest.raises(PageError):
        await read(SIGNS, request=signed(GOOD | {"redirect_uri": "a\nb"}))


async def test_claims_and_resources_stand_inside_as_json() -> None:
    claims = {"userinfo": {"name": {"essential": True}}, "id_token": {"auth_time": None}}
    api = ["https://a.example", "https://b.example"]
    by = portal(audience=api)
    for inside in (claims, json.dumps(claims)):
        parameters = await read(by, request=signed(GOOD | {"claims": inside, "resource": api}))
        found = read_authorization_request(parameters, by, prove_target(by, parameters, ISSUER))
        assert found.claims.userinfo["name"].essential
        assert list(found.resources) == api


async def test_what_nobody_unfolded_is_refused() -> None:
    parameters = read_parameters(pairs(request=signed(GOOD)))
    with pytest.raises(RequestNotSupported):
        read_authorization_request(parameters, SIGNS, prove_target(SIGNS, parameters, ISSUER))

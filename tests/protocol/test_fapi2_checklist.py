"""The OpenID Foundation's plans for FAPI 2.0 (Security Profile, Message Signing): what they want to succeed.

Each test is named after its module, without what all of them begin with; it is run with unsigned requests and plain
answers, with signed requests and JARM, and with certificates. What must be refused stands in
`test_fapi2_checklist_refusals` and `test_fapi2_checklist_tokens`.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.dpop import DpopKey
from tests.support.fapi import SECOND, Pushed
from tests.support.fapi_suite import (
    FAPI_ALGORITHMS,
    FapiSuite,
    check_answer,
    check_pushed,
    check_refused,
)
from tests.support.installation import ISSUER
from tests.support.suite_checks import PROFILE, check_key_set, check_token_response

WITH_QUERY = SECOND["redirect_uris"][0]


async def test_discovery_end_point_verification(fapi: FapiSuite) -> None:
    response = await fapi.provider.http().get("/.well-known/openid-configuration")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    said: dict[str, Any] = response.json()
    assert said["issuer"] == ISSUER
    assert "code" in said["response_types_supported"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True
    assert isinstance(said["require_pushed_authorization_requests"], bool)
    assert {"authorization_code", "refresh_token"} <= set(said["grant_types_supported"])
    assert "private_key_jwt" in said["token_endpoint_auth_methods_supported"]
    assert "jwt" in said["response_modes_supported"]
    for signed in ("token_endpoint_auth", "id_token", "dpop", "authorization", "request_object"):
        assert FAPI_ALGORITHMS & set(_algorithms(said, signed)), signed
    assert set(said["dpop_signing_alg_values_supported"]) <= FAPI_ALGORITHMS
    addresses = [said[name] for name in said if name.endswith(("_endpoint", "_uri"))]
    assert said["pushed_authorization_request_endpoint"] in addresses
    assert all(urlsplit(address).scheme == "https" for address in addresses)


def _algorithms(said: dict[str, Any], signed: str) -> list[str]:
    names = [
        name for name in said if name.startswith(signed) and name.endswith("signing_alg_values_supported")
    ]
    return [alg for name in names for alg in said[name]]


async def test_happy_flow(fapi: FapiSuite) -> None:
    check_key_set(await fapi.provider.http().get("/jwks"))
    first = await fapi.flow(fapi.first)
    asked = fapi.second.ask(
        state=secrets.token_hex(64),
        nonce=secrets.token_urlsafe(33)[:43],
        redirect_uri=WITH_QUERY,
        **({"dpop_jkt": fapi.second.holder.key.jkt} if fapi.second.scheme == "DPoP" else {}),
    )
    turned = replace(asked, parameters=dict(reversed(list(asked.parameters.items()))))
    form = (
        {"request": fapi.second.request_object(turned.parameters)} if fapi.second.signs else turned.parameters
    )
    pushed = Pushed(turned, await fapi.second.direct("/par", form, proof=False))
    check_pushed(pushed.response)
    beside = {name: asked.parameters[name] for name in ("scope", "redirect_uri", "response_type")}
    second = await fapi.finish(fapi.second, turned, await fapi.arrive(pushed, beside=beside))
    foreign = await fapi.first.told(second.access_token)
    assert foreign.status_code == 401, "the first client's key does not open it"
    assert first.sub != second.sub


async def test_user_rejects_authentication(fapi: FapiSuite) -> None:
    for portal, more in ((fapi.first, {}), (fapi.second, {"redirect_uri": WITH_QUERY})):
        asked, visit = await portal.send(fapi.provider.browser(), state=secrets.token_hex(64), **more)
        given = await check_answer(portal, asked, await visit.submit(decision="cancel"))
        assert given["error"] == "access_denied"


async def test_ensure_authorization_request_without_state_success(fapi: FapiSuite) -> None:
    await fapi.flow(fapi.first, "state")


async def test_ensure_authorization_request_without_nonce_success(fapi: FapiSuite) -> None:
    assert "nonce" not in (await fapi.flow(fapi.first, "nonce")).claims


async def test_ensure_authorization_request_with_64_char_nonce_success(fapi: FapiSuite) -> None:
    nonce = secrets.token_hex(32)
    assert (await fapi.flow(fapi.first, nonce=nonce)).claims["nonce"] == nonce


async def test_ensure_other_scope_order_succeeds(fapi: FapiSuite) -> None:
    tokens = await fapi.flow(fapi.first, scope="phone profile openid")
    assert set(tokens.body.get("scope", "phone profile openid").split()) == {"openid", "profile", "phone"}


@pytest.mark.parametrize(
    "wish", [None, {"essential": True}, {"value": "x"}], ids=["null", "essential", "value"]
)
async def test_test_claims_parameter_identity_claims(fapi: FapiSuite, wish: object) -> None:
    asked = {"userinfo": dict.fromkeys([*PROFILE, "shoe_size"], wish), "id_token": {"name": wish}}
    if wish == {"value": "x"}:  # nobody is called so: it is told what they are called, or nothing
        asked["id_token"] = {}
    requested, code = await fapi.code(fapi.first, scope="openid", claims=json.dumps(asked))
    tokens = await fapi.first.read(await fapi.first.redeem(requested, code))
    told = (await fapi.first.told(tokens.access_token)).json()
    assert "shoe_size" not in told
    if wish != {"value": "x"}:
        assert tokens.claims["name"] == told["name"]
        assert told.keys() >= PROFILE


async def test_access_token_type_header_case_sensitivity(fapi: FapiSuite) -> None:
    tokens = await fapi.flow(fapi.first)
    name = fapi.first.scheme
    for scheme in (name.lower(), name.upper(), name):
        assert (await fapi.first.told(tokens.access_token, scheme)).status_code == 200


async def test_ensure_request_object_with_multiple_aud_succeeds(signing: FapiSuite) -> None:
    asked = signing.first.ask()
    request = signing.first.request_object(asked.parameters, aud=[ISSUER, "https://other.example"])
    pushed = Pushed(asked, await signing.first.direct("/par", {"request": request}))
    await signing.finish(signing.first, asked, await signing.arrive(pushed))


async def test_ensure_request_object_with_nbf_8_seconds_in_the_future_is_accepted(signing: FapiSuite) -> None:
    asked, now = signing.first.ask(), int(signing.first.clock())
    request = signing.first.request_object(asked.parameters, nbf=now + 8)
    pushed = Pushed(asked, await signing.first.direct("/par", {"request": request}))
    await signing.finish(signing.first, asked, await signing.arrive(pushed))


async def test_ensure_dpopproof_at_par_endpoint_binding_success(keyed: FapiSuite) -> None:
    await keyed.flow(keyed.first)  # it sends a proof with whatever it pushes


async def test_ensure_dpop_auth_code_binding_success(keyed: FapiSuite) -> None:
    await keyed.flow(keyed.first, dpop_jkt=keyed.first.holder.key.jkt)


async def test_par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(fapi: FapiSuite) -> None:
    pushed, browser = await fapi.first.push(), fapi.provider.browser()
    looked = await browser.open(pushed.address(ISSUER))
    assert looked.told("sign_in")
    visit = await fapi.arrive(pushed, browser)
    await fapi.finish(fapi.first, pushed.asked, visit)


async def test_par_without_duplicate_parameters(fapi: FapiSuite) -> None:
    pushed = await fapi.first.push()
    address = pushed.address(ISSUER)
    assert dict(parse_qsl(urlsplit(address).query)).keys() == {"client_id", "request_uri"}
    await fapi.finish(fapi.first, pushed.asked, await fapi.arrive(pushed))


async def test_par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted(
    keyed: FapiSuite,
) -> None:
    ahead = int(keyed.first.clock()) + 8
    asked = keyed.first.ask()
    form = (
        {"request": keyed.first.request_object(asked.parameters)} if keyed.first.signs else asked.parameters
    )
    assertion = keyed.first.assertion(iat=ahead, nbf=ahead, exp=ahead + 60)
    check_pushed(await keyed.first.direct("/par", form, assertion=assertion))


async def test_refresh_token(fapi: FapiSuite) -> None:
    tokens, scheme = await fapi.flow(fapi.first), fapi.first.scheme.lower()
    renewed = await fapi.first.refresh(tokens.refresh_token)
    check_token_response(renewed, "openid profile phone", scheme=scheme)
    again = await fapi.first.read(renewed)
    assert again.refresh_token == tokens.refresh_token, "not rotated without need"
    for name in ("iss", "sub", "aud", "auth_time"):
        assert again.claims[name] == tokens.claims[name]
    fapi.provider.clock.advance(30)
    check_token_response(
        await fapi.first.refresh(tokens.refresh_token), "openid profile phone", scheme=scheme
    )
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
    anonymous = await fapi.first.anonymous("/token", form)
    check_refused(anonymous, "invalid_client", "invalid_grant", "invalid_request", unauthorized=True)
    unproven = await fapi.first.direct("/token", form, proof=False)
    check_refused(unproven, "invalid_client", "invalid_request", "invalid_dpop_proof", unauthorized=True)
    check_refused(await fapi.second.refresh(tokens.refresh_token), "invalid_grant")


async def test_a_refresh_token_is_used_with_another_dpop_key(keyed: FapiSuite) -> None:
    tokens = await keyed.flow(keyed.first)
    other_key = keyed.first.with_key(DpopKey.fresh())
    changed = await other_key.refresh(tokens.refresh_token)
    check_token_response(changed, "openid profile phone", scheme="dpop")
    assert (await other_key.told(changed.json()["access_token"])).status_code == 200


async def test_ensure_different_nonce_inside_and_outside_request_object(fapi: FapiSuite) -> None:
    pushed = await fapi.first.push()
    await fapi.finish(fapi.first, pushed.asked, await fapi.arrive(pushed, beside={"nonce": "outer"}))


async def test_ensure_different_state_inside_and_outside_request_object(fapi: FapiSuite) -> None:
    pushed = await fapi.first.push()
    await fapi.finish(fapi.first, pushed.asked, await fapi.arrive(pushed, beside={"state": "outer"}))


async def test_state_only_outside_request_object_not_used(fapi: FapiSuite) -> None:
    pushed = await fapi.first.push("state")
    await fapi.finish(fapi.first, pushed.asked, await fapi.arrive(pushed, beside={"state": "outer"}))


async def test_ensure_authorization_request_with_long_nonce(fapi: FapiSuite) -> None:
    nonce = secrets.token_hex(192)
    assert (await fapi.flow(fapi.first, nonce=nonce)).claims["nonce"] == nonce


async def test_ensure_authorization_request_with_long_state(fapi: FapiSuite) -> None:
    await fapi.flow(fapi.first, state=secrets.token_hex(500))

"""The OpenID Foundation's plan FAPI-CIBA ID1: what it wants to succeed.

Tests and rows have the names of its modules, without what all of them begin with. What must be refused stands in
`test_fapi_ciba_refusals`, pings in `test_fapi_ciba_ping`, and what CIBA Core says beside in `test_ciba`.
"""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from keys.certificate import thumbprint_of
from tests.support.ciba import (
    CERTIFICATE,
    OTHER_CERTIFICATE,
    REQUESTS,
    Asked,
    CertifiedCounter,
    Counter,
    agree,
    look_at,
    open_requests,
    refuse,
    request_id,
)
from tests.support.population import HOA
from tests.support.provider import Provider
from tests.support.suite_checks import check_token_error, check_token_response, check_unguessable

ADVERTISED = {"PS256", "ES256", "EdDSA", "Ed25519"}
TOLD = "urn:openid:params:jwt:claim:auth_req_id"


def check_acknowledged(asked: Asked) -> None:
    """CIBA Core §7.3."""
    assert asked.response.status_code == 200, asked.response.text
    assert asked.response.headers["content-type"] == "application/json"
    assert "no-store" in asked.response.headers["cache-control"]
    body = asked.response.json()
    check_unguessable(body["auth_req_id"])
    assert body["expires_in"] > 0
    assert body["interval"] >= 0


async def test_discovery_end_point_verification(ciba: Provider) -> None:
    said: dict[str, Any] = (await ciba.http().get("/.well-known/openid-configuration")).json()
    assert said["backchannel_authentication_endpoint"].startswith("https://")
    assert said["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]
    assert "urn:openid:params:grant-type:ciba" in said["grant_types_supported"]
    assert {"PS256", "ES256"} <= set(said["backchannel_authentication_request_signing_alg_values_supported"])
    assert said["backchannel_user_code_parameter_supported"] is False
    assert said["tls_client_certificate_bound_access_tokens"] is True
    methods = {"private_key_jwt", "self_signed_tls_client_auth"}
    assert methods <= set(said["token_endpoint_auth_methods_supported"])
    assert {"PS256", "ES256"} <= set(said["token_endpoint_auth_signing_alg_values_supported"])


@pytest.mark.parametrize("kind", ["counter", "held", "shown"])
async def test_fapi_ciba_id1(
    ciba: Provider, counter: Counter, held: CertifiedCounter, shown: CertifiedCounter, kind: str
) -> None:
    """The whole way, by DPoP, by assertion and certificate, by certificate alone."""
    asks = {"counter": counter, "held": held, "shown": shown}[kind]
    asked = await asks.ask_for(scope="openid profile")
    check_acknowledged(asked)
    check_token_error(await asked.poll(), "authorization_pending")
    await agree(ciba, ciba.browser(), asked)
    ciba.clock.advance(5)
    response = await asked.poll()
    check_token_response(response, "openid profile", scheme="dpop" if kind == "counter" else "bearer")
    tokens = await asks.read(response)
    assert jwt.get_unverified_header(tokens.id_token)["alg"] == "ES256"
    assert tokens.claims[TOLD] == asked.auth_req_id
    assert tokens.claims["acr"]
    assert (await asks.userinfo(tokens.access_token)).json()["name"] == HOA.name
    bound = jwt.decode(tokens.access_token, options={"verify_signature": False})["cnf"]
    assert bound == ({"jkt": counter.holder.key.jkt} if kind == "counter" else {"x5t#S256": _thumbprint()})
    check_token_error(await asked.poll(), "invalid_grant")
    assert (await asks.userinfo(tokens.access_token)).status_code == 401, "a replay ends what it gave"


def _thumbprint() -> str:
    return thumbprint_of(CERTIFICATE.der)


async def test_user_rejects_authentication(ciba: Provider, counter: Counter) -> None:
    asked = await counter.ask_for()
    visit = await refuse(ciba.browser(), asked)
    assert "Đã từ chối dịch vụ" in visit.text
    check_token_error(await asked.poll(), "access_denied")


async def test_who_refuses_at_once_need_not_look(ciba: Provider, counter: Counter) -> None:
    asked = await counter.ask_for()
    visit = await (await open_requests(ciba.browser())).submit(refuse=request_id(asked))
    assert (visit.path, "Đã từ chối dịch vụ" in visit.text) == (REQUESTS, True)
    check_token_error(await asked.poll(), "access_denied")


async def test_multiple_call_to_token_endpoint(ciba: Provider, counter: Counter) -> None:
    asked = await counter.ask_for()
    assert [await asked.outcome() for _ in range(3)] == ["authorization_pending", "slow_down", "slow_down"]
    await agree(ciba, ciba.browser(), asked)
    check_token_response(await asked.poll(), "openid", scheme="dpop")


async def test_auth_req_id_expired(ciba: Provider, counter: Counter) -> None:
    asked = await counter.ask_for(requested_expiry=10)
    assert asked.response.json()["expires_in"] == 10
    ciba.clock.advance(11)
    check_token_error(await asked.poll(), "expired_token")
    assert "1234" not in (await open_requests(ciba.browser())).text


async def test_ensure_authorization_request_with_binding_message_succeeds(
    ciba: Provider, counter: Counter
) -> None:
    asked, browser = await counter.ask_for(binding_message="1234"), ciba.browser()
    assert '<strong class="message">1234</strong>' in (await open_requests(browser)).text
    assert (await look_at(browser, asked)).told("binding_message") == "1234"


@pytest.mark.parametrize("scope", ["openid profile", "profile openid"])
async def test_ensure_other_scope_order_succeeds(ciba: Provider, counter: Counter, scope: str) -> None:
    asked = await counter.ask_for(scope=scope)
    await agree(ciba, ciba.browser(), asked)
    check_token_response(await asked.poll(), scope, scheme="dpop")


@pytest.mark.parametrize("given", [30, "30"])
async def test_ensure_requested_expiry_as_string_succeeds(counter: Counter, given: object) -> None:
    assert (await counter.ask_for(requested_expiry=given)).response.json()["expires_in"] == 30


@pytest.mark.parametrize("given", [901, 10_000_000, "1" * 15])
async def test_what_is_too_long_to_wait_is_cut(counter: Counter, given: object) -> None:
    assert (await counter.ask_for(requested_expiry=given)).response.json()["expires_in"] == 900


@pytest.mark.parametrize(
    "message",
    [
        "1234 \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-6} 品川 Lor3m 1psum d0lor 51t am3t",
        "a" * 41,
        "vào https://kẻ.gian ngay",
        "evil.example",
        "<b>1234</b>",
        "12\n34",
        "\N{RIGHT-TO-LEFT OVERRIDE}1234",
        "\N{CYRILLIC SMALL LETTER A}123",
        "evil\N{LATIN LETTER SINOLOGICAL DOT}example/1",
        "1234\N{LATIN LETTER RETROFLEX CLICK}",
        "\N{LATIN SMALL LETTER DOTLESS I}123",
        "\N{ARABIC-INDIC DIGIT ONE}23",
        " 1234",
        "1--2",
    ],
)
async def test_ensure_authorization_request_with_potentially_bad_binding_message(
    counter: Counter, message: str
) -> None:
    """There is no room for an address, and nothing that looks like what it is not."""
    status, error = (await counter.ask_for(binding_message=message)).error
    assert (status, error in {"invalid_binding_message", "invalid_request"}) == (400, True)


@pytest.mark.parametrize(
    "message",
    ["HS-2026/0412 quầy 3", "Đơn số 7", "Giấy phép xây dựng ở phường Ỷ La", "W4SCT", "Hồ sơ #12", "a" * 40],
)
async def test_what_counters_say_can_be_said(ciba: Provider, counter: Counter, message: str) -> None:
    await counter.ask_for(binding_message=message)
    assert message in (await open_requests(ciba.browser())).text


async def test_refresh_token(ciba: Provider, held: CertifiedCounter, shown: CertifiedCounter) -> None:
    asked = await held.ask_for(scope="openid profile")
    await agree(ciba, ciba.browser(), asked)
    tokens = await asked.tokens()
    response = await held.refresh(tokens.refresh_token)
    check_token_response(response, "openid profile")
    refreshed = await held.read(response)
    assert {name: refreshed.claims[name] for name in ("iss", "sub", "aud", "auth_time")} == {
        name: tokens.claims[name] for name in ("iss", "sub", "aud", "auth_time")
    }
    check_token_error(await shown.refresh(tokens.refresh_token), "invalid_grant")
    check_token_error(await held.showing(ciba, None).refresh(tokens.refresh_token), "invalid_request")


async def test_ensure_mtls_holder_of_key_required(ciba: Provider, held: CertifiedCounter) -> None:
    asked, bare = await held.ask_for(), held.showing(ciba, None)
    check_token_error(await asked.poll(bare), "invalid_request", "invalid_client")
    await agree(ciba, ciba.browser(), asked)
    check_token_error(await asked.poll(bare), "invalid_request", "invalid_client")
    tokens = await asked.tokens()  # whoever forgot its certificate has used nothing up
    other = held.showing(ciba, OTHER_CERTIFICATE)
    assert (await other.userinfo(tokens.access_token)).status_code == 401
    assert (await bare.userinfo(tokens.access_token)).status_code == 401


async def test_ensure_client_assertion_with_iss_aud_to_token_endpoint_succeeds(
    ciba: Provider, held: CertifiedCounter
) -> None:
    """As every assertion of these portals: its audience is the issuer."""
    claims = jwt.decode(held.assertion(), options={"verify_signature": False})
    assert claims["aud"] == held.issuer
    check_token_error(await (await held.ask_for()).poll(), "authorization_pending")

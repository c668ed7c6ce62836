"""The OpenID Foundation's plan FAPI-CIBA ID1: what it wants to be refused; see `test_fapi_ciba` for names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from idp.oidc.grant_types import CIBA
from tests.support.ciba import (
    CERTIFICATE,
    COUNTER,
    OTHER_CERTIFICATE,
    CertifiedCounter,
    Counter,
    register_certified,
)
from tests.support.fapi_suite import check_refused
from tests.support.portals import ASSERTION_TYPE
from tests.support.provider import Provider
from tests.support.request_objects import unsigned
from tests.support.suite_checks import check_token_error

MINUTES: Final = 60
Changes = Callable[[int], Mapping[str, Any]]


def _claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(lambda _: {"aud": None}, id="ensure-request-object-missing-aud-fails"),
        pytest.param(lambda _: {"aud": "https://other.example"}, id="ensure-request-object-bad-aud-fails"),
        pytest.param(lambda _: {"iss": None}, id="ensure-request-object-missing-iss-fails"),
        pytest.param(lambda _: {"iss": "counter-2"}, id="ensure-request-object-bad-iss-fails"),
        pytest.param(lambda _: {"exp": None}, id="ensure-request-object-missing-exp-fails"),
        pytest.param(lambda now: {"exp": now - 5 * MINUTES}, id="ensure-request-object-expired-exp-fails"),
        pytest.param(
            lambda now: {"exp": now + 70 * MINUTES},
            id="ensure-request-object-exp-is-70-minutes-in-future-fails",
        ),
        pytest.param(lambda _: {"iat": None}, id="ensure-request-object-missing-iat-fails"),
        pytest.param(lambda _: {"nbf": None}, id="ensure-request-object-missing-nbf-fails"),
        pytest.param(
            lambda now: {"nbf": now + 10 * MINUTES, "exp": now + 15 * MINUTES},
            id="ensure-request-object-nbf-is-10-minutes-in-future-fails",
        ),
        pytest.param(
            lambda now: {"nbf": now - 70 * MINUTES, "exp": now + MINUTES},
            id="ensure-request-object-nbf-is-70-minutes-in-past-fails",
        ),
        pytest.param(lambda _: {"jti": None}, id="ensure-request-object-missing-jti-fails"),
        pytest.param(lambda _: {"jti": 7}, id="jti-is-no-text"),
        pytest.param(lambda _: {"sub": "call-centre"}, id="a-client-assertion-is-no-request"),
        pytest.param(
            lambda _: {"id_token_hint": "a.b.c"}, id="ensure-authorization-request-with-multiple-hints-fails"
        ),
        pytest.param(lambda _: {"login_hint_token": "a.b.c"}, id="a-token-is-a-further-hint"),
        pytest.param(
            lambda _: {"login_hint": None, "login_hint_token": "a.b.c"}, id="tokens-are-no-hints-here"
        ),
        pytest.param(lambda _: {"login_hint": None}, id="no-hint"),
        pytest.param(
            lambda _: {"login_hint": None, "id_token_hint": "a.b.c"}, id="a-hint-that-is-no-id-token"
        ),
        pytest.param(lambda _: {"binding_message": None}, id="no-binding-message"),
        pytest.param(lambda _: {"binding_message": 1234}, id="binding-message-is-no-text"),
        pytest.param(lambda _: {"requested_expiry": 0}, id="requested-expiry-is-nothing"),
        pytest.param(lambda _: {"requested_expiry": -5}, id="requested-expiry-is-negative"),
        pytest.param(lambda _: {"requested_expiry": True}, id="requested-expiry-is-no-number"),
        pytest.param(lambda _: {"request": "a.b.c"}, id="a-request-within-the-request"),
        pytest.param(lambda _: {"claims": "{"}, id="claims-are-no-json"),
    ],
)
async def test_claims_of_a_request(counter: Counter, changes: Changes) -> None:
    changed = changes(int(counter.clock()))
    request = counter.request_object(counter.claims(), **changed)
    check_refused((await counter.ask_signed(request)).response, "invalid_request")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"login_hint": "0912345678"}, "unknown_user_id"),
        ({"login_hint": "hoa@dichvu.example"}, "unknown_user_id"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid pid"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"binding_message": "http://1"}, "invalid_binding_message"),
        ({"claims": {"id_token": {"acr": {"essential": True, "value": "LoA4"}}}}, "invalid_request"),
    ],
)
async def test_what_is_asked_for(counter: Counter, changes: Mapping[str, str], error: str) -> None:
    check_refused((await counter.ask_for(**changes)).response, error)


def _none(counter: Counter, good: str) -> str:
    return unsigned(_claims(good))


def _damaged(counter: Counter, good: str) -> str:
    head, body, signature = good.split(".")
    return ".".join((head, body, ("A" if signature[0] != "A" else "B") + signature[1:]))


def _rs256(counter: Counter, good: str) -> str:
    return jwt.encode(_claims(good), rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "k1"})


def _by_the_other_client(counter: Counter, good: str) -> str:
    return jwt.encode(_claims(good), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "k1"})


def _logout_token(counter: Counter, good: str) -> str:
    header = {"kid": "k1", "typ": "logout+jwt"}
    assert counter.registered.private_key is not None
    return jwt.encode(_claims(good), counter.registered.private_key, "ES256", headers=header)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(_none, id="ensure-request-object-signature-algorithm-is-none-fails"),
        pytest.param(_damaged, id="ensure-request-object-signature-algorithm-is-bad-fails"),
        pytest.param(_rs256, id="ensure-request-object-signature-algorithm-is-RS256-fails"),
        pytest.param(_by_the_other_client, id="ensure-request-object-signed-by-other-client-fails"),
        pytest.param(_logout_token, id="a-jwt-of-another-kind"),
        pytest.param(lambda *_: "no-jwt", id="no-jwt"),
    ],
)
async def test_signatures_of_a_request(counter: Counter, forge: Callable[[Counter, str], str]) -> None:
    good = counter.request_object(counter.claims())
    check_refused((await counter.ask_signed(forge(counter, good))).response, "invalid_request")


async def test_control_the_request_that_is_forged_is_a_good_one(counter: Counter) -> None:
    request = counter.request_object(counter.claims())
    assert (await counter.ask_signed(request)).auth_req_id
    check_refused((await counter.ask_signed(request)).response, "invalid_request")  # once


async def test_the_registered_algorithm_is_the_only_one(ciba: Provider) -> None:
    strict = await Counter.register(
        ciba,
        {**COUNTER, "client_id": "strict", "sector": "strict"},
        backchannel_authentication_request_signing_alg="PS256",
    )
    check_refused((await strict.ask_for()).response, "invalid_request")


async def test_ensure_unsigned_backchannel_authorization_request_fails(counter: Counter) -> None:
    form = {name: str(value) for name, value in counter.claims().items()}
    check_refused(await counter.post("/bc-authorize", **form), "invalid_request")


@pytest.mark.parametrize("name", ["scope", "login_hint", "binding_message", "request_uri", "user_code"])
async def test_nothing_stands_beside_the_request(counter: Counter, name: str) -> None:
    """CIBA Core §7.1.1."""
    request = counter.request_object(counter.claims())
    check_refused((await counter.ask_signed(request, **{name: "openid"})).response, "invalid_request")


async def test_ensure_wrong_auth_req_id_in_token_endpoint_request(
    counter: Counter, held: CertifiedCounter
) -> None:
    asked = await counter.ask_for()
    check_token_error(await asked.poll(held), "invalid_grant")
    check_token_error(await asked.poll(auth_req_id="nothing-of-the-sort"), "invalid_grant")
    check_token_error(await counter.post("/token", grant_type=CIBA), "invalid_request")
    check_token_error(await asked.poll(), "authorization_pending")


async def test_who_is_not_registered_for_it(ciba: Provider) -> None:
    kept = ciba.portal("ministry")
    check_refused(await kept.post("/bc-authorize", request="a.b.c"), "unauthorized_client")


# Without assertions: clients that their certificate proves.


async def _second(ciba: Provider) -> CertifiedCounter:
    return await register_certified(
        ciba, OTHER_CERTIFICATE, "shown-2", token_endpoint_auth_method="self_signed_tls_client_auth"
    )


async def test_ensure_different_client_id_and_issuer_in_backchannel_authorization_request(
    ciba: Provider, shown: CertifiedCounter
) -> None:
    second, request = await _second(ciba), shown.request_object(shown.claims())
    response = await shown.http.post(
        "/bc-authorize", data={"client_id": second.client_id, "request": request}
    )
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_ensure_wrong_client_id_in_token_endpoint_request(
    ciba: Provider, shown: CertifiedCounter
) -> None:
    second, asked = await _second(ciba), await shown.ask_for()
    check_token_error(await asked.poll(second.showing(ciba, CERTIFICATE)), "invalid_client")


async def test_ensure_wrong_client_id_in_backchannel_authorization_request(
    ciba: Provider, shown: CertifiedCounter
) -> None:
    second = (await _second(ciba)).showing(ciba, CERTIFICATE)
    response = (await second.ask_for()).response
    check_refused(response, "invalid_client", unauthorized=True)


# With assertions.


async def _send(held: CertifiedCounter, path: str, assertion: str | None) -> httpx2.Response:
    proven = (
        {} if assertion is None else {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    )
    form = {
        "/bc-authorize": {"request": held.request_object(held.claims())},
        "/token": {"grant_type": CIBA, "auth_req_id": "x"},
    }[path]
    return await held.http.post(path, data={**proven, **form, "client_id": held.client_id})


async def test_ensure_without_client_assertion_in_token_endpoint_request(held: CertifiedCounter) -> None:
    check_refused(await _send(held, "/token", None), "invalid_client", unauthorized=True)


async def test_ensure_without_client_assertion_in_backchannel_authorization_request(
    held: CertifiedCounter,
) -> None:
    check_refused(await _send(held, "/bc-authorize", None), "invalid_client", unauthorized=True)


def _by_rs256(held: CertifiedCounter) -> str:
    claims = _claims(held.assertion())
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "k1"})


async def test_ensure_client_assertion_signature_algorithm_in_backchannel_authorization_request_is_rs256_fails(
    held: CertifiedCounter,
) -> None:
    response = await _send(held, "/bc-authorize", _by_rs256(held))
    check_refused(response, "invalid_client", unauthorized=True)


async def test_ensure_client_assertion_signature_algorithm_in_token_endpoint_request_is_rs256_fails(
    held: CertifiedCounter,
) -> None:
    check_refused(await _send(held, "/token", _by_rs256(held)), "invalid_client", unauthorized=True)

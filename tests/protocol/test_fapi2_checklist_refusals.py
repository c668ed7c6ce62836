"""The OpenID Foundation's plans for FAPI 2.0: what is refused before anybody logs in.

Each test, or row of a table, is named after its module, without what all of them begin with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.support.browsing import Visit
from tests.support.dpop import DpopKey
from tests.support.fapi import FapiPortal
from tests.support.fapi_suite import FapiSuite, check_answer, check_pushed, check_refused
from tests.support.installation import ISSUER
from tests.support.portals import Asked
from tests.support.request_objects import unsigned
from tests.support.suite import is_error_page

MINUTES: Final = 60
AT_PUSH: Final = ("invalid_request", "invalid_request_object")

Changes = Callable[[int], Mapping[str, Any]]


def as_pushed(portal: FapiPortal, asked: Asked) -> dict[str, str]:
    """What this client would post for a request."""
    return {"request": portal.request_object(asked.parameters)} if portal.signs else dict(asked.parameters)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(lambda _: {"exp": None}, id="ensure-request-object-without-exp-fails"),
        pytest.param(lambda _: {"nbf": None}, id="ensure-request-object-without-nbf-fails"),
        pytest.param(
            lambda now: {"nbf": now - 10 * MINUTES, "exp": now - 5 * MINUTES},
            id="ensure-expired-request-object-fails",
        ),
        pytest.param(
            lambda _: {"aud": "https://other.example"}, id="ensure-request-object-with-bad-aud-fails"
        ),
        pytest.param(
            lambda now: {"exp": now + 70 * MINUTES}, id="ensure-request-object-with-exp-over-60-fails"
        ),
        pytest.param(
            lambda now: {"nbf": now - 70 * MINUTES, "exp": now + MINUTES},
            id="ensure-request-object-with-nbf-over-60-fails",
        ),
        pytest.param(
            lambda _: {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
            id="par-authorization-request-containing-request_uri",
        ),
    ],
)
async def test_claims_of_a_request_object(signing: FapiSuite, changes: Changes) -> None:
    changed = changes(int(signing.first.clock()))
    request = signing.first.request_object(signing.first.ask().parameters, **changed)
    check_refused(await signing.first.direct("/par", {"request": request}), "invalid_request_object")


def _signed_rs256(suite: FapiSuite, good: str) -> str:
    return jwt.encode(_claims(good), rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "k1"})


def _unsigned(suite: FapiSuite, good: str) -> str:
    return unsigned(_claims(good))


def _damaged(suite: FapiSuite, good: str) -> str:
    head, body, signature = good.split(".")
    return ".".join((head, body, ("A" if signature[0] != "A" else "B") + signature[1:]))


def _by_the_other_client(suite: FapiSuite, good: str) -> str:
    return jwt.encode(_claims(good), ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": "k1"})


def _claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(_signed_rs256, id="ensure-signed-request-object-with-RS256-fails"),
        pytest.param(_unsigned, id="ensure-request-object-signature-algorithm-is-not-none"),
        pytest.param(_damaged, id="ensure-request-object-with-invalid-signature-fails"),
        pytest.param(_by_the_other_client, id="ensure-matching-key-in-authorization-request"),
    ],
)
async def test_signatures_of_a_request_object(
    signing: FapiSuite, forge: Callable[[FapiSuite, str], str]
) -> None:
    good = signing.first.request_object(signing.first.ask().parameters)
    response = await signing.first.direct("/par", {"request": forge(signing, good)})
    check_refused(response, "invalid_request_object")


async def test_control_the_request_object_that_is_forged_is_a_good_one(signing: FapiSuite) -> None:
    request = signing.first.request_object(signing.first.ask().parameters)
    check_pushed(await signing.first.direct("/par", {"request": request}))


async def test_ensure_unsigned_request_at_par_endpoint_fails(signing: FapiSuite) -> None:
    response = await signing.first.direct("/par", signing.first.ask().parameters)
    check_refused(response, "invalid_request")


@pytest.mark.parametrize(
    ("without", "changes", "errors"),
    [
        pytest.param("redirect_uri", {}, AT_PUSH, id="ensure-request-object-without-redirect-uri-fails"),
        pytest.param("redirect_uri", {}, AT_PUSH, id="ensure-redirect-uri-in-authorization-request"),
        pytest.param(
            "",
            {"response_type": "code id_token"},
            ("unsupported_response_type", "invalid_request", "unauthorized_client"),
            id="ensure-response-type-code-idtoken-fails",
        ),
        pytest.param(
            "",
            {"response_type": "token"},
            ("unsupported_response_type", "invalid_request", "unauthorized_client"),
            id="ensure-response-type-token-fails",
        ),
        pytest.param("code_challenge", {}, ("invalid_request",), id="par-ensure-pkce-required"),
        pytest.param(
            "",
            {"code_challenge_method": "plain"},
            ("invalid_request",),
            id="par-plain-pkce-rejected",
        ),
    ],
)
async def test_pushed_parameters(
    fapi: FapiSuite, without: str, changes: Mapping[str, str], errors: tuple[str, ...]
) -> None:
    check_refused((await fapi.first.push(without, **changes)).response, *errors)


async def test_ensure_mismatched_dpop_jkt_fails(keyed: FapiSuite) -> None:
    pushed = await keyed.first.push(dpop_jkt=DpopKey.fresh().jkt)
    check_refused(pushed.response, "invalid_request", "invalid_dpop_proof")


async def test_plain_fapi_tolerate_unregistered_redirect_uri(fapi: FapiSuite) -> None:
    """Whoever authenticates may name another address of theirs (RFC 9126 §2.4); ours may not."""
    elsewhere = f"{fapi.first.redirect_uri}/elsewhere"
    pushed = await fapi.first.push(redirect_uri=elsewhere)
    check_refused(pushed.response, *AT_PUSH)


async def test_par_authorization_request_containing_request_uri_form_param(fapi: FapiSuite) -> None:
    form = as_pushed(fapi.first, fapi.first.ask()) | {"request_uri": "urn:ietf:params:oauth:request_uri:x"}
    refusals = (*AT_PUSH, "request_uri_not_supported")
    check_refused(await fapi.first.direct("/par", form), *refusals)


async def test_par_attempt_invalid_http_method(fapi: FapiSuite) -> None:
    fields, headers = fapi.first.credentials()
    form = {**fields, **as_pushed(fapi.first, fapi.first.ask())}
    assert (await fapi.first.http.put("/par", data=form, headers=headers)).status_code == 405


async def test_ensure_unsigned_authorization_request_without_using_par_fails(fapi: FapiSuite) -> None:
    asked = fapi.first.ask()
    given = await check_answer(fapi.first, asked, await fapi.person.open(asked.address))
    assert given["error"] == "invalid_request"


def _is_refused_by_name(visit: Visit) -> bool:
    return is_error_page(visit, "invalid_request_uri")


async def test_par_attempt_reuse_request_uri(fapi: FapiSuite) -> None:
    pushed = await fapi.first.push()
    await fapi.finish(fapi.first, pushed.asked, await fapi.arrive(pushed))
    assert _is_refused_by_name(await fapi.person.open(pushed.address(ISSUER)))


async def test_par_attempt_to_use_expired_request_uri(fapi: FapiSuite) -> None:
    pushed = await fapi.first.push()
    fapi.provider.clock.advance(pushed.response.json()["expires_in"] + 1)
    assert _is_refused_by_name(await fapi.person.open(pushed.address(ISSUER)))


async def test_par_attempt_to_use_request_uri_for_different_client(fapi: FapiSuite) -> None:
    pushed = await fapi.first.push()
    foreign = pushed.address(ISSUER).replace(f"client_id={fapi.first.client_id}&", "")
    address = f"{foreign}&client_id={fapi.second.client_id}"
    assert _is_refused_by_name(await fapi.person.open(address))


_INVALID_CLIENT: Final = ("invalid_client", "invalid_request")


@pytest.mark.parametrize("path", ["/par", "/token"])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            lambda now: {"nbf": now + 70, "iat": now + 70, "exp": now + 130},
            id="par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails",
        ),
        pytest.param(lambda _: {"aud": [ISSUER]}, id="par-test-array-as-audience-fails"),
        pytest.param(lambda _: {"aud": f"{ISSUER}/par"}, id="par-test-par-endpoint-url-as-audience-fails"),
        pytest.param(
            lambda _: {"aud": f"{ISSUER}/token"}, id="par-test-token-endpoint-url-as-audience-fails"
        ),
        pytest.param(
            lambda now: {"iat": now - 6 * MINUTES, "exp": now - 5 * MINUTES},
            id="ensure-client-assertion-with-exp-is-5-minutes-in-past-fails",
        ),
        pytest.param(
            lambda _: {"aud": "https://other.example"}, id="ensure-client-assertion-with-wrong-aud-fails"
        ),
        pytest.param(lambda _: {"sub": None}, id="ensure-client-assertion-with-no-sub-fails"),
    ],
)
async def test_claims_of_a_client_assertion(keyed: FapiSuite, changes: Changes, path: str) -> None:
    assertion = keyed.first.assertion(**changes(int(keyed.first.clock())))
    form = as_pushed(keyed.first, keyed.first.ask()) if path == "/par" else _any_grant()
    response = await keyed.first.direct(path, form, assertion=assertion)
    check_refused(response, *_INVALID_CLIENT, unauthorized=True)


@pytest.mark.parametrize("path", ["/par", "/token"])
async def test_ensure_signed_client_assertion_with_rs256_fails(keyed: FapiSuite, path: str) -> None:
    claims = _claims(keyed.first.assertion())
    assertion = jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "k1"})
    form = as_pushed(keyed.first, keyed.first.ask()) if path == "/par" else _any_grant()
    response = await keyed.first.direct(path, form, assertion=assertion)
    check_refused(response, "invalid_client", unauthorized=True)


async def test_ensure_client_assertion_in_token_endpoint(keyed: FapiSuite) -> None:
    response = await keyed.first.anonymous("/token", _any_grant())
    check_refused(response, *_INVALID_CLIENT, unauthorized=True)


def _any_grant() -> dict[str, str]:
    return {"grant_type": "authorization_code", "code": "c" * 43, "code_verifier": "v" * 43}

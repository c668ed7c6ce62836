"""Discovery is true of requests and of what is told: what is advertised works, all else is as specified."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

import jwt
import orjson
import pytest

from idp.oidc.scope import SCOPES
from tests.support.advertised import (
    CONTENT,
    KEY_MANAGEMENT,
    SIGNING,
    advertised,
    joined,
    published_key,
    shared_key,
    signed_as,
    withheld,
)
from tests.support.authenticator import add_app
from tests.support.browsing import Visit
from tests.support.contacts import note_contacts
from tests.support.devices import add_clients
from tests.support.installation import ISSUER
from tests.support.jarm import unwrapped
from tests.support.population import AN, HOA, HOA_BINH, KHANG, MAI
from tests.support.portals import REGISTRATIONS, Asked
from tests.support.provider import Provider
from tests.support.registering import PORTAL, ask, refused
from tests.support.request_objects import enclosed, unsigned
from tests.support.suite import Suite, asks_login, is_error_page
from tests.support.suite_checks import check_answer

RESPONSE_TYPES: Final = (
    "code", "token", "id_token", "none", "code token", "code id_token", "id_token token", "code id_token token",
)  # fmt: skip
RESPONSE_MODES: Final = (
    "query", "fragment", "form_post", "web_message", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt",
)  # fmt: skip
PROMPTS: Final = ("none", "login", "consent", "select_account", "create", "reauthenticate")
EVERYTHING: Final[dict[str, Any]] = {
    **REGISTRATIONS["legacy-basic"],
    "client_id": "everything",
    "sector": "everything",
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["https://everything.example/callback"],
    "scope": " ".join(SCOPES),
}
"""A client that may ask for whatever there is."""


@pytest.fixture
async def suite(sandbox: Provider) -> Suite:
    """A client that may ask for whatever there is, of people who have told everything."""
    if "everything" not in sandbox.registered:
        await add_clients(sandbox, EVERYTHING)
        for citizen in (HOA, KHANG):
            await note_contacts(sandbox, citizen)
    return Suite(sandbox, "query", "everything")


@pytest.mark.parametrize("response_type", RESPONSE_TYPES)
async def test_response_types(suite: Suite, response_type: str) -> None:
    if response_type in advertised("response_types_supported"):
        await suite.flow(scope="openid", response_type=response_type)
    else:
        await suite.refused("unsupported_response_type", response_type=response_type)
        answer = await ask(suite.provider, **PORTAL, response_types=[response_type])
        refused(answer, "invalid_client_metadata", "response_types")


@pytest.mark.parametrize("mode", RESPONSE_MODES)
async def test_response_modes(suite: Suite, mode: str) -> None:
    asked, visit = await suite.send(response_mode=mode, scope="openid")
    if mode in advertised("response_modes_supported"):
        visit = await suite.walk(visit)
        visit = await unwrapped(suite.portal, visit) if mode.endswith("jwt") else visit
        await suite.finish(asked, visit)
    else:
        assert visit.error == "invalid_request"


async def test_requests_may_be_pushed_and_need_not_be(suite: Suite) -> None:
    """RFC 9126 §5; what is pushed, and by whom it must be: `test_rfc9126_par`."""
    assert advertised("require_pushed_authorization_requests") is False
    asked = suite.ask(scope="openid")
    answer = await suite.portal.post("/par", **asked.parameters)
    name = {"client_id": suite.client_id, "request_uri": answer.json()["request_uri"]}
    address = f"{advertised('authorization_endpoint')}?{urlencode(name)}"
    await suite.finish(asked, await suite.arrive(suite.browser(), address))


@pytest.mark.parametrize("method", ["S256", "plain", "S512"])
async def test_code_challenge_methods(suite: Suite, method: str) -> None:
    if method in advertised("code_challenge_methods_supported"):
        await suite.flow(scope="openid", code_challenge_method=method)
    else:
        await suite.refused("invalid_request", code_challenge_method=method)


async def test_every_answer_names_the_issuer(suite: Suite) -> None:
    """RFC 9207; that it stands in every other answer too, `check_answer` sees."""
    assert advertised("authorization_response_iss_parameter_supported") is True
    visit = await suite.refused("login_required", prompt="none")
    assert visit.given["iss"] == advertised("issuer") == ISSUER


def _is_page_for(prompt: str, visit: Visit) -> bool:
    if prompt == "create":
        return visit.path == "/activate"
    return asks_login(visit) if prompt in {"login", "select_account"} else visit.offers(decision="continue")


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_prompts(suite: Suite, prompt: str) -> None:
    """Of somebody who is signed in, and would be asked nothing."""
    if prompt not in advertised("prompt_values_supported"):
        await suite.refused("invalid_request", prompt=prompt)
        return
    browser = suite.browser()
    await suite.flow(browser, scope="openid profile")
    asked, visit = await suite.send(browser, scope="openid profile", prompt=prompt)
    if prompt == "none":
        check_answer(asked, visit)
        assert visit.code
    else:
        assert _is_page_for(prompt, visit)


@pytest.mark.parametrize("display", [*advertised("display_values_supported"), "popup", "wap", "hologram"])
async def test_displays(suite: Suite, display: str) -> None:
    """A wish about looks: what is not advertised is no error (Core §3.1.2.1)."""
    _, visit = await suite.send(display=display)
    assert asks_login(visit)
    assert '<meta name="viewport" content="width=device-width' in visit.text, "fit for fingers"


@pytest.mark.parametrize("language", [*advertised("ui_locales_supported"), "fr"])
async def test_languages_of_pages(suite: Suite, language: str) -> None:
    _, visit = await suite.send(ui_locales=f"{language} se")
    spoken = language if language in advertised("ui_locales_supported") else "vi"
    assert f'<html lang="{spoken}"' in visit.text


@pytest.mark.parametrize("language", [*advertised("claims_locales_supported"), "fr"])
async def test_languages_of_claims(suite: Suite, language: str) -> None:
    other = "" if language == "vi" else " vi"
    told = await suite.told(
        await suite.flow(scope="openid address profile", claims_locales=f"{language}{other}")
    )
    tags = {name.partition("#")[2] for name in told if "#" in name}
    assert told["address"]["formatted"].startswith("Số 5 ngõ 12"), (
        "what is not tagged is what the register says"
    )
    assert (language in tags | {"vi"}) is (language in advertised("claims_locales_supported"))


def _essential(acr: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "value": acr}}})


@pytest.mark.parametrize("acr", advertised("acr_values_supported"))
async def test_levels_of_authentication(suite: Suite, acr: str) -> None:
    citizen = {f"{ISSUER}/acr/1": AN, f"{ISSUER}/acr/2": MAI}[acr]  # each has an app from now on
    app = await add_app(suite.provider, suite.browser(), citizen)
    asked, visit = await suite.send(scope="openid", claims=_essential(acr))
    visit = await suite.provider.sign_in(visit, citizen)
    if visit.offers(code=""):
        visit = await visit.submit(code=app.code())
    assert (await suite.finish(asked, visit)).claims["acr"] == acr


@pytest.mark.parametrize("acr", [f"{ISSUER}/acr/3", f"{ISSUER}/acr/4", "urn:example:gold"])
async def test_no_other_level_is_reached(suite: Suite, acr: str) -> None:
    assert acr not in advertised("acr_values_supported")
    asked, visit = await suite.send(scope="openid", claims=_essential(acr))
    visit = await suite.provider.sign_in(visit, HOA) if visit.answer is None else visit
    check_answer(asked, visit)
    assert visit.error == "unmet_authentication_requirements"


@pytest.mark.parametrize("scope", advertised("scopes_supported"))
async def test_scopes(suite: Suite, scope: str) -> None:
    wanted = "openid" if scope == "openid" else f"openid {scope}"
    asked, visit = await suite.send(scope=wanted, prompt="consent")
    tokens = await suite.finish(asked, visit)
    assert tokens.body["scope"] == wanted
    assert ("refresh_token" in tokens.body) is (scope == "offline_access")
    of_companies = {"vn_organisation", "vn_mandate"}
    told = await suite.told(tokens)
    assert told.keys() - {"sub", "subject_type"} == set(SCOPES[scope].claims) - of_companies
    assert {name for name in tokens.claims if name in SCOPES[scope].claims} == set()


async def test_no_other_scope_is_granted(suite: Suite) -> None:
    for other in withheld("scopes_supported", ("locker", "groups", "admin", "procedures:read")):
        asked, visit = await suite.send(scope=f"openid {other}")
        body = (await suite.portal.redeem(asked, (await suite.walk(visit)).code)).json()
        assert body["scope"] == "openid"
        answer = await ask(suite.provider, **PORTAL, scope=f"openid {other}")
        refused(answer, "invalid_client_metadata", "scope")


async def _everything_told(suite: Suite, asked: Asked, visit: Visit) -> set[str]:
    """Names of all claims in both places."""
    tokens = await suite.portal.tokens(asked, visit)
    told = (await suite.portal.userinfo(tokens.access_token)).json()
    assert "_claim_names" not in told, advertised("claim_types_supported") == ["normal"]
    return {*tokens.claims, *told}


async def test_claims(suite: Suite) -> None:
    """What is told of people is advertised, and what is advertised is told of somebody."""
    provider, scope = suite.provider, " ".join(advertised("scopes_supported"))
    asked, visit = await suite.send(scope=scope)
    visit = await provider.sign_in(visit, KHANG)
    visit = await suite.walk(await visit.submit(acting_for=HOA_BINH.record_id))
    told = await _everything_told(suite, asked, visit)
    asked, visit = await suite.send(scope=scope)
    told |= await _everything_told(suite, asked, await suite.walk(visit))
    assert told == set(advertised("claims_supported"))


async def test_no_other_claim_is_told(suite: Suite) -> None:
    assert advertised("claims_parameter_supported") is True
    others = withheld(
        "claims_supported", ("nickname", "picture", "zoneinfo", "ethnicity", "religion", "SoThue")
    )
    wanted = {name: {"essential": True} for name in [*others, "name"]}
    claims = json.dumps({"userinfo": wanted, "id_token": wanted})
    asked, visit = await suite.send(scope="openid", claims=claims)
    tokens = await suite.finish(asked, visit, asked_claims=("name",))
    assert (await suite.told(tokens)).keys() == {"sub", "subject_type", "name"}
    assert not set(others) & tokens.claims.keys()


def _inside(suite: Suite, asked: Asked) -> dict[str, Any]:
    return {
        "iss": suite.client_id,
        "aud": ISSUER,
        "exp": int(suite.provider.clock()) + 60,
        **asked.parameters,
    }


async def _by_value(suite: Suite, asked: Asked, token: str) -> Visit:
    outside = {name: asked.parameters[name] for name in ("client_id", "response_type", "scope")}
    outside |= {"redirect_uri": suite.portal.redirect_uri, "request": token}
    return await suite.browser().post("/authorize", list(outside.items()))


@pytest.mark.parametrize("alg", advertised("request_object_signing_alg_values_supported"))
async def test_request_objects_are_signed_as_advertised(sandbox: Provider, alg: str) -> None:
    assert advertised("request_parameter_supported") is True
    keys = {"keys": [published_key(alg)]}
    suite = await joined(sandbox, request_object_signing_alg=alg, jwks=keys)
    asked = suite.ask()
    token = signed_as(orjson.dumps(_inside(suite, asked)), alg, typ="oauth-authz-req+jwt")
    await suite.finish(asked, await _by_value(suite, asked, token))


async def test_request_objects_are_signed_in_no_other_way(sandbox: Provider) -> None:
    """`none` is for who registered it, and offered to nobody (idp/decisions/DIVERGENCES.md)."""
    key = {name: value for name, value in published_key("RS256").items() if name != "alg"}
    suite = await joined(sandbox, jwks={"keys": [key]})
    asked = suite.ask()
    for alg in ("RS384", "PS512", "HS256"):
        secret: Any = "x" * 43 if alg == "HS256" else shared_key("RS256")
        token = jwt.encode(_inside(suite, asked), secret, alg, headers={"kid": "k1"})
        assert (await _by_value(suite, asked, token)).error == "invalid_request_object", alg
    visit = await _by_value(suite, asked, unsigned(_inside(suite, asked)))
    assert visit.error == "request_not_supported"
    for alg in withheld("request_object_signing_alg_values_supported", SIGNING[1:]):
        sandbox.clock.advance(2)
        answer = await ask(sandbox, **PORTAL, request_object_signing_alg=alg)
        refused(answer, "invalid_client_metadata", "request_object_signing_alg")


@pytest.mark.parametrize("alg", advertised("request_object_encryption_alg_values_supported"))
@pytest.mark.parametrize("enc", advertised("request_object_encryption_enc_values_supported"))
async def test_request_objects_are_encrypted_as_advertised(sandbox: Provider, alg: str, enc: str) -> None:
    registered = {"request_object_encryption_alg": alg, "request_object_encryption_enc": enc}
    suite = await joined(sandbox, jwks={"keys": [published_key("ES256")]}, **registered)
    published = (await sandbox.http().get("/jwks")).json()["keys"]
    (ours,) = [key for key in published if key["use"] == "enc" and key["alg"] == alg]
    asked = suite.ask()
    signed = signed_as(orjson.dumps(_inside(suite, asked)), "ES256", typ="oauth-authz-req+jwt")
    await suite.finish(asked, await _by_value(suite, asked, enclosed(signed, ours, enc)))


async def test_request_objects_are_encrypted_in_no_other_way(sandbox: Provider) -> None:
    keys = {"keys": [published_key("ES256")]}
    suite = await joined(sandbox, jwks=keys)
    published = {key["alg"]: key for key in (await sandbox.http().get("/jwks")).json()["keys"]}
    asked = suite.ask()
    signed = signed_as(orjson.dumps(_inside(suite, asked)), "ES256")
    for alg, enc, base in (
        ("RSA-OAEP", "A256GCM", "RSA-OAEP-256"),
        ("ECDH-ES+A256KW", "A256GCM", "ECDH-ES"),
        ("ECDH-ES", "A256CBC-HS512", "ECDH-ES"),
    ):
        token = enclosed(signed, {**published[base], "alg": alg}, enc)
        assert (await _by_value(suite, asked, token)).error == "invalid_request_object", (alg, enc)
    for part, universe in (("alg", KEY_MANAGEMENT), ("enc", CONTENT)):
        for value in withheld(f"request_object_encryption_{part}_values_supported", universe):
            sandbox.clock.advance(2)
            chosen = {"request_object_encryption_alg": "ECDH-ES", f"request_object_encryption_{part}": value}
            answer = await ask(sandbox, **PORTAL, jwks=keys, **chosen)
            refused(answer, "invalid_client_metadata", f"request_object_encryption_{part}")


async def test_addresses_of_request_objects_are_registered(sandbox: Provider) -> None:
    """That registered ones are fetched: `test_oidc_dynamic_checklist`."""
    assert advertised("request_uri_parameter_supported") is True
    assert advertised("require_request_uri_registration") is True
    suite = await joined(
        sandbox, jwks={"keys": [published_key("ES256")]}, request_uris=["https://self.example/object"]
    )
    await suite.refused("invalid_request_uri", request_uri="https://self.example/another")


async def test_signed_objects_are_required_of_who_registered_so(sandbox: Provider) -> None:
    assert advertised("require_signed_request_object") is False
    suite = await joined(sandbox)
    assert (await suite.flow()).sub
    keys = {"keys": [published_key("ES256")]}
    strict = await joined(sandbox, require_signed_request_object=True, jwks=keys)
    _, visit = await strict.send()
    assert visit.error == "invalid_request" or is_error_page(visit, "invalid_request")


async def test_logout_is_told_in_both_ways(sandbox: Provider) -> None:
    """How: `test_oidc_logout_checklist`."""
    for name in ("backchannel", "frontchannel"):
        assert advertised(f"{name}_logout_supported") is True
        assert advertised(f"{name}_logout_session_supported") is True
    told = {
        f"{name}_logout_{part}": value
        for name in ("backchannel", "frontchannel")
        for part, value in (("uri", f"https://self.example/{name}"), ("session_required", True))
    }
    suite = await joined(sandbox, **told)
    assert (await suite.flow()).claims["sid"]


@pytest.mark.parametrize("kind", ["vn_mandate", "payment_initiation", "openid_credential", "VN_MANDATE", ""])
async def test_types_of_details_that_can_be_asked_for(sandbox: Provider, kind: str) -> None:
    response = await ask(sandbox, **PORTAL, authorization_details_types=[kind])
    if kind in advertised("authorization_details_types_supported"):
        assert response.json()["authorization_details_types"] == [kind]
    else:
        refused(response, "invalid_client_metadata", "authorization_details_types")

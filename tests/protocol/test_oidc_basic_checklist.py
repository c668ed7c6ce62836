"""The Basic OP plan of the OpenID Foundation's conformance suite, module by module, for both response modes.

Each test is named after the module it stands for. Those that need dynamic registration have no place here.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.support.browsing import Browser, Visit
from tests.support.contacts import EMAIL, PHONE_NUMBER, note_contacts
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.portals import Asked, Tokens
from tests.support.provider import PASSWORD, Provider

LONG_STATE = "s" * 128
PROFILE = {"name", "family_name", "given_name", "middle_name", "gender", "birthdate"}
SILENT_ERRORS = {"login_required", "interaction_required", "account_selection_required", "consent_required"}
MODES = ("query", "form_post")


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """The response mode; the suite runs the same modules with `form_post`."""
    return str(request.param)


def asks_login(visit: Visit) -> bool:
    """Whether the page is the login page."""
    return visit.offers(personal_number=HOA.number, password=PASSWORD)


def check_answer(visit: Visit, asked: Asked) -> None:
    """Checklist 0.2: only documented parameters, `state` as sent, `iss`; by query or by form, never both."""
    given = visit.given
    assert given.get("state") == asked.parameters.get("state")
    assert given["iss"] == ISSUER
    allowed = {"error", "error_description"} if "error" in given else {"code"}
    assert set(given) <= allowed | {"state", "iss"}
    if asked.parameters.get("response_mode") == "form_post":
        assert not urlsplit(visit.address).query
    assert not urlsplit(visit.address).fragment
    assert len(given.get("code", "c" * 43)) >= 43


async def back_at_portal(visit: Visit) -> Visit:
    """The answer in the hands of the portal; a `form_post` page is sent on as its button does."""
    if visit.answer is None and any(not form.action.startswith("/") for form in visit.forms):
        form = next(form for form in visit.forms if not form.action.startswith("/"))
        return await visit.browser.post(form.action, form.values)
    return visit


async def flow(provider: Provider, browser: Browser, client_id: str = "dossiers", **changes: str) -> Tokens:
    """Everything from the request to verified tokens, with the checks of section 0."""
    asked, visit = await provider.portal(client_id).send(browser, **changes)
    return await finish(provider, asked, visit, client_id)


async def finish(provider: Provider, asked: Asked, visit: Visit, client_id: str = "dossiers") -> Tokens:
    """From the first page to verified tokens."""
    visit = await walk(provider, visit)
    check_answer(visit, asked)
    tokens = await provider.portal(client_id).tokens(asked, visit)
    check_tokens(provider, tokens, asked)
    return tokens


async def walk(provider: Provider, visit: Visit) -> Visit:
    """Through all pages, until the portal has its answer."""
    if asks_login(visit):
        visit = await provider.sign_in(visit, HOA)
    while visit.answer is None:
        on = await back_at_portal(visit)
        visit = on if on is not visit else await _agree(visit)
    return visit


async def _agree(visit: Visit) -> Visit:
    if visit.offers(decision="continue"):
        return await visit.submit(decision="continue")
    claims = [value for form in visit.forms for name, value in form.choices if name == "claim"]
    return await visit.submit(decision="allow", claim=claims)


def check_tokens(provider: Provider, tokens: Tokens, asked: Asked) -> None:
    """Checklist 0.3 and 0.4."""
    body, claims, now = tokens.body, tokens.claims, provider.clock()
    assert body["token_type"].lower() == "bearer"
    assert 0 < body["expires_in"] <= 365 * 86400
    assert set(body.get("scope", "").split()) <= set(asked.parameters["scope"].split())
    assert claims["aud"] == asked.parameters["client_id"]
    assert claims.get("nonce") == asked.parameters.get("nonce")
    assert abs(claims["iat"] - now) < 300
    assert claims["auth_time"] <= now
    assert 0 < len(claims["sub"]) <= 255
    assert claims["sub"].isascii()
    assert claims["acr"]
    assert all(isinstance(method, str) for method in claims["amr"])
    assert None not in claims.values()


async def told(provider: Provider, tokens: Tokens) -> dict[str, Any]:
    """UserInfo, whose subject must be the ID token's."""
    response = await provider.portal("dossiers").userinfo(tokens.access_token)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    claims: dict[str, Any] = response.json()
    assert claims["sub"] == tokens.sub
    assert all(value not in (None, "", {}) for value in claims.values())
    return claims


async def test_oidcc_server(one: Provider, mode: str) -> None:
    await told(one, await flow(one, one.browser(), response_mode=mode))


async def test_oidcc_response_type_missing(one: Provider, mode: str) -> None:
    portal = one.portal("dossiers")
    asked = portal.ask("response_type", response_mode=mode)
    visit = await back_at_portal(await one.browser().open(asked.address))
    check_answer(visit, asked)
    assert visit.error in {"invalid_request", "unsupported_response_type"}


@pytest.mark.parametrize("way", ["get", "post_header", "post_body"])
async def test_oidcc_userinfo(one: Provider, way: str) -> None:
    tokens, http = await flow(one, one.browser()), one.http()
    header = {"authorization": f"Bearer {tokens.access_token}"}
    if way == "get":
        response = await http.get("/userinfo", headers=header)
    elif way == "post_header":
        response = await http.post("/userinfo", headers=header)
    else:
        response = await http.post("/userinfo", data={"access_token": tokens.access_token})
    assert response.status_code == 200
    assert response.json()["sub"] == tokens.sub


async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(one: Provider) -> None:
    asked = one.portal("dossiers").ask("nonce")
    tokens = await finish(one, asked, await one.browser().open(asked.address))
    assert "nonce" not in tokens.claims


async def test_oidcc_scope_profile(one: Provider) -> None:
    tokens = await flow(one, one.browser(), scope="openid profile")
    assert set(await told(one, tokens)) >= PROFILE
    assert not PROFILE & tokens.claims.keys(), "unasked claims stay out of the ID token"


async def test_oidcc_scope_address(one: Provider) -> None:
    tokens = await flow(one, one.browser(), "province", scope="openid address")
    address = (await told(one, tokens))["address"]
    assert set(address) <= {
        "formatted", "street_address", "locality", "region", "postal_code", "country"
    }  # fmt: skip
    assert all(isinstance(line, str) and line.strip() for line in address.values())


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("email", {"email": EMAIL, "email_verified": False}),
        ("phone", {"phone_number": PHONE_NUMBER, "phone_number_verified": True}),
    ],
)
async def test_oidcc_scope_email_and_phone(one: Provider, scope: str, claims: dict[str, Any]) -> None:
    document = (await one.http().get("/.well-known/openid-configuration")).json()
    assert scope in document["scopes_supported"]
    assert claims.keys() <= set(document["claims_supported"])
    await note_contacts(one, HOA)
    tokens = await flow(one, one.browser(), "hospital", scope=f"openid {scope}")
    assert await told(one, tokens) == {"sub": tokens.sub, "subject_type": "citizen", **claims}
    assert not claims.keys() & tokens.claims.keys(), "unasked claims stay out of the ID token"


async def test_oidcc_scope_all(one: Provider) -> None:
    await note_contacts(one, HOA)
    tokens = await flow(one, one.browser(), "hospital", scope="openid profile email address phone")
    assert tokens.body["scope"] == "openid profile email address phone"
    assert set(await told(one, tokens)) >= PROFILE | {
        "address", "phone_number", "phone_number_verified", "email", "email_verified",
    }  # fmt: skip


async def test_oidcc_alternate_happy_flow(one: Provider) -> None:
    browser = one.browser()
    first = await flow(one, browser, scope="openid profile")
    asked = one.portal("dossiers").ask(scope="profile openid")
    turned = urlencode(list(reversed(parse_qsl(urlsplit(asked.address).query))))
    second = await finish(one, asked, await browser.open(f"/authorize?{turned}"))
    assert await told(one, first) == await told(one, second)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("display", "page"),
        ("display", "popup"),
        ("extra", "foobar"),
        ("login_hint", "buffy@localhost.example"),
        ("ui_locales", "se"),
        ("ui_locales", "en vi"),
        ("claims_locales", "se"),
    ],
)
async def test_oidcc_parameters_that_cause_no_error(one: Provider, name: str, value: str, mode: str) -> None:
    """display-page, display-popup, unknown-parameter, login-hint, ui-locales, claims-locales."""
    await flow(one, one.browser(), response_mode=mode, **{name: value})


async def test_oidcc_prompt_login(one: Provider, mode: str) -> None:
    browser = one.browser()
    first = await flow(one, browser, response_mode=mode)
    one.clock.advance(1)
    asked, visit = await one.portal("dossiers").send(browser, prompt="login", response_mode=mode)
    assert asks_login(visit)
    second = await finish(one, asked, visit)
    assert second.claims["auth_time"] > first.claims["auth_time"]
    assert second.sub == first.sub


async def test_oidcc_prompt_none_not_logged_in(one: Provider, mode: str) -> None:
    asked, visit = await one.portal("dossiers").send(
        one.browser(), prompt="none", state=LONG_STATE, response_mode=mode
    )
    visit = await back_at_portal(visit)
    check_answer(visit, asked)
    assert visit.error in SILENT_ERRORS


async def test_oidcc_prompt_none_logged_in(one: Provider, mode: str) -> None:
    browser = one.browser()
    first = await flow(one, browser, response_mode=mode)
    one.clock.advance(5)
    asked, visit = await one.portal("dossiers").send(browser, prompt="none", response_mode=mode)
    visit = await back_at_portal(visit)
    assert visit.answer is not None, "no page is shown"
    second = await finish(one, asked, visit)
    assert (second.sub, second.claims["auth_time"]) == (first.sub, first.claims["auth_time"])


async def test_oidcc_max_age_1(one: Provider, mode: str) -> None:
    browser = one.browser()
    first = await flow(one, browser, response_mode=mode)
    one.clock.advance(2)
    asked, visit = await one.portal("dossiers").send(browser, max_age="1", response_mode=mode)
    assert asks_login(visit)
    second = await finish(one, asked, visit)
    assert first.claims["auth_time"] < second.claims["auth_time"] >= one.clock() - 5


async def test_oidcc_max_age_10000(one: Provider) -> None:
    browser = one.browser()
    first = await flow(one, browser, max_age="15000")
    one.clock.advance(60)
    asked, visit = await one.portal("dossiers").send(browser, max_age="10000")
    assert visit.code
    second = await finish(one, asked, visit)
    assert second.claims["auth_time"] == first.claims["auth_time"]


async def test_oidcc_id_token_hint(one: Provider, mode: str) -> None:
    browser = one.browser()
    first = await flow(one, browser, response_mode=mode)
    one.clock.advance(3600 // 4)
    asked, visit = await one.portal("dossiers").send(
        browser, prompt="none", id_token_hint=first.id_token, response_mode=mode
    )
    second = await finish(one, asked, await back_at_portal(visit))
    assert (second.sub, second.claims["auth_time"]) == (first.sub, first.claims["auth_time"])


@pytest.mark.parametrize("wanted", [f"{ISSUER}/acr/1", "1 2", "LoA1 LoA2"])
async def test_oidcc_ensure_request_with_acr_values_succeeds(one: Provider, wanted: str) -> None:
    tokens = await flow(one, one.browser(), acr_values=wanted)
    assert tokens.claims["acr"] == f"{ISSUER}/acr/1"


@pytest.mark.parametrize("wait", [0, 30])
async def test_oidcc_codereuse(one: Provider, wait: int) -> None:
    portal = one.portal("dossiers")
    asked, visit = await one.enter("dossiers", HOA)
    tokens = await portal.tokens(asked, visit)
    one.clock.advance(wait)
    again = await portal.redeem(asked, visit.code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert again.headers["content-type"] == "application/json"
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"


async def test_oidcc_ensure_registered_redirect_uri(one: Provider, mode: str) -> None:
    _, visit = await one.portal("dossiers").send(
        one.browser(), redirect_uri="https://dossiers.example/other", response_mode=mode
    )
    assert (visit.status, visit.told("error-code")) == (400, "redirect_uri_mismatch")


async def test_oidcc_ensure_post_request_succeeds(one: Provider, mode: str) -> None:
    asked = one.portal("dossiers").ask(response_mode=mode)
    visit = await one.browser().post("/authorize", list(asked.parameters.items()))
    await finish(one, asked, visit)


async def test_oidcc_server_client_secret_post(one: Provider, mode: str) -> None:
    portal = one.portal("legacy-post")
    asked = portal.ask("code_challenge", "code_challenge_method", response_mode=mode)
    visit = await walk(one, await one.browser().open(asked.address))
    check_answer(visit, asked)
    response = await portal.post(
        "/token", grant_type="authorization_code", code=visit.code, redirect_uri=portal.redirect_uri
    )
    assert response.status_code == 200
    assert (await portal.read(response)).claims["nonce"] == asked.parameters["nonce"]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("request_uri", "https://dossiers.example/request.jwt", "request_uri_not_supported"),
    ],
)
async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    one: Provider, name: str, value: str, error: str, mode: str
) -> None:
    """This client is not registered for it; one that is stands in `test_oidc_request_object`."""
    asked, visit = await one.portal("dossiers").send(one.browser(), response_mode=mode, **{name: value})
    visit = await back_at_portal(visit)
    check_answer(visit, asked)
    assert visit.error == error


async def test_oidcc_claims_essential(one: Provider, mode: str) -> None:
    tokens = await flow(
        one,
        one.browser(),
        scope="openid",
        claims='{"userinfo":{"name":{"essential":true}}}',
        response_mode=mode,
    )
    assert (await told(one, tokens))["name"] == HOA.name


async def test_oidcc_refresh_token(one: Provider) -> None:
    portal, browser = one.portal("library"), one.browser()
    first = await flow(one, browser, "library", scope="openid profile offline_access", prompt="consent")
    one.clock.advance(10)
    response = await portal.refresh(first.refresh_token)
    assert response.status_code == 200
    assert "no-store" in response.headers["cache-control"]
    second = await portal.read(response)
    for name in ("iss", "sub", "aud", "auth_time"):
        assert second.claims[name] == first.claims[name]
    assert second.claims["iat"] > first.claims["iat"]
    assert "nonce" not in second.claims
    foreign = await one.portal("dossiers").refresh(second.refresh_token)
    assert (foreign.status_code, foreign.json()["error"]) == (400, "invalid_grant")
    assert (await portal.refresh(second.refresh_token)).status_code == 200, "nor does it harm the owner"


async def test_oidcc_ensure_request_with_valid_pkce_succeeds(one: Provider, mode: str) -> None:
    tokens = await flow(one, one.browser(), "legacy-basic", response_mode=mode)
    assert tokens.sub

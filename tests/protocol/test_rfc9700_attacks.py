"""RFC 9700 §4: known attacks, each tried on the whole provider."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import jwt
import pytest

from tests.support.browsing import Browser, Visit
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.population import AN, HOA
from tests.support.portals import ASSERTION_TYPE, Asked
from tests.support.provider import PASSWORD, Provider

pytestmark = on_sqlite

CALLBACK = "https://dossiers.example/callback"
SESSION, BROWSER = "__Host-motcua-session", "__Host-motcua-browser"


def check_refused(response: httpx2.Response, error: str, status: int = 400) -> None:
    """A JSON refusal that nobody keeps."""
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"


async def stolen_code(one: Provider, client_id: str = "dossiers") -> tuple[Asked, str]:
    """A code that its client has not redeemed yet."""
    asked, visit = await one.enter(client_id, HOA)
    return asked, visit.code


# §4.5 authorization code injection, §4.8 PKCE downgrade


async def test_a_code_injected_into_another_flow_has_the_wrong_verifier(one: Provider) -> None:
    _, code = await stolen_code(one)
    own = one.portal("dossiers").ask()
    check_refused(await one.portal("dossiers").redeem(own, code), "invalid_grant")


@pytest.mark.parametrize("verifier", ["", "short", "x" * 43, "x" * 129, "ü" * 50])
async def test_a_code_without_its_verifier_gives_nothing(one: Provider, verifier: str) -> None:
    asked, code = await stolen_code(one)
    response = await one.portal("dossiers").redeem(asked, code, code_verifier=verifier)
    assert response.json()["error"] in {"invalid_grant", "invalid_request"}
    check_refused(await one.portal("dossiers").redeem(asked, code), "invalid_grant")


async def test_a_challenge_cut_out_of_a_legacy_request_is_noticed(one: Provider) -> None:
    """§4.8.2: a verifier where there was no challenge."""
    portal = one.portal("legacy-basic")
    asked = portal.ask("code_challenge", "code_challenge_method")
    visit = await one.settle(await one.sign_in(await one.browser().open(asked.address), HOA))
    check_refused(await portal.redeem(asked, visit.code), "invalid_grant")


@pytest.mark.parametrize(
    "changes", [{"code_challenge": ""}, {"code_challenge_method": "plain"}, {"code_challenge_method": ""}]
)
async def test_no_request_goes_without_s256(one: Provider, changes: dict[str, str]) -> None:
    _, visit = await one.portal("dossiers").send(one.browser(), **changes)
    assert visit.error == "invalid_request"


async def test_another_client_cannot_redeem_a_code(one: Provider) -> None:
    asked, code = await stolen_code(one)
    check_refused(await one.portal("library").redeem(asked, code), "invalid_grant")


async def test_a_code_is_bound_to_its_redirect_uri(one: Provider) -> None:
    asked, code = await stolen_code(one)
    response = await one.portal("dossiers").redeem(asked, code, redirect_uri=f"{CALLBACK}/")
    check_refused(response, "invalid_grant")


# §4.4 mix-up


@pytest.mark.parametrize("mode", ["query", "form_post"])
async def test_success_and_error_name_their_issuer(one: Provider, mode: str) -> None:
    browser = one.browser()
    await one.enter("dossiers", HOA, browser)
    for prompt in ("none", "none login"):
        _, visit = await one.portal("dossiers").send(browser, prompt=prompt, response_mode=mode)
        given = visit.answer or dict(visit.forms[0].values)
        assert given["iss"] == ISSUER


# §4.1, §4.11 redirect URIs and open redirection


@pytest.mark.parametrize(
    "uri",
    [
        "", "https://evil.example/callback", f"{CALLBACK}/", f"{CALLBACK}?a=b", f"{CALLBACK}#x", f"{CALLBACK}/../x",
        f"{CALLBACK}%2f", f"{CALLBACK}%00", f" {CALLBACK}", f"{CALLBACK} ", CALLBACK.upper(),
        "http://dossiers.example/callback", "https://dossiers.example:443/callback", "https://dossiers.example./callback",
        "https://x@dossiers.example/callback", "https://dossiers.example@evil.example/callback",
        "https://dossiers.example.evil.example/callback", "https://dossiers.example%2eevil.example/callback",
        "//dossiers.example/callback", "https:dossiers.example/callback", "https:/\\evil.example/callback",
        "https://province.example/callback", "javascript:alert(1)", "data:text/html,x",
    ],
)  # fmt: skip
async def test_nobody_is_sent_to_what_is_not_registered(one: Provider, uri: str) -> None:
    """Neither with a code nor with an error, whatever else is wrong with the request."""
    for changes in ({}, {"response_type": "token"}, {"scope": "nothing"}, {"prompt": "none"}):
        _, visit = await one.portal("dossiers").send(one.browser(), redirect_uri=uri, **changes)
        assert (visit.answer, visit.status) == (None, 400)
        assert visit.told("error-code") in {"redirect_uri_mismatch", "invalid_request"}
        assert "location" not in visit.response.headers


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example", "/\\evil.example", "/?lang=//evil.example", "/account?done=https://evil.example",
        "/account?before=//evil.example", "/logout?post_logout_redirect_uri=https://evil.example",
        "/interaction/x?lang=en", "/activate?next=//evil.example",
    ],
)  # fmt: skip
async def test_our_own_pages_lead_nowhere_else(one: Provider, path: str) -> None:
    visit = await one.browser().open(f"{ISSUER}{path}")
    assert visit.address.startswith(f"{ISSUER}/")
    assert "evil.example" not in visit.text


# §4.7 CSRF


async def _form_of(visit: Visit) -> tuple[str, list[tuple[str, str]]]:
    form = visit.forms[0]
    return f"{ISSUER}{form.action}", [pair for pair in form.values if pair[0] != "csrf_token"]


async def test_login_takes_no_form_of_another_browser(one: Provider) -> None:
    """Login CSRF: the attacker's form, with the attacker's number, password and form token."""
    victim, attacker = one.browser(), one.browser()
    _, shown = await one.portal("dossiers").send(victim)
    address, _ = await _form_of(shown)
    _, own = await one.portal("dossiers").send(attacker)
    token = next(value for name, value in own.forms[0].values if name == "csrf_token")
    typed = [("personal_number", AN.number), ("password", PASSWORD)]
    for sent in (typed, [*typed, ("csrf_token", token)], [*typed, ("csrf_token", token)] * 2):
        visit = await victim.post(address, sent)
        assert (visit.status, visit.told("error-code")) == (403, "csrf_failed")
    assert SESSION not in victim.cookies
    assert await one.events("login") == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_no_form_is_taken_from_another_site(one: Provider, headers: dict[str, str]) -> None:
    browser = one.browser()
    _, visit = await one.portal("dossiers").send(browser)
    visit = await one.sign_in(visit, HOA)
    form = visit.forms[0]
    answer = await browser.http.post(form.action, data=dict(form.values), headers=headers)
    assert answer.status_code == 403
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/account/sessions/end", "/account/sessions/end-others", "/account/consents/withdraw", "/activate",
        "/activate/password",
    ],
)  # fmt: skip
async def test_every_form_of_ours_wants_its_token(one: Provider, path: str) -> None:
    browser = one.browser()
    await one.enter("dossiers", HOA, browser)
    for fields in ([("x", "y")], [("csrf_token", "A" * 88)], [("csrf_token", "é")]):
        assert (await browser.post(path, fields)).told("error-code") == "csrf_failed"


async def test_logout_by_a_strange_form_is_only_a_question(one: Provider) -> None:
    browser = one.browser()
    await one.enter("dossiers", HOA, browser)
    assert (await browser.post("/logout", [("decision", "logout")])).status == 403
    visit = await browser.post("/logout", [("state", "x")])
    assert visit.offers(decision="logout")
    _, visit = await one.portal("dossiers").send(browser, prompt="none")
    assert visit.code


async def test_an_interaction_belongs_to_the_browser_that_began_it(one: Provider) -> None:
    """§4.7, and the push attacks on others' providers: a link with somebody else's login in progress opens nothing."""
    victim, attacker = one.browser(), one.browser()
    await one.enter("dossiers", HOA, victim)
    _, visit = await one.portal("dossiers").send(attacker)
    opened = await victim.open(visit.address)
    assert (opened.status, opened.told("error-code")) == (404, "stale_interaction")
    stolen = dict(attacker.cookies)
    _, visit = await one.portal("dossiers").send(victim, prompt="login")
    attacker.set_cookie(BROWSER, stolen[BROWSER])
    assert (await attacker.open(visit.address)).status == 404


async def test_a_planted_session_is_worth_nothing_after_the_login(one: Provider) -> None:
    """Session fixation: the cookie is new after each login, and the old one opens nothing."""
    browser, thief = one.browser(), one.browser()
    planted = secrets.token_urlsafe(32)
    browser.set_cookie(SESSION, planted)
    await one.enter("dossiers", HOA, browser)
    first = browser.cookies[SESSION]
    _, visit = await one.portal("dossiers").send(browser, prompt="login")
    await one.sign_in(visit, HOA)
    assert len({planted, first, browser.cookies[SESSION]}) == 3
    for old in (planted, first):
        thief.set_cookie(SESSION, old)
        _, visit = await one.portal("dossiers").send(thief, prompt="none")
        assert visit.error == "login_required"


# §4.10, RFC 8725 §2.8: one kind of token in the place of another


async def test_tokens_are_not_taken_for_each_other(one: Provider) -> None:
    browser = one.browser()
    tokens = await one.tokens("enterprise", HOA, browser)
    enterprise = one.portal("enterprise")
    signed = (await enterprise.userinfo(tokens.access_token)).text
    machine = (await one.portal("machine-es256").post("/token", grant_type="client_credentials")).json()
    others = [tokens.id_token, signed, enterprise.assertion(), machine["access_token"]]
    for token in others:
        assert (await enterprise.userinfo(token)).status_code in {401, 403}
        if token is not machine["access_token"]:
            assert await enterprise.introspect(token) == {"active": False}
    for token in (tokens.access_token, signed, enterprise.assertion(), machine["access_token"]):
        _, visit = await enterprise.send(browser, prompt="none", id_token_hint=token)
        assert visit.error == "invalid_request"
        visit = await browser.open(f"/logout?{urlencode({'id_token_hint': token})}")
        assert visit.told("error-code") == "invalid_logout_hint"
    for token in (tokens.id_token, tokens.access_token, signed):
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}
        response = await one.http().post("/token", data={"grant_type": "client_credentials", **form})
        check_refused(response, "invalid_client", 401)
    _, visit = await enterprise.send(browser, prompt="none")
    assert visit.code, "nothing of this ended the session"


async def test_a_token_signed_with_our_public_key_as_a_secret_is_refused(one: Provider) -> None:
    tokens = await one.tokens("dossiers", HOA)
    header = jwt.get_unverified_header(tokens.access_token)
    claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
    published = (await one.http().get("/jwks")).json()["keys"][0]["x"]
    for algorithm, key in (("HS256", published), ("none", "")):
        forged = jwt.encode(
            claims, key, algorithm=algorithm, headers={"kid": header["kid"], "typ": header["typ"]}
        )
        check_refused(await one.portal("dossiers").userinfo(forged), "invalid_token", 401)


# §4.14, §2.1.1, RFC 7523 §3: what works once works once


async def test_replays_give_nothing_and_take_what_was_given(one: Provider) -> None:
    dossiers = one.portal("dossiers")
    first = await one.tokens("dossiers", HOA)
    second = await dossiers.read(await dossiers.refresh(first.refresh_token))
    third = await dossiers.read(await dossiers.refresh(second.refresh_token))
    check_refused(await dossiers.refresh(first.refresh_token), "invalid_grant")
    for token in (second.refresh_token, third.refresh_token):
        check_refused(await dossiers.refresh(token), "invalid_grant")
    for token in (first.access_token, third.access_token):
        check_refused(await dossiers.userinfo(token), "invalid_token", 401)


async def test_an_assertion_is_used_up_even_by_a_request_that_fails(one: Provider) -> None:
    machine = one.portal("machine-es256")
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": machine.assertion()}
    failed = await one.http().post("/token", data={"grant_type": "password", **form})
    check_refused(failed, "unsupported_grant_type")
    for path, more in (("/token", {"grant_type": "client_credentials"}), ("/introspect", {"token": "x"})):
        check_refused(await one.http().post(path, data={**more, **form}), "invalid_client", 401)


async def test_a_login_form_sent_twice_answers_the_portal_once(one: Provider) -> None:
    browser = one.browser()
    _, visit = await one.portal("legacy-basic").send(browser, scope="openid")
    first = await one.sign_in(visit, HOA)
    again = await one.sign_in(visit, HOA)
    assert first.code
    assert (again.answer, again.told("error-code")) == (None, "already_finished")


async def test_a_consent_form_sent_twice_answers_the_portal_once(one: Provider) -> None:
    _, visit = await one.portal("province").send(one.browser(), scope="openid profile")
    page = await one.sign_in(visit, HOA)
    assert (await page.submit(decision="allow", claim=["name"])).code
    again = await page.submit(decision="allow", claim=["name", "birthdate", "gender"])
    assert (again.answer, again.told("error-code")) == (None, "already_finished")
    assert len(await one.events("consent.given")) == 1


# RFC 6749 §3.1, §3.2: parameters given twice


@pytest.mark.parametrize(
    "name",
    ["client_id", "redirect_uri", "state", "response_mode", "scope", "nonce", "prompt", "code_challenge", "claims"],
)  # fmt: skip
async def test_an_authorization_parameter_given_twice_decides_nothing(one: Provider, name: str) -> None:
    asked = one.portal("dossiers").ask(response_mode="query", prompt="login", claims="{}")
    pairs: Sequence[tuple[str, str]] = parse_qsl(urlsplit(asked.address).query)
    value = dict(pairs)[name]
    for more in (value, "https://evil.example/callback"):
        for sent in ([*pairs, (name, more)], [(name, more), *pairs]):
            visit = await one.browser().open(f"/authorize?{urlencode(sent)}")
            refused = visit.told("error-code") if visit.answer is None else visit.error
            assert refused in {"invalid_request", "unknown_client", "redirect_uri_mismatch"}
            assert "evil.example" not in visit.address.partition("?")[0]


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id"])
async def test_a_token_parameter_given_twice_burns_nothing(one: Provider, name: str) -> None:
    asked, code = await stolen_code(one)
    fields, headers = one.portal("dossiers").credentials()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked.parameters["redirect_uri"],
        "code_verifier": asked.verifier,
        "client_id": "dossiers",
        **fields,
    }
    twice = urlencode([*form.items(), (name, form[name])])
    headers |= {"content-type": "application/x-www-form-urlencoded"}
    check_refused(await one.http().post("/token", content=twice, headers=headers), "invalid_request")
    assert (await one.portal("dossiers").redeem(asked, code)).status_code == 200


async def test_two_ways_to_be_a_client_are_none(one: Provider) -> None:
    _, headers = one.portal("dossiers").credentials()
    form = {"grant_type": "client_credentials", "client_secret": "x", "client_id": "dossiers"}
    check_refused(await one.http().post("/token", data=form, headers=headers), "invalid_request")


# §4.16 clickjacking, §4.2 leaks


async def test_pages_cannot_be_framed_kept_or_told_to_others(one: Provider) -> None:
    browser = one.browser()
    _, login = await one.portal("province").send(browser)
    consent = await one.sign_in(login, HOA)
    for visit in (login, consent, await browser.open("/account"), await browser.open("/logout")):
        headers = visit.response.headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-" not in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


async def test_what_is_echoed_is_text(one: Provider) -> None:
    """`state` and a portal's own words on a form_post page."""
    evil = '"><script>alert(1)</script>'
    browser: Browser = one.browser()
    await one.enter("dossiers", HOA, browser)
    _, visit = await one.portal("dossiers").send(browser, response_mode="form_post", state=evil)
    assert "<script>alert" not in visit.text
    assert dict(visit.forms[0].values)["state"] == evil


async def test_what_a_refused_address_carries_is_not_logged(one: Provider) -> None:
    """The alarm on every log listens for personal numbers."""
    _, visit = await one.portal("dossiers").send(one.browser(), redirect_uri=f"{CALLBACK}?so={HOA.number}")
    assert visit.told("error-code") == "redirect_uri_mismatch"
    visit = await one.browser().open(
        f"/logout?client_id=dossiers&post_logout_redirect_uri=https://x.example/?so={HOA.number}"
    )
    assert visit.told("error-code") == "logout_redirect_mismatch"
    form = {"grant_type": "client_credentials", "client_id": f"so {HOA.number}"}
    check_refused(await one.http().post("/token", data=form), "invalid_client", 401)

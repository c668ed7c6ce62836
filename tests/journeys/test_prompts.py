"""What a portal may ask of a login: prompt, max_age, hints, acr, single claims, and the answer by form."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.support.browsing import Visit
from tests.support.population import AN, HOA
from tests.support.provider import PASSWORD, Provider


def _json(**value: Any) -> str:
    return orjson.dumps(value).decode()


def _asks_login(visit: Visit) -> bool:
    return visit.offers(personal_number=HOA.number, password=PASSWORD)


async def test_prompt_none_without_a_session_is_answered_with_an_error(settled_provider: Provider) -> None:
    asked, visit = await settled_provider.portal("ministry").send(settled_provider.browser(), prompt="none")
    assert visit.hops == 0
    assert visit.error == "login_required"
    assert visit.given["state"] == asked.parameters["state"]
    assert visit.given["iss"] == settled_provider.settings.issuer


async def test_prompt_none_with_everything_settled_is_answered_with_a_code(
    settled_provider: Provider,
) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    first = await provider.tokens("ministry", HOA, browser)
    second = await provider.tokens("ministry", HOA, browser, prompt="none")
    assert second.claims["auth_time"] == first.claims["auth_time"]


@pytest.mark.parametrize("wish", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
async def test_a_portal_may_have_the_person_log_in_again(
    settled_provider: Provider, wish: dict[str, str]
) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    first = await provider.tokens("ministry", HOA, browser)
    provider.clock.advance(90)
    asked, visit = await provider.portal("ministry").send(browser, **wish)
    assert _asks_login(visit)
    visit = await provider.sign_in(visit, HOA)
    second = await provider.portal("ministry").tokens(asked, visit)
    assert second.claims["auth_time"] == first.claims["auth_time"] + 90
    assert second.claims["sid"] == first.claims["sid"], "it is the same session, confirmed"


async def test_max_age_zero_asks_even_within_the_same_second(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    _, visit = await provider.portal("ministry").send(browser, max_age="0")
    assert _asks_login(visit)


async def test_a_login_that_is_young_enough_needs_no_page(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    provider.clock.advance(60)
    _, visit = await provider.portal("ministry").send(browser, max_age="60")
    assert visit.code
    provider.clock.advance(1)
    _, visit = await provider.portal("ministry").send(browser, max_age="60", prompt="none")
    assert visit.error == "login_required"


async def test_prompt_login_cannot_be_skipped_by_leaving_the_page(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    _, visit = await provider.portal("ministry").send(browser, prompt="login")
    assert _asks_login(await browser.open(visit.address))
    form = next(form for form in visit.forms if form.action.endswith("/login"))
    token = [pair for pair in form.values if pair[0] == "csrf_token"]
    for step in ("consent", "representation"):
        path = f"{visit.path}/{step}"
        skipped = await browser.post(path, [*token, ("decision", "continue"), ("acting_for", "self")])
        assert _asks_login(skipped)


async def test_the_hint_of_the_person_who_is_there_changes_nothing(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    tokens = await provider.tokens("ministry", HOA, browser)
    provider.clock.advance(1200)
    _, visit = await provider.portal("ministry").send(browser, prompt="none", id_token_hint=tokens.id_token)
    assert visit.code, "an ID token that has expired is still a hint"


async def test_the_hint_of_somebody_else_asks_for_that_person(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    hint = (await provider.tokens("ministry", AN)).id_token
    await provider.enter("ministry", HOA, browser)
    portal = provider.portal("ministry")
    _, visit = await portal.send(browser, prompt="none", id_token_hint=hint)
    assert visit.error == "login_required"

    _, visit = await portal.send(browser, id_token_hint=hint)
    assert _asks_login(visit)
    assert (await provider.sign_in(visit, HOA)).error == "login_required", "still the wrong person"

    asked, visit = await portal.send(browser, id_token_hint=hint)
    tokens = await portal.tokens(asked, await provider.settle(await provider.sign_in(visit, AN)))
    assert tokens.sub == (await provider.tokens("ministry", AN)).sub


async def test_a_hint_that_is_none_of_ours_or_another_portals_is_refused(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    other = await provider.tokens("dossiers", HOA, browser)
    for hint in ("e30.e30.e30", other.id_token, other.access_token):
        _, visit = await provider.portal("ministry").send(browser, id_token_hint=hint)
        assert visit.error == "invalid_request"


async def test_a_level_that_is_a_wish_is_passed_over_and_one_that_is_essential_refuses(
    settled_provider: Provider,
) -> None:
    provider, issuer = settled_provider, settled_provider.settings.issuer
    for wish in ("LoA2", f"{issuer}/acr/3 {issuer}/acr/2", "urn:unknown"):
        tokens = await provider.tokens("ministry", HOA, acr_values=wish)
        assert tokens.claims["acr"] == f"{issuer}/acr/1", "never more than was achieved"
    essential = _json(id_token={"acr": {"essential": True, "values": [f"{issuer}/acr/3"]}})
    _, visit = await provider.portal("ministry").send(provider.browser(), claims=essential)
    assert visit.error == "unmet_authentication_requirements", "nobody logs in for nothing"
    satisfied = _json(id_token={"acr": {"essential": True, "values": [f"{issuer}/acr/2", f"{issuer}/acr/1"]}})
    assert (await provider.tokens("ministry", HOA, claims=satisfied)).claims["acr"] == f"{issuer}/acr/1"


async def test_single_claims_arrive_where_they_were_asked_for(settled_provider: Provider) -> None:
    provider = settled_provider
    wanted = _json(id_token={"name": None}, userinfo={"birthdate": {"essential": True}})
    tokens = await provider.tokens("ministry", HOA, scope="openid", claims=wanted)
    assert tokens.claims["name"] == HOA.name
    assert "birthdate" not in tokens.claims
    told = (await provider.portal("ministry").userinfo(tokens.access_token)).json()
    assert told["birthdate"] == HOA.birth_date
    assert "name" not in told


async def test_a_claim_outside_the_registered_scopes_is_not_given(settled_provider: Provider) -> None:
    provider = settled_provider
    wanted = _json(userinfo={"vn_personal_id": {"essential": True}, "name": None})
    tokens = await provider.tokens("province", HOA, scope="openid profile", claims=wanted)
    told = (await provider.portal("province").userinfo(tokens.access_token)).json()
    assert "vn_personal_id" not in told


async def test_a_subject_asked_for_by_value_must_be_the_one(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    other = (await provider.tokens("ministry", AN)).sub
    own = (await provider.tokens("ministry", HOA, browser)).sub
    portal = provider.portal("ministry")
    _, visit = await portal.send(browser, prompt="none", claims=_json(id_token={"sub": {"value": own}}))
    assert visit.code
    _, visit = await portal.send(browser, prompt="none", claims=_json(id_token={"sub": {"value": other}}))
    assert visit.error == "login_required"


async def test_the_answer_by_form_post(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    portal = provider.portal("ministry")
    await provider.enter("ministry", HOA, browser)
    asked, visit = await portal.send(browser, response_mode="form_post")
    assert visit.status == 200
    assert visit.forms[0].action == portal.redirect_uri
    back = await browser.post(visit.forms[0].action, visit.forms[0].values)
    assert (await portal.tokens(asked, back)).sub

    browser.forget()
    _, visit = await portal.send(browser, response_mode="form_post", prompt="none")
    assert dict(visit.forms[0].values)["error"] == "login_required"


async def test_the_request_may_come_by_post(settled_provider: Provider) -> None:
    provider, browser, portal = (
        settled_provider,
        settled_provider.browser(),
        settled_provider.portal("ministry"),
    )
    asked = portal.ask()
    visit = await browser.post("/authorize", list(asked.parameters.items()))
    tokens = await portal.tokens(asked, await provider.settle(await provider.sign_in(visit, HOA)))
    assert tokens.sub


@pytest.mark.parametrize("client_id", ["legacy-basic", "legacy-post"])
async def test_old_portals_get_in_without_pkce(settled_provider: Provider, client_id: str) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    portal = provider.portal(client_id)
    asked = portal.ask("code_challenge", "code_challenge_method", "nonce")
    visit = await provider.settle(await provider.sign_in(await browser.open(asked.address), HOA))
    response = await portal.post(
        "/token", grant_type="authorization_code", code=visit.code, redirect_uri=portal.redirect_uri
    )
    tokens = await portal.read(response)
    assert "nonce" not in tokens.claims


async def test_an_app_gets_in_with_its_own_scheme_and_on_a_loopback_port(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("app")
    for address in ("vn.example.app:/callback", "http://127.0.0.1:49152/callback"):
        tokens = await provider.tokens("app", HOA, redirect_uri=address)
        assert (await portal.refresh(tokens.refresh_token)).status_code == 200

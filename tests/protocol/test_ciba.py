"""OpenID Connect CIBA Core 1.0: what a portal learns of people, and what people see of portals."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from idp.errors import InvalidClientMetadata
from idp.oidc.backchannel_request import ASKING, OLDEST_LOGIN
from idp.oidc.client_metadata import read_client
from idp.oidc.grant_types import CIBA
from idp.registers.schema import personal_numbers
from idp.store.backchannel_schema import backchannel_requests
from idp.store.columns import insert_all
from idp.store.database import step
from idp.store.purge import purge
from tests.support.authenticator import add_app
from tests.support.ciba import COUNTER, REQUESTS, Counter, agree, look_at, open_requests, refuse, request_id
from tests.support.population import AN, HOA, KHANG
from tests.support.provider import NOW, PASSWORD, Provider
from tests.support.registering import PORTAL, ask, initial_token, refused

NOBODY = "001199999999"
_ADD_NUMBER = insert_all(personal_numbers)
POINT = {
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
KEYS = {"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", **POINT}]}}


# What a portal learns: nothing, until the person answers.


async def _row(provider: Provider) -> dict[str, Any]:
    """The request that was kept last."""
    newest = select(backchannel_requests).order_by(backchannel_requests.c.created_at.desc()).limit(1)
    (row,) = await provider.db.fetch_all(newest)
    return {column.name: row[column.name] for column in backchannel_requests.columns}


async def test_a_stranger_and_nobody_are_asked_alike(ciba: Provider, counter: Counter) -> None:
    """Privacy (§15): by no answer, and by nothing that is looked up, does a portal learn who has an account."""
    known = await counter.ask_for()
    kept = await _row(ciba)
    ciba.clock.advance(1)
    unknown = await counter.ask_for(login_hint=NOBODY)
    beside = await _row(ciba)
    assert known.response.json().keys() == unknown.response.json().keys()
    assert known.response.json()["expires_in"] == unknown.response.json()["expires_in"]
    told = {"request_digest", "person_digest", "created_at", "expires_at"}
    assert {k: v for k, v in kept.items() if k not in told} == {
        k: v for k, v in beside.items() if k not in told
    }
    assert HOA.number not in str(kept)
    for asked in (known, unknown):
        assert [await asked.outcome(), await asked.outcome()] == ["authorization_pending", "slow_down"]
    ciba.clock.advance(3600)
    assert await known.outcome() == await unknown.outcome() == "expired_token"


async def test_the_number_stands_in_no_record(ciba: Provider, counter: Counter) -> None:
    asked = await counter.ask_for()
    await agree(ciba, ciba.browser(), asked)
    await asked.tokens()
    for kind in ("backchannel.asked", "authorization", "token"):
        assert HOA.number not in str(await ciba.events(kind))
    assert HOA.number not in str(ciba.log.kept)


async def test_who_asks_too_often_about_one_person_is_told_to_wait(ciba: Provider, counter: Counter) -> None:
    """And as soon about nobody as about somebody."""
    ciba.clock.advance(3600)
    for number in (HOA.number, NOBODY):
        answers = [(await counter.ask_for(login_hint=number)).response for _ in range(ASKING.burst + 1)]
        assert [answer.status_code for answer in answers] == [200] * ASKING.burst + [429]
        assert int(answers[-1].headers["retry-after"]) > 0
    ciba.clock.advance(3600)


# Whom it is about.


async def test_an_id_token_names_the_person(ciba: Provider, counter: Counter) -> None:
    """§7.1 `id_token_hint`, however old."""
    browser, asked = ciba.browser(), await counter.ask_for()
    await agree(ciba, browser, asked)
    tokens = await asked.tokens()
    ciba.clock.advance(90 * 86_400)
    again = await counter.ask_for(
        "login_hint", id_token_hint=tokens.id_token, binding_message="Quầy số F7 buổi sáng"
    )
    assert "Quầy số F7 buổi sáng" not in (await open_requests(ciba.browser(), AN)).text
    await agree(ciba, ciba.browser(), again)
    assert (await again.tokens()).sub == tokens.sub


async def test_another_portals_id_token_is_no_hint(ciba: Provider, counter: Counter) -> None:
    tokens = await ciba.tokens("ministry", HOA)
    asked = await counter.ask_for("login_hint", id_token_hint=tokens.id_token)
    assert asked.error == (400, "invalid_request")


async def test_a_person_is_found_by_an_earlier_number(ciba: Provider, counter: Counter) -> None:
    earlier = "001184000999"
    row = {"valid_from": None, "valid_to": "2020-01-01", "reason": "superseded"}
    await ciba.registers.write(step(_ADD_NUMBER, number=earlier, record_id=KHANG.record_id, **row))
    asked = await counter.ask_for(login_hint=earlier)
    await agree(ciba, ciba.browser(), asked, KHANG)
    assert (await asked.tokens()).sub


async def test_nobody_else_sees_or_answers_it(ciba: Provider, counter: Counter) -> None:
    asked, browser = await counter.ask_for(binding_message="Quầy số Q7 buổi chiều"), ciba.browser()
    visit = await open_requests(browser, AN)
    assert "Quầy số Q7 buổi chiều" not in visit.text
    form = {"csrf_token": "", "open": request_id(asked)}
    await look_at(ciba.browser(), asked)  # it is there
    token = next(value for one in (await _own_form(browser)) for name, value in one if name == "csrf_token")
    visit = await browser.post(REQUESTS, [*(form | {"csrf_token": token}).items()])
    assert (visit.path, "không còn hiệu lực" in visit.text) == (REQUESTS, True)
    assert await asked.outcome() == "authorization_pending"


async def _own_form(browser: Any) -> list[list[tuple[str, str]]]:
    """The fields of the forms of a page of the same browser that has some."""
    visit = await browser.open("/account")
    return [form.values for form in visit.forms]


async def test_who_logs_in_as_another_person_meanwhile_answers_nothing(
    ciba: Provider, counter: Counter
) -> None:
    asked, browser = await counter.ask_for(), ciba.browser()
    visit = await look_at(browser, asked)
    elsewhere = await browser.open("/logout")
    await elsewhere.submit(decision="logout")
    visit = await browser.open(visit.path)
    visit = await visit.submit(personal_number=AN.number, password=PASSWORD)
    assert "Đã từ chối dịch vụ" in visit.text
    assert await asked.outcome() == "access_denied"


# What the person is asked.


async def test_the_newest_request_takes_the_place_of_the_one_before(ciba: Provider, counter: Counter) -> None:
    """One waits at a time: nobody is worn down by a hundred of them."""
    browser = ciba.browser()
    first = await counter.ask_for(binding_message="Quầy số A1 buổi sáng")
    page = await look_at(browser, first)
    second = await counter.ask_for(binding_message="Quầy số B2 buổi sáng")
    shown = (await open_requests(browser)).text
    assert ("Quầy số A1 buổi sáng" in shown, "Quầy số B2 buổi sáng" in shown) == (False, True)
    assert await first.outcome() == "expired_token"
    late = await page.submit(decision="confirm")
    assert (late.status, late.told("error-code")) == (410, "request_over")
    await agree(ciba, browser, second)
    assert (await second.tokens()).sub


async def test_a_portal_can_be_kept_quiet_for_an_hour(
    ciba: Provider, held: Counter, counter: Counter
) -> None:
    """The portal does not learn that it is: what it asks waits, and runs out."""
    browser = ciba.browser()
    about = await held.ask_for(login_hint=KHANG.number)
    visit = await (await open_requests(browser, KHANG)).submit(block=request_id(about))
    assert "Trong một giờ" in visit.text
    assert await about.outcome() == "access_denied"
    again = await held.ask_for(login_hint=KHANG.number, binding_message="Quầy số K9 buổi chiều")
    other = await counter.ask_for(login_hint=KHANG.number, binding_message="Quầy số L8 buổi chiều")
    shown = (await open_requests(browser, KHANG)).text
    assert ("Quầy số K9 buổi chiều" in shown, "Quầy số L8 buổi chiều" in shown) == (False, True)
    assert await again.outcome() == "authorization_pending"
    assert await other.outcome() == "authorization_pending"
    ciba.clock.advance(3601)
    await held.ask_for(login_hint=KHANG.number, binding_message="Quầy số K9 buổi chiều")
    assert "Quầy số K9 buổi chiều" in (await open_requests(ciba.browser(), KHANG)).text


async def test_a_phone_that_stays_signed_in_answers_while_its_login_is_young(
    ciba: Provider, counter: Counter
) -> None:
    browser = ciba.browser()
    await open_requests(browser)
    ciba.clock.advance(20 * 60)
    asked = await counter.ask_for()
    visit = await (await browser.open(REQUESTS)).submit(open=request_id(asked))
    assert visit.offers(decision="confirm"), "no password is asked for"
    await agree(ciba, browser, asked)
    assert (await asked.tokens()).claims["auth_time"] == ciba.clock.now - 20 * 60


async def test_an_old_login_is_made_again(ciba: Provider, counter: Counter) -> None:
    browser = ciba.browser()
    await open_requests(browser)
    for _ in range(4):  # in use all the time, so that the session lives
        ciba.clock.advance(OLDEST_LOGIN // 4 + 1)
        await ciba.enter("ministry", HOA, browser)
    asked = await counter.ask_for()
    visit = await (await browser.open(REQUESTS)).submit(open=request_id(asked))
    assert visit.offers(personal_number=HOA.number, password=PASSWORD)
    assert "Dịch vụ đề nghị đăng nhập" in visit.text


async def test_a_portal_may_want_a_stronger_login(ciba: Provider, counter: Counter) -> None:
    browser = ciba.browser()
    app = await add_app(ciba, browser, AN)
    asked = await counter.ask_for(login_hint=AN.number, acr_values=f"{counter.issuer}/acr/2")
    browser = ciba.browser()
    visit = await (await open_requests(browser, AN)).submit(open=request_id(asked))
    assert visit.offers(code=app.code())
    visit = await visit.submit(code=app.code())
    assert visit.offers(decision="confirm")
    await visit.submit(decision="confirm")
    assert (await asked.tokens()).claims["acr"] == f"{counter.issuer}/acr/2"


async def test_what_is_asked_is_always_shown(ciba: Provider, counter: Counter) -> None:
    browser = ciba.browser()
    await agree(ciba, browser, await counter.ask_for(scope="openid profile"))
    asked = await counter.ask_for(scope="openid profile")
    visit = await (await look_at(browser, asked)).submit(decision="confirm")
    assert visit.offers(decision="continue"), "a notice, though it was read before"


async def test_the_account_page_tells(ciba: Provider, counter: Counter) -> None:
    asked, browser = await counter.ask_for(), ciba.browser()
    await open_requests(browser)
    assert 'id="asked"' in (await browser.open("/account")).text
    await refuse(browser, asked)
    page = (await browser.open("/account")).text
    assert 'id="asked"' not in page
    assert "Từ chối một dịch vụ đề nghị đăng nhập" in page
    await agree(ciba, browser, await counter.ask_for())
    page = (await browser.open("/account")).text
    assert "Đồng ý đăng nhập theo đề nghị của một dịch vụ" in page
    assert "Tổng đài dịch vụ công" in page, "its session can be ended"


async def test_the_page_looks_by_itself_until_something_waits(ciba: Provider, counter: Counter) -> None:
    ciba.clock.advance(3600)
    browser = ciba.browser()
    visit = await open_requests(browser, AN)
    assert "refresh" not in visit.response.headers
    watching = await browser.open(f"{REQUESTS}?watch=1")
    assert int(watching.response.headers["refresh"]) >= 1
    await counter.ask_for(login_hint=AN.number)
    assert "refresh" not in (await browser.open(f"{REQUESTS}?watch=1")).response.headers


# Races, and the end of things.


async def test_of_many_polls_at_once_one_is_given_tokens(ciba: Provider, held: Counter) -> None:
    asked = await held.ask_for()
    await agree(ciba, ciba.browser(), asked)
    answers = await asyncio.gather(*(asked.poll() for _ in range(16)))
    assert Tally(answer.status_code for answer in answers) == {200: 1, 400: 15}


async def test_of_many_requests_at_once_one_waits(ciba: Provider, counter: Counter) -> None:
    ciba.clock.advance(3600)
    asked = await asyncio.gather(*(counter.ask_for() for _ in range(6)))
    kept = [one for one in asked if one.response.status_code == 200]
    outcomes = Tally([await one.outcome() for one in kept])
    assert outcomes["authorization_pending"] == 1
    assert {one.response.status_code for one in asked} <= {200, 503}


async def test_what_is_over_is_removed(ciba: Provider, counter: Counter) -> None:
    await counter.ask_for()
    ciba.clock.advance(86_400)
    while await purge(ciba.db, int(ciba.clock())) == 1000:
        pass
    assert await ciba.db.fetch_all(select(backchannel_requests)) == []


# Registration (§4).


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"backchannel_token_delivery_mode": None}, "needs backchannel_token_delivery_mode"),
        ({"backchannel_token_delivery_mode": "push"}, "must be one of poll, ping"),
        ({"backchannel_token_delivery_mode": "ping"}, "pings need"),
        ({"backchannel_client_notification_endpoint": "https://a.example/ping"}, "is for pings"),
        ({"backchannel_authentication_request_signing_alg": "RS256"}, "not for the profile"),
        ({"backchannel_authentication_request_signing_alg": "none"}, "must be one of"),
        ({"grant_types": ["client_credentials", CIBA], "application_type": "machine"}, "machine client"),
        ({"grant_types": ["refresh_token"]}, "grant type"),
        (
            {
                "jwks": None,
                "token_endpoint_auth_method": "client_secret_basic",
                "profile": "oidc",
                "dpop_bound_access_tokens": False,
            },
            "the key that requests are signed with",
        ),
    ],
)
def test_what_contradicts_itself_is_not_registered(changes: Mapping[str, Any], what: str) -> None:
    metadata = {**COUNTER, **KEYS, **changes}
    with pytest.raises(InvalidClientMetadata) as refused:
        read_client({name: value for name, value in metadata.items() if value is not None}, now=NOW)
    assert what in refused.value.description


def test_control_what_is_registered_is_good() -> None:
    client = read_client({**COUNTER, **KEYS}, now=NOW)
    assert client.people_log_in
    assert client.scope == ("openid", "profile", "org")


async def test_nobody_registers_himself_for_it(ciba: Provider) -> None:
    """Only staff lets a program ask people who are elsewhere, or terms that say which hosts it is at."""
    token = await initial_token(ciba, profiles=["oidc"])
    sent = {
        **PORTAL, **KEYS, "grant_types": ["authorization_code", CIBA], "backchannel_token_delivery_mode": "poll",
        "token_endpoint_auth_method": "private_key_jwt",
    }  # fmt: skip
    refused(await ask(ciba, token, **sent), "invalid_client_metadata", "registered by staff")

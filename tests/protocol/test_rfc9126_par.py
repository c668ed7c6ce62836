"""Pushed authorization requests (RFC 9126), as FAPI 2.0 Security Profile §5.3.2.2 wants them.

What the modules of the conformance suite look at stands in `test_fapi2_checklist` and its neighbours.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from idp.oidc.pushed_request import LIFETIME, PUSHING
from idp.store.purge import purge
from idp.store.pushed_schema import pushed_requests
from tests.support.browsing import Browser, Visit
from tests.support.devices import ELSEWHERE, SPA, add_clients
from tests.support.fapi import FAPI2, PREFIX, SECOND, FapiPortal
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import Portal
from tests.support.provider import Provider
from tests.support.suite_checks import check_unguessable

pytestmark = on_sqlite

OVER: Final = "invalid_request_uri"
CALLBACK: Final = FAPI2["redirect_uris"][0]


@pytest.fixture
async def fapi(service: Provider) -> FapiPortal:
    return await FapiPortal.register(service)


@pytest.fixture
async def entered(service: Provider, fapi: FapiPortal, hoa: Browser) -> Browser:
    """The browser of somebody whom the portal knows: it has its answer without a page."""
    await fapi.enter(service, HOA, hoa)
    return hoa


def is_dead_end(visit: Visit, page: str, status: int, back: str) -> bool:
    """Whether people are told what to do next, with one way: back to the portal."""
    linked = re.search(r'id="back" href="([^"]*)"', visit.text)
    told = (visit.answer, visit.status, visit.told("error-code")) == (None, status, page)
    return told and linked is not None and linked[1] == back


async def test_a_login_from_push_to_tokens(service: Provider, fapi: FapiPortal) -> None:
    asked, visit = await fapi.enter(service, HOA)
    assert visit.address.startswith(CALLBACK)
    tokens = await fapi.tokens(asked, visit)
    assert tokens.body["token_type"] == "DPoP"
    assert (await fapi.userinfo(tokens.access_token)).status_code == 200


async def test_the_answer_is_a_name_that_nobody_can_guess(fapi: FapiPortal) -> None:
    one, other = await fapi.push(), await fapi.push()
    assert one.response.json() == {"request_uri": one.request_uri, "expires_in": LIFETIME}
    assert one.response.headers["cache-control"] == "no-store"
    assert one.request_uri.startswith(PREFIX)
    assert one.request_uri != other.request_uri
    check_unguessable(one.request_uri.removeprefix(PREFIX))


async def test_its_name_is_not_kept(service: Provider, fapi: FapiPortal) -> None:
    secret = (await fapi.push()).request_uri.removeprefix(PREFIX)
    rows = await service.db.fetch_all(select(pushed_requests))
    assert rows
    assert all(secret not in row["request"] and len(row["request_digest"]) == 32 for row in rows)


@pytest.mark.parametrize(
    "beside",
    [
        {"state": "outside", "nonce": "outside", "scope": "openid", "redirect_uri": "https://evil.example/"},
        {"response_type": "token", "response_mode": "fragment", "prompt": "login", "code_challenge": "x"},
        {"state": "s" * 3000, "request": "e30.e30.", "max_age": "-1"},
    ],
)
async def test_nothing_beside_the_name_counts(
    fapi: FapiPortal, entered: Browser, beside: dict[str, str]
) -> None:
    pushed = await fapi.push()
    visit = await entered.open(pushed.address(ISSUER, **beside))
    assert visit.given["state"] == pushed.asked.parameters["state"]
    assert (await fapi.tokens(pushed.asked, visit)).sub


async def test_nothing_beside_the_name_counts_twice(fapi: FapiPortal, entered: Browser) -> None:
    pushed = await fapi.push()
    visit = await entered.open(f"{pushed.address(ISSUER)}&state=a&state=b&redirect_uri=x&redirect_uri=y")
    assert visit.given["state"] == pushed.asked.parameters["state"]


async def test_it_may_come_by_post(fapi: FapiPortal, entered: Browser) -> None:
    pushed = await fapi.push()
    names = [("client_id", fapi.client_id), ("request_uri", pushed.request_uri)]
    assert (await entered.post("/authorize", names)).code


@pytest.mark.parametrize("names", [{}, {"client_id": "nobody"}])
async def test_the_client_stands_beside_it(fapi: FapiPortal, hoa: Browser, names: dict[str, str]) -> None:
    """RFC 9126 §4."""
    pushed = await fapi.push()
    visit = await hoa.open(f"{ISSUER}/authorize?{urlencode(names | {'request_uri': pushed.request_uri})}")
    assert (visit.answer, visit.told("error-code")) == (None, "unknown_client")


class TestOneAnswer:
    """A request may be opened until it is answered, and is answered once."""

    async def test_the_page_may_be_loaded_again(self, service: Provider, fapi: FapiPortal) -> None:
        pushed, browser = await fapi.push(), service.browser()
        address = pushed.address(ISSUER)
        first, second = await browser.open(address), await browser.open(address)
        assert first.path != second.path
        visit = await service.settle(await service.sign_in(first, HOA))
        assert (await fapi.tokens(pushed.asked, visit)).sub
        late = await service.sign_in(second, HOA)
        assert is_dead_end(late, "already_finished", 409, FAPI2["client_uri"])

    async def test_then_it_leads_back_to_the_portal(self, fapi: FapiPortal, entered: Browser) -> None:
        pushed = await fapi.push()
        assert (await entered.open(pushed.address(ISSUER))).code
        again = await entered.open(pushed.address(ISSUER))
        assert is_dead_end(again, OVER, 400, FAPI2["client_uri"])
        assert "Lượt đăng nhập này đã kết thúc" in again.text
        assert "This sign-in is over" in again.text

    async def test_what_was_asked_is_not_kept_longer(
        self, service: Provider, fapi: FapiPortal, entered: Browser
    ) -> None:
        pushed = await fapi.push(state="recognisable")
        waiting = [row["request"] for row in await service.db.fetch_all(select(pushed_requests))]
        assert sum("recognisable" in request for request in waiting) == 1
        assert (await entered.open(pushed.address(ISSUER))).code
        kept = [row["request"] for row in await service.db.fetch_all(select(pushed_requests))]
        assert sum("recognisable" in request for request in kept) == 0

    async def test_to_where_the_portal_begins_logins(self, service: Provider, entered: Browser) -> None:
        """OpenID Connect Core §4."""
        start = "https://begins.example/dang-nhap"
        portal = await FapiPortal.register(
            service,
            client_id="begins",
            redirect_uris=["https://begins.example/back"],
            initiate_login_uri=start,
        )
        address = f"{ISSUER}/authorize?{urlencode({'client_id': 'begins', 'request_uri': PREFIX + 'A' * 43})}"
        back = f"{start}?iss={ISSUER.replace(':', '%3A').replace('/', '%2F')}"
        assert is_dead_end(await entered.open(address), OVER, 400, back)
        assert (await portal.push()).response.status_code == 201

    async def test_a_refusal_is_an_answer(self, service: Provider, fapi: FapiPortal) -> None:
        pushed, browser = await fapi.push(), service.browser()
        visit = await browser.open(pushed.address(ISSUER))
        cancelled = await browser.post(f"{visit.path}/cancel", visit.forms[0].filled([]))
        assert cancelled.error == "access_denied"
        assert is_dead_end(await browser.open(pushed.address(ISSUER)), OVER, 400, FAPI2["client_uri"])

    async def test_an_error_without_a_page_is_an_answer(self, service: Provider, fapi: FapiPortal) -> None:
        pushed, browser = await fapi.push(prompt="none"), service.browser()
        visit = await browser.open(pushed.address(ISSUER))
        assert (visit.error, visit.given["state"]) == ("login_required", pushed.asked.parameters["state"])
        assert is_dead_end(await browser.open(pushed.address(ISSUER)), OVER, 400, FAPI2["client_uri"])

    async def test_it_lives_for_a_short_time(self, service: Provider, fapi: FapiPortal) -> None:
        pushed, late = await fapi.push(), await fapi.push()
        service.clock.advance(LIFETIME - 1)
        browser = service.browser()
        begun = await browser.open(pushed.address(ISSUER))
        service.clock.advance(1)
        assert is_dead_end(await browser.open(late.address(ISSUER)), OVER, 400, FAPI2["client_uri"])
        # who began in time may take their time, whatever is cleared away meanwhile
        service.clock.advance(50 * 60)
        await purge(service.db, int(service.clock()))
        visit = await service.settle(await service.sign_in(begun, HOA))
        assert (await fapi.tokens(pushed.asked, visit)).sub

    async def test_what_is_over_is_cleared_away(
        self, service: Provider, fapi: FapiPortal, entered: Browser
    ) -> None:
        now = int(service.clock())
        await purge(service.db, now + 2 * 3600)
        pushed, answered = await fapi.push(), await fapi.push()
        assert (await entered.open(answered.address(ISSUER))).code
        await purge(service.db, now + 20 * 60)
        (waiting,) = await service.db.fetch_all(select(pushed_requests))
        assert waiting["used_at"] is None
        assert pushed.asked.parameters["state"] in waiting["request"]
        await purge(service.db, now + 2 * 3600)
        assert await service.db.fetch_all(select(pushed_requests)) == []


@pytest.mark.parametrize("name", ["", "x", "A" * 42, "A" * 43, "A" * 44, "A" * 42 + "=", "A" * 2000])
async def test_a_name_that_was_never_given(fapi: FapiPortal, hoa: Browser, name: str) -> None:
    query = f"client_id={fapi.client_id}&request_uri={PREFIX}{name}"
    assert is_dead_end(await hoa.open(f"{ISSUER}/authorize?{query}"), OVER, 400, FAPI2["client_uri"])


async def test_another_clients_request_is_left_alone(
    service: Provider, fapi: FapiPortal, entered: Browser
) -> None:
    second = await FapiPortal.register(service, SECOND)
    pushed = await fapi.push()
    stolen = pushed.address(ISSUER).replace("client_id=fapi&", f"client_id={second.client_id}&")
    assert is_dead_end(await entered.open(stolen), OVER, 400, SECOND["client_uri"])
    assert (await entered.open(pushed.address(ISSUER))).code


@pytest.mark.parametrize("by", ["parameters", "request object"])
async def test_who_must_push_is_not_heard_from_a_browser(fapi: FapiPortal, entered: Browser, by: str) -> None:
    asked = fapi.ask()
    outside = dict(asked.parameters)
    if by == "request object":
        outside |= {"request": fapi.request_object(asked.parameters)}
    visit = await entered.open(f"{ISSUER}/authorize?{urlencode(outside)}")
    assert (visit.error, visit.given["state"]) == ("invalid_request", asked.parameters["state"])
    assert "pushes" in visit.given["error_description"]
    assert visit.given["iss"] == ISSUER


@pytest.mark.parametrize(
    ("beside", "page"), [({}, "redirect_uri_mismatch"), ({"request": "x"}, "invalid_request_object")]
)
async def test_who_must_push_and_cannot_be_told(
    hoa: Browser, fapi: FapiPortal, beside: dict[str, str], page: str
) -> None:
    visit = await hoa.open(f"{ISSUER}/authorize?{urlencode({'client_id': fapi.client_id} | beside)}")
    assert (visit.answer, visit.told("error-code")) == (None, page)


REFUSED: Final[list[tuple[str, dict[str, str], str]]] = [
    ("invalid_request", {"redirect_uri": "https://evil.example/"}, "redirect_uri"),
    ("invalid_request", {"redirect_uri": ""}, "redirect_uri"),
    ("invalid_request", {"request_uri": "https://fapi.example/request"}, "request_uri"),
    ("invalid_request", {"request_uri": PREFIX + "A" * 43}, "request_uri"),
    ("invalid_request", {"code_challenge": "", "code_challenge_method": ""}, "code_challenge"),
    ("invalid_request", {"code_challenge_method": "plain"}, "S256"),
    ("invalid_request", {"response_mode": "fragment"}, "response_mode"),
    ("invalid_request", {"max_age": "soon"}, "max_age"),
    ("invalid_request", {"dpop_jkt": "x"}, "dpop_jkt"),
    ("invalid_request", {"response_type": ""}, "response_type"),
    ("unsupported_response_type", {"response_type": "code id_token"}, "code"),
    ("unsupported_response_type", {"response_type": "token"}, "code"),
    ("invalid_scope", {"scope": "profile"}, "openid"),
    ("invalid_target", {"resource": "https://nobody.example/"}, "https://nobody.example/"),
    ("invalid_dpop_proof", {"dpop_jkt": "A" * 43}, "dpop_jkt"),
    ("invalid_request_object", {"request": "e30.e30.x"}, "request object"),
    ("invalid_client", {"client_id": "fapi-2"}, "client_id"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "changes", "told"), REFUSED)
async def test_what_the_client_is_told_at_once(
    service: Provider, fapi: FapiPortal, error: str, changes: dict[str, str], told: str
) -> None:
    answer = (await fapi.push(**changes)).response
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert answer.json()["error"] == error
    assert told in answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"
    if error != "invalid_client":  # which is noted as such
        noted = (await service.events("authorization.pushed"))[-1]
        assert (noted.outcome, noted.client_id) == (error, fapi.client_id)
        assert noted.details == {"why": answer.json()["error_description"]}


@pytest.mark.parametrize(
    ("name", "most"), [("state", 2048), ("nonce", 1024), ("claims", 8192), ("login_hint", 2048)]
)
async def test_parameters_are_as_long_as_they_may_be_in_an_address(
    fapi: FapiPortal, name: str, most: int
) -> None:
    value = '{"x":' + " " * (most - 10) + "null}" if name == "claims" else "v" * most
    assert (await fapi.push(**{name: value})).response.status_code == 201
    answer = (await fapi.push(**{name: value + " "})).response.json()
    assert (answer["error"], answer["error_description"]) == ("invalid_request", f"{name} is too long")


async def test_a_parameter_that_comes_twice(fapi: FapiPortal) -> None:
    fields, _ = fapi.credentials()
    body = urlencode([*fields.items(), *fapi.ask().parameters.items(), ("state", "again")])
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await fapi.http.post("/par", content=body, headers=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_push_is_noted(service: Provider, fapi: FapiPortal) -> None:
    await fapi.push(login_hint=HOA.number)
    noted = (await service.events("authorization.pushed"))[-1]
    assert (noted.outcome, noted.client_id) == ("ok", fapi.client_id)
    assert noted.details == {"scope": FAPI2["scope"].split()}


@pytest.mark.parametrize("credentials", [{}, {"client_id": "fapi"}, {"client_id": "nobody"}])
async def test_whoever_keeps_a_key_proves_it(fapi: FapiPortal, credentials: dict[str, str]) -> None:
    parameters = {name: value for name, value in fapi.ask().parameters.items() if name != "client_id"}
    answer = await fapi.http.post("/par", data=parameters | credentials)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_it_is_for_post(fapi: FapiPortal, method: str) -> None:
    answer = await fapi.http.request(method, "/par")
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


async def test_a_program_of_its_own_has_nothing_to_push(service: Provider) -> None:
    machine = service.portal("machine-es256")
    form = service.portal("ministry").ask().parameters
    changed = {**form, "client_id": machine.client_id}
    answer = await machine.post("/par", **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("client_id", ["dossiers", "legacy-post", "ministry"])
async def test_every_client_may_push(service: Provider, hoa: Browser, client_id: str) -> None:
    """RFC 9126 §5: whoever need not, may; by whichever method it authenticates."""
    portal = service.portal(client_id)
    asked = portal.ask()
    answer = await portal.post("/par", **asked.parameters)
    assert answer.status_code == 201, answer.text
    names = {"client_id": client_id, "request_uri": answer.json()["request_uri"]}
    visit = await service.settle(await hoa.open(f"{ISSUER}/authorize?{urlencode(names)}"))
    assert (await portal.tokens(asked, visit)).sub


async def _push_publicly(portal: Portal, address: str, service: Provider, **form: str) -> Any:
    return await service.http(address).post("/par", data={**portal.ask().parameters, **form})


async def test_an_app_pushes_without_a_secret_and_not_without_end(service: Provider, hoa: Browser) -> None:
    await add_clients(service, {**SPA, "client_id": "pushing-spa", "sector": "pushing"})
    spa = service.portal("pushing-spa")
    answers = [await _push_publicly(spa, ELSEWHERE, service) for _ in range(PUSHING.burst + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {201}
    assert (answers[-1].status_code, answers[-1].json()["error"]) == (429, "temporarily_unavailable")
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await _push_publicly(spa, "192.0.2.77", service)).status_code == 201, "others are in no way"
    names = {"client_id": "pushing-spa", "request_uri": answers[0].json()["request_uri"]}
    assert (await hoa.open(f"{ISSUER}/authorize?{urlencode(names)}")).path.startswith("/interaction/")


class TestDpop:
    """RFC 9449 §10.1."""

    async def test_the_code_is_bound_to_the_key_of_the_push(self, fapi: FapiPortal, entered: Browser) -> None:
        asked, visit = await fapi.send(entered)
        thief = FapiPortal.of(fapi)
        answer = await thief.redeem(asked, visit.code)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    async def test_the_key_may_be_named_instead(self, fapi: FapiPortal, entered: Browser) -> None:
        asked = fapi.ask(dpop_jkt=fapi.holder.key.jkt)
        answer = await Portal.post(fapi, "/par", **asked.parameters)
        assert answer.status_code == 201, answer.text
        names = {"client_id": fapi.client_id, "request_uri": answer.json()["request_uri"]}
        visit = await entered.open(f"{ISSUER}/authorize?{urlencode(names)}")
        refused = await FapiPortal.of(fapi).redeem(asked, visit.code)
        assert refused.json()["error"] == "invalid_grant"

    async def test_who_names_none_binds_at_the_token_endpoint(
        self, fapi: FapiPortal, entered: Browser
    ) -> None:
        asked = fapi.ask()
        answer = await Portal.post(fapi, "/par", **asked.parameters)
        names = {"client_id": fapi.client_id, "request_uri": answer.json()["request_uri"]}
        visit = await entered.open(f"{ISSUER}/authorize?{urlencode(names)}")
        assert (await fapi.redeem(asked, visit.code)).status_code == 200

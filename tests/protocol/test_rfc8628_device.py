"""RFC 8628: devices without a browser. Every attack that §5 names has a row here."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from idp.oidc.device_code import ALPHABET, FROM_ADDRESS, LIFETIME, OF_ACCOUNT
from idp.oidc.grant_types import DEVICE_CODE
from tests.support.browsing import Browser
from tests.support.devices import ELSEWHERE, KIOSK, TV, Device, add_clients, arrive, ask, let_in, type_code
from tests.support.dpop import DpopPortal
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import AN, HOA, KHANG
from tests.support.portals import Portal
from tests.support.provider import Ground, Provider

WRONG = "BCFG-HJKL"
CROWDED = "192.0.2.200"
BEYOND = '{"id_token":{"acr":{"essential":true,"value":"LoA4"}}}'
"""A level that nobody can reach."""


@asynccontextmanager
async def _running(ground: Ground, folder: Path) -> AsyncIterator[Provider]:
    async with provider_on_sqlite(folder, ground) as provider:
        await add_clients(provider, TV, KIOSK)
        yield provider


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A running provider with devices; its clock stands."""
    async with _running(provider_ground, tmp_path_factory.mktemp("devices")) as provider:
        yield provider


@pytest.fixture
async def one(provider_ground: Ground, tmp_path: Path) -> AsyncIterator[Provider]:
    """A fresh provider with devices, whose clock may be moved."""
    async with _running(provider_ground, tmp_path) as provider:
        yield provider


@pytest.fixture
def browser(service: Provider) -> Browser:
    """A person's browser."""
    return service.browser()


async def test_a_device_is_let_in(service: Provider, browser: Browser) -> None:
    """§3: the whole way, with claims that the person agrees to and a refresh token."""
    device = await ask(service, scope="openid profile", nonce="n-1")
    assert await device.error() == "authorization_pending"
    await let_in(service, browser, device, HOA)
    response = await device.poll()
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    tokens = await device.portal.read(response)
    assert tokens.claims["nonce"] == "n-1"
    assert tokens.claims["auth_time"] == service.clock.now
    assert (await device.portal.userinfo(tokens.access_token)).json()["name"] == HOA.name
    assert (await device.portal.refresh(tokens.refresh_token)).status_code == 200


async def test_the_answer_has_everything_a_device_shows(service: Provider) -> None:
    """§3.2."""
    device = await ask(service)
    assert device.codes["verification_uri"] == f"{device.portal.issuer}/device"
    assert (
        device.codes["verification_uri_complete"]
        == f"{device.portal.issuer}/device?user_code={device.user_code}"
    )
    assert (device.codes["interval"], device.codes["expires_in"]) == (5, LIFETIME)
    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", device.user_code)


async def test_a_device_asks_as_a_proven_client(service: Provider) -> None:
    """§3.1: client authentication as at the token endpoint."""
    assert (await ask(service, "kiosk")).codes["user_code"]
    refused = await service.http().post(
        "/device_authorization", data={"client_id": "kiosk", "scope": "openid"}
    )
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("client_id", "form", "error"),
    [
        ("dossiers", {"scope": "openid"}, "unauthorized_client"),
        ("tv", {"scope": "profile"}, "invalid_scope"),
        ("tv", {"scope": "openid pid"}, "invalid_scope"),
        ("tv", {"scope": "openid", "claims": "{"}, "invalid_request"),
        ("tv", {"scope": "openid", "claims": BEYOND}, "invalid_request"),
        ("tv", {"scope": "openid", "resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
async def test_a_faulty_request_is_refused(
    service: Provider, client_id: str, form: dict[str, str], error: str
) -> None:
    response = await service.portal(client_id).post("/device_authorization", **form)
    assert (response.status_code, response.json()["error"]) == (400, error)


@pytest.mark.parametrize("typed", ["{}", " {} ", "{} ", "-{}-"])
async def test_a_user_code_is_read_with_good_will(service: Provider, browser: Browser, typed: str) -> None:
    """§6.1: case, hyphens and spaces do not matter."""
    device = await ask(service)
    letters = device.user_code.lower().replace("-", typed.format(" ").strip() or " ")
    visit = await type_code(browser, typed.format(letters))
    assert visit.path.startswith("/interaction/"), visit.text


@pytest.mark.parametrize(
    ("typed", "what"), [("", "Nhập mã"), ("ABCD-EFGH", "8 chữ cái"), (WRONG, "Không có thiết bị nào")]
)
async def test_what_is_no_code_is_explained(
    service: Provider, browser: Browser, typed: str, what: str
) -> None:
    visit = await type_code(browser, typed)
    assert visit.status == 400
    assert what in visit.text


async def test_the_person_may_say_no(service: Provider, browser: Browser) -> None:
    """§3.5 `access_denied`."""
    device = await ask(service)
    visit = await (await arrive(service, browser, device, HOA)).submit(decision="deny")
    assert "không được đăng nhập" in visit.text
    assert await device.error() == "access_denied"
    again = await type_code(browser, device.user_code)
    assert again.status == 400, "nobody can use the code any more"


async def test_who_does_not_agree_lets_nothing_in(service: Provider, browser: Browser) -> None:
    device = await ask(service, scope="openid profile")
    visit = await (await arrive(service, browser, device, HOA)).submit(decision="confirm")
    await visit.submit(decision="deny")
    assert await device.error() == "access_denied"


async def test_codes_expire(one: Provider) -> None:
    """§3.5 `expired_token`; a page that is open then says so."""
    device = await ask(one)
    visit = await arrive(one, one.browser(), device, HOA)
    one.clock.advance(LIFETIME)
    late = await visit.submit(decision="confirm")
    assert (late.status, late.told("error-code")) == (410, "device_code_over")
    assert await device.error() == "expired_token"
    assert (await type_code(one.browser(), device.user_code)).status == 400


async def test_an_approval_that_is_not_fetched_expires_too(one: Provider) -> None:
    device = await ask(one)
    await let_in(one, one.browser(), device, HOA)
    one.clock.advance(LIFETIME)
    assert await device.error() == "expired_token"


async def test_who_asks_too_often_waits_longer(one: Provider) -> None:
    """§3.5: each `slow_down` adds five seconds for good, and in the end the answer comes all the same."""
    device = await ask(one)
    assert await device.error() == "authorization_pending"
    one.clock.advance(2)
    assert await device.error() == "slow_down"
    one.clock.advance(5)
    assert await device.error() == "slow_down", "the interval is ten seconds now"
    one.clock.advance(15)
    assert await device.error() == "authorization_pending"
    await let_in(one, one.browser(), device, HOA)
    assert (await device.poll()).status_code == 200, "an approval is told at once"


async def test_a_code_in_the_address_is_shown_and_nothing_more(service: Provider, browser: Browser) -> None:
    """§3.3.1, §5.4: a phisher's link opens a form; every press is still the person's own."""
    device = await ask(service)
    await service.enter("dossiers", HOA, browser)  # signed in already
    visit = await browser.open(f"/device?user_code={device.user_code}")
    assert f'value="{device.user_code}"' in visit.text
    assert "lừa đảo" in visit.text
    visit = await visit.submit(user_code=device.user_code)
    assert visit.offers(personal_number=HOA.number), "a session does not let a device in: the password does"
    assert await device.error() == "authorization_pending"


@pytest.mark.parametrize("code", ["<script>", "BCFG-HJK", "%00", "x" * 500])
async def test_an_address_with_something_else_is_an_empty_form(browser: Browser, code: str) -> None:
    visit = await browser.open(f"/device?user_code={code}")
    assert (visit.status, 'value=""' in visit.text) == (200 if code != "%00" else visit.status, True)


async def test_the_page_says_whose_device_it_is_and_where(service: Provider, browser: Browser) -> None:
    """§5.4: client, time and network, and that the network is another."""
    visit = await arrive(service, browser, await ask(service), HOA)
    for told in (
        "Máy tra cứu hồ sơ",
        "Cơ quan mẫu",
        HOA.name,
        "203.0.113.0/24",
        "khác mạng với trình duyệt này",
    ):
        assert told in visit.text
    assert "<time " in visit.text


async def test_somebody_elses_page_lets_nothing_in(service: Provider, browser: Browser) -> None:
    """A page made for one person, answered when another has logged in since, is asked anew."""
    device = await ask(service)
    page = await arrive(service, browser, device, HOA)
    login = await browser.http.get(page.path)
    assert login.status_code == 200
    form = next(form for form in page.forms if form.takes([("decision", "confirm")]))
    fields = [(name, "0" * 64 if name == "shown" else value) for name, value in form.values]
    refused = await browser.post(form.action, [*fields, ("decision", "confirm")])
    assert refused.status == 409
    assert await device.error() == "authorization_pending"


async def test_another_browser_cannot_go_on(service: Provider, browser: Browser) -> None:
    device = await ask(service)
    page = await arrive(service, browser, device, HOA)
    stranger = await service.browser().open(page.path)
    assert stranger.status == 400
    assert await device.error() == "authorization_pending"


async def test_one_approval_of_two_counts(service: Provider, browser: Browser) -> None:
    """Two people at one code (§5.1): the first who approves has the device."""
    device, other = await ask(service), service.browser(address="192.0.2.77")
    first, second = await arrive(service, browser, device, HOA), await arrive(service, other, device, KHANG)
    await first.submit(decision="confirm")
    late = await second.submit(decision="confirm")
    assert late.status == 410
    tokens = await device.portal.read(await device.poll())
    answered = (await service.events("token"))[-1]
    assert answered.account_id == (await service.account(HOA)).account_id
    assert tokens.sub


async def test_polls_at_once_have_one_winner(settled_provider: Provider) -> None:
    """On each database."""
    await add_clients(settled_provider, TV)
    device = await ask(settled_provider)
    await let_in(settled_provider, settled_provider.browser(), device, HOA)
    answers = await asyncio.gather(*(device.poll() for _ in range(16)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 15}


async def test_a_device_code_works_once(service: Provider, browser: Browser) -> None:
    """As for an authorization code: a replay revokes what the first use gave."""
    device = await ask(service)
    await let_in(service, browser, device, HOA)
    tokens = await device.portal.read(await device.poll())
    assert (await device.portal.userinfo(tokens.access_token)).status_code == 200
    assert await device.error() == "invalid_grant"
    assert (await device.portal.userinfo(tokens.access_token)).status_code == 401


async def test_another_client_cannot_poll(service: Provider, browser: Browser) -> None:
    """§5.2: a stolen device code is worth nothing to another client, and its polls slow nobody down."""
    device = await ask(service)
    thief = Portal(
        service.registered["kiosk"], service.http("192.0.2.66"), device.portal.issuer, service.clock
    )
    form = {"grant_type": DEVICE_CODE, "device_code": str(device.codes["device_code"])}
    for _ in range(3):
        assert (await thief.post("/token", **form)).json()["error"] == "invalid_grant"
    await let_in(service, browser, device, HOA)
    assert (await thief.post("/token", **form)).json()["error"] == "invalid_grant"
    assert (await device.poll()).status_code == 200


@pytest.mark.parametrize("form", [{}, {"device_code": ""}, {"device_code": "unheard-of"}])
async def test_polls_without_a_code(service: Provider, form: dict[str, str]) -> None:
    response = await service.portal("tv").post("/token", grant_type=DEVICE_CODE, **form)
    expected = "invalid_grant" if form.get("device_code") else "invalid_request"
    assert (response.status_code, response.json()["error"]) == (400, expected)


async def test_a_device_code_is_no_authorization_code(service: Provider, browser: Browser) -> None:
    device = await ask(service)
    await let_in(service, browser, device, HOA)
    code = str(device.codes["device_code"])
    for redirect_uri in ("vn.example.app:/callback", ""):
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        response = await service.portal("app").post("/token", **form)
        assert response.status_code == 400
    assert (await device.poll()).status_code == 200, "nothing of it was used up"


async def test_guessing_is_slowed_down_and_locks_nobody_else(service: Provider) -> None:
    """§5.1: a neighbour's guesses stop whoever is not signed in at this address, and nobody else."""
    device, guesser = await ask(service), service.browser(address=CROWDED)
    for _ in range(FROM_ADDRESS.burst):
        assert (await type_code(guesser, WRONG)).status == 400
    refused = await type_code(guesser, device.user_code)
    assert refused.status == 429
    assert (await type_code(service.browser(address=ELSEWHERE), device.user_code)).offers(password="x")

    neighbour = service.browser(address=CROWDED)
    visit = await neighbour.open("/device/sign-in")  # what the page offers
    visit = await service.sign_in(visit, HOA)
    assert visit.path == "/device"
    visit = await visit.submit(user_code=device.user_code)
    assert visit.path.startswith("/interaction/")
    assert {event.outcome for event in await service.events("device.code_refused")} == {
        "unknown",
        "throttled",
    }


async def test_a_signed_in_person_guesses_no_faster(service: Provider, browser: Browser) -> None:
    await service.enter("dossiers", AN, browser)
    statuses = [(await type_code(browser, WRONG)).status for _ in range(OF_ACCOUNT.burst + 1)]
    assert statuses == [400] * OF_ACCOUNT.burst + [429]


async def test_a_device_lives_on_when_the_person_signs_out(service: Provider, browser: Browser) -> None:
    """The device has a session of its own, which the person sees and can end."""
    device = await ask(service)
    await let_in(service, browser, device, HOA)
    tokens = await device.portal.read(await device.poll())
    visit = await browser.open("/logout")
    await visit.submit(decision="logout")
    assert (await device.portal.userinfo(tokens.access_token)).status_code == 200

    await service.enter("dossiers", HOA, browser)
    account = await browser.open("/account")
    assert "Máy tra cứu hồ sơ" in account.text
    await account.submit(session=str(tokens.claims["sid"]))
    assert (await device.portal.userinfo(tokens.access_token)).status_code == 401


async def test_a_device_acts_for_whom_the_person_chose(service: Provider, browser: Browser) -> None:
    device = await ask(service, scope="openid org")
    visit = await (await arrive(service, browser, device, KHANG)).submit(decision="confirm")
    organisations = [
        value
        for form in visit.forms
        for name, value in form.choices
        if name == "acting_for" and value != "self"
    ]
    assert organisations
    visit = await visit.submit(acting_for=organisations[0])
    claims = [value for form in visit.forms for name, value in form.choices if name == "claim"]
    await visit.submit(decision="allow", claim=claims)
    tokens = await device.portal.read(await device.poll())
    assert tokens.claims["vn_organisation"]


async def test_codes_are_not_asked_for_without_end(service: Provider) -> None:
    """A public client's id is known to everybody: rows are not made faster than devices ask."""
    portal = service.portal("tv")
    for _ in range(120):
        assert (await portal.post("/device_authorization", scope="openid")).status_code == 200
    refused = await portal.post("/device_authorization", scope="openid")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1


async def test_a_device_that_proves_no_key_hears_of_it_before_anybody_lets_it_in(
    service: Provider, browser: Browser
) -> None:
    """RFC 9449 §5: nothing is used up by a poll without a proof."""
    await add_clients(service, {**TV, "client_id": "bound-tv", "dpop_bound_access_tokens": True})
    device = await ask(service, "bound-tv")
    assert await device.error() == "invalid_dpop_proof"
    await let_in(service, browser, device, HOA)
    assert await device.error() == "invalid_dpop_proof"
    proving = Device(DpopPortal.of(device.portal), device.codes)
    assert (await proving.poll()).json()["token_type"] == "DPoP"

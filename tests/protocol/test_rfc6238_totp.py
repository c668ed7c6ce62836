"""RFC 6238: codes by time, each of which works once; and what an attacker can do with the password alone."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from sqlalchemy import select

from idp.authentication import totp
from idp.authentication.totp_login import KNOWN_BROWSER, STRANGERS
from idp.store.person_schema import authenticators
from tests.support.authenticator import PAGE, WRONG, App, add_app, open_page, press
from tests.support.browsing import Browser, Visit
from tests.support.population import AN, HOA
from tests.support.provider import Provider

_AUTHENTICATORS = select(authenticators)
SEED = b"12345678901234567890"
SEEDS = {"sha1": SEED, "sha256": (SEED * 2)[:32], "sha512": (SEED * 4)[:64]}
APPENDIX_B = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
ESSENTIAL = '{"id_token":{"acr":{"essential":true,"values":["LoA2"]}}}'


@pytest.mark.parametrize(("now", "sha1", "sha256", "sha512"), APPENDIX_B)
def test_appendix_b(now: int, sha1: str, sha256: str, sha512: str) -> None:
    codes = dict(zip(SEEDS, (sha1, sha256, sha512), strict=True))
    for algorithm, code in codes.items():
        assert totp.code_of(SEEDS[algorithm], totp.step_at(now), 8, algorithm) == code


@pytest.mark.parametrize("now", [59, 1_795_305_600, 20_000_000_000])
def test_codes_agree_with_another_implementation(now: int) -> None:
    assert App(SEED, lambda: now).code() == totp.code_of(SEED, totp.step_at(now))


@pytest.mark.parametrize(("off", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_5_2_one_step_of_drift_either_way(off: int, *, accepted: bool) -> None:
    now = 1_795_305_600
    assert (totp.matching_step(SEED, App(SEED, lambda: now + off).code(), now) is not None) is accepted


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("123-456", "123456"),
        ("12345", None),
        ("1234567", None),
        ("", None),
        ("12345a", None),
        ("１２３４５６", None),  # digits, but no app shows them
        ("²²²²²²", None),
    ],
)
def test_what_counts_as_a_code(typed: str, read: str | None) -> None:
    assert totp.read_code(typed) == read


def test_the_uri_says_what_an_app_needs() -> None:
    uri = urlsplit(totp.provisioning_uri(SEED, "Một Cửa (sso.example)", "…0001"))
    parameters = {name: values[0] for name, values in parse_qs(uri.query).items()}
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/Một Cửa (sso.example):…0001"
    assert base64.b32decode(parameters.pop("secret")) == SEED
    assert parameters == {
        "issuer": "Một Cửa (sso.example)",
        "algorithm": "SHA1",
        "digits": "6",
        "period": "30",
    }


async def _asked_for_a_code(provider: Provider, browser: Browser) -> Visit:
    _, visit = await provider.portal("ministry").send(browser, claims=ESSENTIAL, prompt="login")
    visit = await provider.sign_in(visit, HOA)
    assert visit.offers(code="")
    return visit


async def test_5_2_a_code_works_once(strong: Provider) -> None:
    app = await add_app(strong, strong.browser())
    first, second = strong.browser(), strong.browser()
    code = app.code()
    visit = await (await _asked_for_a_code(strong, first)).submit(code=code)
    assert not visit.offers(code=""), "the person goes on"
    replayed = await (await _asked_for_a_code(strong, second)).submit(code=code)
    assert (replayed.status, replayed.offers(code="")) == (409, True)
    assert "đã được dùng" in replayed.text
    assert [event.outcome for event in await strong.events("second_factor")][-2:] == ["ok", "used_code"]


async def test_5_2_a_code_older_than_one_that_was_used_works_no_more(strong: Provider) -> None:
    app = await add_app(strong, strong.browser())
    seen_over_the_shoulder = app.code()
    strong.clock.advance(30)
    await (await _asked_for_a_code(strong, strong.browser())).submit(code=app.code())
    visit = await (await _asked_for_a_code(strong, strong.browser())).submit(code=seen_over_the_shoulder)
    assert visit.status == 409


async def test_the_code_of_the_enrolment_is_used_up_by_it(strong: Provider) -> None:
    app = await add_app(strong, strong.browser())
    visit = await (await _asked_for_a_code(strong, strong.browser())).submit(code=app.code(-1))
    assert visit.status == 409


async def test_one_code_in_many_browsers_at_once_has_one_winner(settled_provider: Provider) -> None:
    provider = settled_provider
    app = await add_app(provider, provider.browser())
    second = await provider.another_worker()
    pages = [await _asked_for_a_code(provider, provider.browser(app=worker)) for worker in [None, second] * 4]
    visits = await asyncio.gather(*(page.submit(code=app.code()) for page in pages))
    assert Counter(visit.offers(code="") for visit in visits) == {False: 1, True: len(pages) - 1}
    assert Counter(event.outcome for event in await provider.events("second_factor")) == {
        "ok": 1,
        "used_code": len(pages) - 1,
    }


async def test_guesses_are_slowed_and_do_not_lock_the_person_out(strong: Provider) -> None:
    home = strong.browser()
    app = await add_app(strong, home)
    thief = await _asked_for_a_code(strong, strong.browser(address="203.0.113.9"))
    for _ in range(STRANGERS.burst):
        thief = await thief.submit(code=WRONG)
        assert thief.status == 401
    assert (await thief.submit(code=WRONG)).status == 429
    again = await _asked_for_a_code(strong, strong.browser(address="203.0.113.77"))
    refused = await again.submit(code=app.code())
    assert refused.status == 429, "another browser and network do not help, nor does a right guess now"
    assert "Tài khoản không bị khóa" in refused.text

    strong.clock.advance(120)
    visit = await (await _asked_for_a_code(strong, home)).submit(code=app.code())
    assert not visit.offers(code=""), "the person's own browser has a bucket of its own"

    strong.clock.advance(STRANGERS.interval_ms // 1000)
    visit = await (await _asked_for_a_code(strong, strong.browser())).submit(code=app.code())
    assert not visit.offers(code=""), "and on a new device an hour later"


async def test_a_browser_that_is_known_is_slowed_too(strong: Provider) -> None:
    browser = strong.browser()
    await add_app(strong, browser)
    strong.clock.advance(3600)
    visit = await _asked_for_a_code(strong, browser)
    statuses = [(visit := await visit.submit(code=WRONG)).status for _ in range(KNOWN_BROWSER.burst + 1)]
    assert statuses == [401] * KNOWN_BROWSER.burst + [429]


@pytest.mark.parametrize("typed", ["", "12345", "abcdef"])
async def test_what_is_no_code_is_said_and_counts_as_no_guess(strong: Provider, typed: str) -> None:
    await add_app(strong, strong.browser())
    visit = await (await _asked_for_a_code(strong, strong.browser())).submit(code=typed)
    assert (visit.status, visit.offers(code="")) == (400, True)


async def test_a_secret_shown_in_one_session_is_not_confirmed_in_another(strong: Provider) -> None:
    """Somebody with the password starts an app of their own and waits for the person to confirm it."""
    planted = await press(await open_page(strong, strong.browser()), "/begin")
    assert planted.told("secret")
    visit = await open_page(strong, strong.browser())
    assert not visit.told("secret")
    assert not any(form.action.endswith("/confirm") for form in visit.forms)
    assert (await press(visit, "/begin")).told("secret") != planted.told("secret")
    code = totp.code_of(base64.b32decode(planted.told("secret").replace(" ", "")), int(strong.clock()) // 30)
    assert not (await press(planted, "/confirm", code=code)).told("secret"), "nor does theirs count any more"
    assert not (await open_page(strong, strong.browser())).told("when"), "so there is no app"


async def test_a_secret_is_kept_sealed_and_no_second_one_beside_it(strong: Provider) -> None:
    browser = strong.browser()
    app = await add_app(strong, browser)
    rows = await strong.db.fetch_all(_AUTHENTICATORS)
    assert [app.secret in bytes(row["secret_sealed"]) for row in rows] == [False]
    page = await browser.open(PAGE)
    fields = [pair for pair in page.forms[0].values if pair[0] == "csrf_token"]
    assert (await browser.post("/account/authenticator/begin", fields)).told("when")
    assert [bytes(row["secret_sealed"]) for row in await strong.db.fetch_all(_AUTHENTICATORS)] == [
        bytes(row["secret_sealed"]) for row in rows
    ]
    assert (await strong.account(AN)).account_id not in {row["account_id"] for row in rows}

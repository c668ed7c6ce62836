"""OAuth 2.0 Form Post Response Mode 1.0: the answer comes to the portal as a form that sends itself."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support.browsing import Browser, Form, Visit, read_forms
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.population import AN, HOA
from tests.support.portals import Asked
from tests.support.provider import Provider

pytestmark = on_sqlite

POST = "form_post"
AWKWARD_STATES = (
    "plain",
    '"><script>alert(1)</script>',
    "'\"&<>=+%20",
    "Cổng số 1 – đã gửi",
    "a&code=stolen&state=b",
    "x" * 1000,
    "&#34;&amp;",
    "</textarea></form><form>",
)


async def ask(service: Provider, browser: Browser, **changes: str) -> tuple[Asked, Visit]:
    return await service.portal("dossiers").send(browser, response_mode=POST, **changes)


def answer_of(visit: Visit) -> tuple[Form, dict[str, str]]:
    """The one form of the page and its fields; none is given twice."""
    assert visit.status == 200
    (form,) = visit.forms
    fields = dict(form.values)
    assert len(fields) == len(form.values)
    return form, fields


async def test_code_state_and_issuer_in_a_form(service: Provider, hoa: Browser) -> None:
    asked, visit = await ask(service, hoa)
    form, fields = answer_of(visit)
    assert form.action == "https://dossiers.example/callback", "nothing stands in the address"
    assert fields.keys() == {"code", "state", "iss"}
    assert (fields["state"], fields["iss"]) == (asked.parameters["state"], ISSUER)
    response = await service.portal("dossiers").redeem(asked, fields["code"])
    assert response.status_code == 200


async def test_the_page(service: Provider, hoa: Browser) -> None:
    _, visit = await ask(service, hoa)
    headers = visit.response.headers
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "location" not in headers
    assert re.search(r'<button[^>]* type="submit"', visit.text), "for browsers without JavaScript (§2)"


async def test_only_the_one_script_runs_and_the_form_goes_to_the_portal_only(
    service: Provider, hoa: Browser
) -> None:
    _, visit = await ask(service, hoa)
    policy = visit.response.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", visit.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy.split("; ")
    assert "form-action 'self' https://dossiers.example" in policy.split("; ")
    assert "unsafe" not in policy
    assert "submit()" in script


@pytest.mark.parametrize("state", AWKWARD_STATES)
async def test_the_state_arrives_as_it_was_sent(service: Provider, hoa: Browser, state: str) -> None:
    _, visit = await ask(service, hoa, state=state)
    form, fields = answer_of(visit)
    assert fields["state"] == state
    assert fields.keys() == {"code", "state", "iss"}
    assert form.action == "https://dossiers.example/callback"


async def test_without_a_state_there_is_none(service: Provider, hoa: Browser) -> None:
    asked = service.portal("dossiers").ask("state", response_mode=POST)
    _, fields = answer_of(await hoa.open(asked.address))
    assert fields.keys() == {"code", "iss"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid pid"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"request": "x"}, "invalid_request_object"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://dossiers.example/r"}, "request_uri_not_supported"),
        ({"claims": "{"}, "invalid_request"),
    ],
)
async def test_errors_come_the_same_way(
    service: Provider, hoa: Browser, changes: dict[str, Any], error: str
) -> None:
    asked, visit = await ask(service, hoa, **changes)
    form, fields = answer_of(visit)
    assert form.action == "https://dossiers.example/callback"
    assert fields.keys() == {"error", "error_description", "state", "iss"}
    assert (fields["error"], fields["state"]) == (error, asked.parameters["state"])


async def test_login_required_comes_the_same_way(service: Provider) -> None:
    _, visit = await ask(service, service.browser(), prompt="none")
    _, fields = answer_of(visit)
    assert fields["error"] == "login_required"


async def test_after_the_pages_too(service: Provider) -> None:
    asked, visit = await ask(service, service.browser(), scope="openid profile")
    visit = await service.sign_in(visit, AN)
    if visit.offers(decision="continue"):
        visit = await visit.submit(decision="continue")
    form, fields = answer_of(visit)
    assert (form.action, fields["state"]) == (
        "https://dossiers.example/callback",
        asked.parameters["state"],
    )
    tokens = await service.portal("dossiers").tokens(asked, await visit.submit())
    assert tokens.claims["nonce"] == asked.parameters["nonce"]


async def test_who_cancels_is_sent_back_the_same_way(service: Provider) -> None:
    _, visit = await ask(service, service.browser())
    cancel = next(form for form in visit.forms if form.action.endswith("/cancel"))
    left = await visit.browser.post(f"{ISSUER}{urlsplit(cancel.action).path}", cancel.values)
    _, fields = answer_of(left)
    assert fields["error"] == "access_denied"


async def test_the_request_by_post_is_answered_by_post(service: Provider, hoa: Browser) -> None:
    asked = service.portal("dossiers").ask(response_mode=POST)
    _, fields = answer_of(await hoa.post("/authorize", list(asked.parameters.items())))
    assert fields["state"] == asked.parameters["state"]


async def test_by_query_is_the_default_and_can_be_named(service: Provider, hoa: Browser) -> None:
    for changes in ({}, {"response_mode": "query"}):
        _, visit = await service.portal("dossiers").send(hoa, **changes)
        assert visit.response.status_code == 303
        parts = urlsplit(visit.response.headers["location"])
        assert {name for name, _ in parse_qsl(parts.query)} == {"code", "state", "iss"}
        assert not parts.fragment


@pytest.mark.parametrize("mode", ["fragment", "FORM_POST", "web_message", "fragment.jwt", "form_post query"])
async def test_other_modes_are_refused_by_query(service: Provider, hoa: Browser, mode: str) -> None:
    _, visit = await service.portal("dossiers").send(hoa, response_mode=mode)
    assert (visit.error, "code" in visit.given) == ("invalid_request", False)


async def test_a_mode_given_twice_is_no_choice(service: Provider, hoa: Browser) -> None:
    asked = service.portal("dossiers").ask(response_mode=POST)
    response = await hoa.http.get(f"{asked.address}&response_mode=query")
    assert response.status_code == 400
    assert not any("dossiers.example" in form.action for form in read_forms(response.text))


async def test_nothing_is_sent_to_an_address_that_is_not_registered(service: Provider, hoa: Browser) -> None:
    _, visit = await ask(service, hoa, redirect_uri="https://elsewhere.example/callback")
    assert visit.status == 400
    assert "elsewhere.example" not in visit.text
    assert HOA.number not in visit.text

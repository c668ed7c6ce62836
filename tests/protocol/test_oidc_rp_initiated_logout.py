"""OpenID Connect RP-Initiated Logout 1.0."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from idp.errors import InvalidRequest, PageError
from idp.oidc.end_session import (
    LogoutRequest,
    hints_other,
    logout_location,
    needs_confirmation,
    prove_logout_target,
    read_logout_request,
    sessions_meant,
)
from idp.oidc.hint import Hint, verify_hint
from idp.oidc.id_token import id_token_claims
from idp.registers.types import SubjectType
from idp.store import clients
from idp.store.database import step
from keys import base64url
from keys.policy import Purpose
from tests.support.oidc_rules import ISSUER, NOW, client, event, keyring
from tests.support.portals import REGISTRATIONS, register
from tests.support.provider import Provider
from tests.support.signing import signed

BYE = "https://portal.example.gov.vn/bye"
STATE = "s" * 128
PORTAL = client()


def id_token(
    installation: str = "ours", *, issuer: str = ISSUER, client_id: str = "portal", now: int = NOW
) -> str:
    claims = id_token_claims(
        issuer=issuer, client_id=client_id, subject="pairwise", subject_type=SubjectType.CITIZEN, event=event(),
        nonce=None, released={}, now=now,
    )  # fmt: skip
    return signed(keyring(installation), Purpose.ID_TOKEN, claims)


def read(**parameters: str) -> LogoutRequest:
    return read_logout_request(list(parameters.items()), keyring(), ISSUER)


def test_hint_address_and_state_lead_back_with_the_state_and_nothing_else() -> None:
    target = prove_logout_target(
        read(id_token_hint=id_token(), post_logout_redirect_uri=BYE, state=STATE), PORTAL, NOW
    )
    assert target is not None
    assert logout_location(target) == f"{BYE}?state={STATE}"


def test_without_state_the_address_alone() -> None:
    target = prove_logout_target(read(id_token_hint=id_token(), post_logout_redirect_uri=BYE), PORTAL, NOW)
    assert target is not None
    assert logout_location(target) == BYE


def test_client_id_vouches_for_the_address_too() -> None:
    assert (
        prove_logout_target(read(client_id="portal", post_logout_redirect_uri=BYE), PORTAL, NOW) is not None
    )


def test_an_expired_hint_is_taken() -> None:
    long_ago = id_token(now=NOW - 90 * 86400)
    assert read(id_token_hint=long_ago).hint == Hint("portal", "pairwise", "s-1")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"state": STATE},
        {"post_logout_redirect_uri": BYE},
        {"post_logout_redirect_uri": "https://evil.example/", "state": STATE},
        {"id_token_hint": id_token()},
        {"client_id": "portal"},
        {"logout_hint": "somebody", "ui_locales": "vi"},
    ],
)
def test_the_person_stays_here(parameters: dict[str, str]) -> None:
    asked = read(**parameters)
    assert prove_logout_target(asked, PORTAL if asked.client_id else None, NOW) is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        BYE + "/",
        BYE + "?foo=bar",
        BYE.upper(),
        BYE + "#x",
        "https://portal.example.gov.vn:443/bye",
        "https://portal.example.gov.vn/callback",
    ],
)
def test_an_address_that_is_not_registered_is_never_followed(uri: str) -> None:
    with pytest.raises(PageError) as shown:
        prove_logout_target(read(id_token_hint=id_token(), post_logout_redirect_uri=uri), PORTAL, NOW)
    assert shown.value.page == "logout_redirect_mismatch"


def _without_signature(token: str) -> str:
    header = base64url.encode_text(b'{"alg":"none"}')
    return f"{header}.{token.split('.')[1]}."


@pytest.mark.parametrize(
    "parameters",
    [
        {"id_token_hint": "rubbish"},
        {"id_token_hint": _without_signature(id_token())},
        {"id_token_hint": id_token("foreign")},
        {"id_token_hint": id_token(issuer="https://other.example")},
        {"id_token_hint": id_token()[:-4] + "AAAA"},
        {"id_token_hint": id_token(), "client_id": "other"},
        {"id_token_hint": signed(keyring(), Purpose.ACCESS_TOKEN, {"iss": ISSUER, "aud": "portal"})},
        {"id_token_hint": signed(keyring(), Purpose.LOGOUT, {"iss": ISSUER, "aud": "portal", "sub": "x"})},
    ],
)
def test_a_hint_that_is_not_ours_for_this_client_stops_it(parameters: dict[str, str]) -> None:
    with pytest.raises(PageError) as shown:
        read(**parameters, post_logout_redirect_uri=BYE)
    assert shown.value.page == "invalid_logout_hint"


def test_an_unknown_client_stops_it() -> None:
    with pytest.raises(PageError):
        prove_logout_target(read(client_id="nobody", post_logout_redirect_uri=BYE), None, NOW)


def test_parameters_given_twice_stop_it() -> None:
    with pytest.raises(PageError):
        read_logout_request([("state", "a"), ("state", "b")], keyring(), ISSUER)


def test_only_the_sessions_own_client_ends_it_unasked() -> None:
    with_hint = read(id_token_hint=id_token())
    assert not needs_confirmation(with_hint, "s-1")
    assert needs_confirmation(with_hint, "s-2")
    assert needs_confirmation(read(client_id="portal"), "s-1")
    assert not needs_confirmation(read(), None)


def test_the_hint_of_an_authorization_request_belongs_to_its_client() -> None:
    assert verify_hint(keyring(), id_token(), issuer=ISSUER, client_id="portal").subject == "pairwise"
    with pytest.raises(InvalidRequest):
        verify_hint(keyring(), id_token(), issuer=ISSUER, client_id="other")


SESSION, OTHER_SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
SUBJECT, OTHER_SUBJECT = "s" * 43, "t" * 43


@pytest.mark.parametrize(
    ("hint", "other"),
    [
        ("", False),
        (SESSION, False),
        (OTHER_SESSION, True),
        (SUBJECT, False),
        (OTHER_SUBJECT, True),
        ("somebody@example.vn", False),
        ("001184000017", False),
        (SUBJECT + "=", False),
        (OTHER_SESSION.upper(), False),
    ],
)
def test_a_logout_hint_is_a_sid_or_a_sub_and_what_it_says_is_compared(hint: str, *, other: bool) -> None:
    asked = read(client_id="portal", logout_hint=hint)
    assert hints_other(asked, session_id=SESSION, subject=SUBJECT) is other


def test_a_sub_means_nothing_where_nobody_says_who_asks() -> None:
    assert not hints_other(read(logout_hint=OTHER_SUBJECT), session_id=SESSION, subject=None)
    assert hints_other(read(logout_hint=OTHER_SESSION), session_id=SESSION, subject=None)


def test_the_hinted_session_is_meant_beside_the_browsers_own_and_a_logout_hint_is_none() -> None:
    assert sessions_meant(read(id_token_hint=id_token()), None) == ("s-1",)
    assert sessions_meant(read(id_token_hint=id_token()), "s-1") == ("s-1",)
    assert sessions_meant(read(id_token_hint=id_token()), "s-2") == ("s-2", "s-1")
    assert sessions_meant(read(logout_hint=OTHER_SESSION), None) == ()


def test_nobody_is_sent_to_a_client_that_is_switched_off() -> None:
    """They are logged out here all the same."""
    for stopped in (replace(PORTAL, disabled_at=NOW), replace(PORTAL, legacy_until="2026-11-21")):
        for vouching in ({"client_id": "portal"}, {"id_token_hint": id_token()}):
            request = read(post_logout_redirect_uri=BYE, **vouching)
            assert prove_logout_target(request, stopped, NOW) is None


async def test_a_client_that_is_switched_off_gets_nobody_by_a_link_to_us(one: Provider) -> None:
    """Without a session nobody is asked, so the link would be as good as one to the client."""
    uris = {"post_logout_redirect_uris": [BYE], "client_uri": "https://portal.example.gov.vn/"}
    registered, kept = register({**REGISTRATIONS["dossiers"], "client_id": "off", **uris}, NOW)
    await one.db.write(kept, step(clients.DISABLE, client=registered.client_id, now=NOW))
    visit = await one.browser().open(f"/logout?client_id=off&post_logout_redirect_uri={quote(BYE, safe='')}")
    assert (visit.status, visit.answer) == (200, None)
    assert "portal.example.gov.vn" not in visit.text.replace(quote(BYE, safe=""), "")

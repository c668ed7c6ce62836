"""ID token, UserInfo, introspection: what they hold, and what can never be overwritten."""

from __future__ import annotations

import pytest

from idp.oidc.access_token import PersonAccess, access_token_claims
from idp.oidc.client import Client
from idp.oidc.id_token import ID_TOKEN_LIFETIME, id_token_claims
from idp.oidc.introspection import INACTIVE, introspection_response, refresh_introspection_response
from idp.oidc.userinfo import signed_userinfo_claims, userinfo_claims
from idp.registers.types import SubjectType
from tests.support.oidc_rules import ISSUER, NOW, client, event

API = "https://api.example.gov.vn"
PORTAL = client(audience=[API])
RESOURCE = client(
    "redirect_uris", "post_logout_redirect_uris", client_id="api", application_type="machine",
    grant_types=["client_credentials"], scope="", resources=[API],
)  # fmt: skip


def _id_token(nonce: str | None, released: dict[str, object]) -> dict[str, object]:
    return id_token_claims(
        issuer=ISSUER,
        client_id="portal",
        subject="pairwise",
        subject_type=SubjectType.CITIZEN,
        event=event(),
        nonce=nonce,
        released=released,
        now=NOW,
    )


def test_an_id_token() -> None:
    assert _id_token("n-1", {"name": "Đặng Thị Hoà"}) == {
        "iss": ISSUER,
        "sub": "pairwise",
        "aud": "portal",
        "exp": NOW + ID_TOKEN_LIFETIME,
        "iat": NOW,
        "auth_time": NOW - 60,
        "nonce": "n-1",
        "acr": f"{ISSUER}/acr/1",
        "amr": ["pwd"],
        "sid": "s-1",
        "subject_type": "citizen",
        "name": "Đặng Thị Hoà",
    }


def test_no_nonce_where_none_was_sent() -> None:
    assert "nonce" not in _id_token(None, {})


def test_released_claims_never_stand_over_the_protocols() -> None:
    forged: dict[str, object] = dict.fromkeys(("iss", "sub", "aud", "exp", "acr", "sid", "nonce"), "forged")
    assert "forged" not in _id_token("n", forged).values()
    answer = userinfo_claims(subject="s", subject_type=SubjectType.FOREIGNER, released={"sub": "forged"})
    assert answer == {"sub": "s", "subject_type": "foreigner"}


def test_signed_userinfo_says_by_whom_and_for_whom() -> None:
    signed = signed_userinfo_claims({"sub": "s"}, issuer=ISSUER, client_id="portal", now=NOW)
    assert signed == {"sub": "s", "iss": ISSUER, "aud": "portal", "iat": NOW}


def _access_token() -> dict[str, object]:
    access = PersonAccess(
        grant_id="g", subject="pairwise", audience=(API,), scope=("openid",), event=event(),
        representation=None,
    )  # fmt: skip
    return access_token_claims(access, PORTAL, issuer=ISSUER, jti="j", now=NOW)


@pytest.mark.parametrize("caller", [PORTAL, RESOURCE])
def test_those_it_concerns_are_told(caller: Client) -> None:
    answer = introspection_response(caller, _access_token(), issuer=ISSUER, now=NOW)
    assert answer["active"] is True
    assert (answer["sub"], answer["client_id"], answer["scope"]) == ("pairwise", "portal", "openid")
    assert "grant_id" not in answer


def test_others_are_told_nothing() -> None:
    stranger = client(client_id="stranger")
    assert introspection_response(stranger, _access_token(), issuer=ISSUER, now=NOW) == {"active": False}
    assert introspection_response(PORTAL, _access_token(), issuer=ISSUER, now=NOW + 300) == dict(INACTIVE)
    assert introspection_response(PORTAL, {}, issuer=ISSUER, now=NOW) == dict(INACTIVE)


def test_a_refresh_token() -> None:
    answer = refresh_introspection_response(
        issuer=ISSUER, client_id="portal", subject="s", scope="openid", expires_at=NOW + 5
    )
    assert answer["active"] is True
    assert "token_type" not in answer

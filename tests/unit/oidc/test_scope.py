"""Which scopes count, for whom, and when a refresh token comes with them."""

from __future__ import annotations

from typing import Any

import pytest

from idp.errors import InvalidScope
from idp.oidc.claims.languages import TAGGED
from idp.oidc.claims.release import CLAIMS
from idp.oidc.scope import (
    CLAIM_SCOPE,
    SCOPES,
    granted_scope,
    read_person_scope,
    read_resource_scope,
    read_scope,
    refresh_allowed,
)
from idp.pages.wording import CLAIM_TEXT
from tests.support.oidc_rules import client

MACHINE = client(
    "redirect_uris", "post_logout_redirect_uris", application_type="machine", grant_types=["client_credentials"],
    scope="procedures:read procedures:write", audience=["https://api.example.gov.vn"],
)  # fmt: skip
REFRESH = ["authorization_code", "refresh_token"]


def test_every_claim_of_a_scope_can_be_read_and_has_words() -> None:
    assert set(CLAIM_SCOPE) == set(CLAIMS)
    assert {TAGGED.get(claim, claim) for claim in CLAIMS} <= set(CLAIM_TEXT)


def test_no_claim_belongs_to_two_scopes() -> None:
    claims = [claim for scope in SCOPES.values() for claim in scope.claims]
    assert len(set(claims)) == len(claims)


def test_order_is_kept_and_repetitions_are_not() -> None:
    assert read_scope("profile  openid profile") == ("profile", "openid")
    assert read_scope("") == ()


@pytest.mark.parametrize("text", ["openid\tprofile", 'openid "', "openid \\", "openid đ", "openid\n"])
def test_characters_outside_the_grammar(text: str) -> None:
    with pytest.raises(InvalidScope):
        read_scope(text)


def test_scopes_of_apis_are_not_for_persons_logins() -> None:
    both = client(
        grant_types=["authorization_code", "client_credentials"],
        scope="openid procedures:read",
        audience=["https://api.example.gov.vn"],
    )
    assert read_person_scope("openid procedures:read", both) == ("openid",)
    assert read_resource_scope("", both) == ("procedures:read",)


def test_machines_get_what_they_ask_for_or_all_they_may() -> None:
    assert read_resource_scope("procedures:write", MACHINE) == ("procedures:write",)
    assert read_resource_scope("", MACHINE) == ("procedures:read", "procedures:write")
    for text in ("procedures:delete", "openid", "procedures:read openid"):
        with pytest.raises(InvalidScope):
            read_resource_scope(text, MACHINE)


@pytest.mark.parametrize(
    ("changes", "scope", "prompt", "allowed"),
    [
        ({}, ("openid",), (), False),
        ({"grant_types": REFRESH}, ("openid",), (), True),
        ({"grant_types": REFRESH, "scope": "openid offline_access"}, ("openid",), ("consent",), False),
        ({"grant_types": REFRESH, "scope": "openid offline_access"}, ("openid", "offline_access"), (), True),
        (
            {"grant_types": REFRESH, "scope": "openid offline_access", "legal_basis": "consent"},
            ("openid", "offline_access"),
            (),
            False,
        ),
        (
            {"grant_types": REFRESH, "scope": "openid offline_access", "legal_basis": "consent"},
            ("openid", "offline_access"),
            ("consent",),
            True,
        ),
    ],
)
def test_refresh_tokens(
    changes: dict[str, Any], scope: tuple[str, ...], prompt: tuple[str, ...], *, allowed: bool
) -> None:
    sender = client(**changes)
    assert refresh_allowed(sender, scope, prompt) is allowed
    assert ("offline_access" in granted_scope(sender, scope, prompt)) is (
        allowed and "offline_access" in scope
    )

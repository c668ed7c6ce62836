"""OpenID Connect Core §8.1: pairwise subject identifiers."""

from __future__ import annotations

import re

from idp.oidc.subject import pairwise_subject
from tests.support.oidc_rules import keyring


def test_one_per_person_and_sector() -> None:
    ministry = pairwise_subject(keyring(), "bo-tu-phap", "account-1")
    assert ministry == pairwise_subject(keyring(), "bo-tu-phap", "account-1")
    assert ministry != pairwise_subject(keyring(), "tinh-quang-tri", "account-1")
    assert ministry != pairwise_subject(keyring(), "bo-tu-phap", "account-2")


def test_it_is_opaque_ascii() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", pairwise_subject(keyring(), "bo-tu-phap", "account-1"))


def test_sector_and_account_cannot_run_into_each_other() -> None:
    assert pairwise_subject(keyring(), "a", "bc") != pairwise_subject(keyring(), "ab", "c")

"""RFC 7636: the challenge of the authorization request and the verifier of the token request."""

from __future__ import annotations

import pytest

from idp.errors import InvalidGrant, InvalidRequest
from idp.oidc.pkce import challenge_of, check_verifier, read_challenge
from tests.support.oidc_rules import CHALLENGE, VERIFIER


def test_the_example_of_appendix_b() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    check_verifier(VERIFIER, read_challenge(CHALLENGE, "S256", required=True))


def test_nothing_where_nothing_is_required() -> None:
    assert read_challenge("", "", required=False) is None
    check_verifier(None, None)


@pytest.mark.parametrize(
    ("challenge", "method"),
    [
        ("", ""),
        ("", "S256"),
        (CHALLENGE, ""),
        (CHALLENGE, "plain"),
        (CHALLENGE, "s256"),
        (CHALLENGE + "=", "S256"),
        (CHALLENGE + "\n", "S256"),
        (CHALLENGE[:-1], "S256"),
        (CHALLENGE[:-1] + "N", "S256"),  # the last character has bits that belong to no octet
        (CHALLENGE[:-1] + "+", "S256"),
    ],
)
def test_challenges_that_are_refused(challenge: str, method: str) -> None:
    with pytest.raises(InvalidRequest):
        read_challenge(challenge, method, required=True)


@pytest.mark.parametrize(
    "verifier",
    ["a" * 42, "a" * 129, VERIFIER + "\n", VERIFIER + " ", VERIFIER[:-1] + "é", VERIFIER[:-1] + "+"],
)
def test_verifiers_that_are_malformed(verifier: str) -> None:
    with pytest.raises(InvalidRequest):
        check_verifier(verifier, CHALLENGE)


@pytest.mark.parametrize("length", [43, 128])
def test_the_shortest_and_the_longest_verifier(length: int) -> None:
    verifier = "~" * length
    check_verifier(verifier, challenge_of(verifier))


@pytest.mark.parametrize("verifier", [None, "", "a" * 43, VERIFIER[::-1]])
def test_verifiers_that_do_not_fit(verifier: str | None) -> None:
    with pytest.raises(InvalidGrant):
        check_verifier(verifier, CHALLENGE)


def test_a_verifier_without_a_challenge_is_a_sign_of_an_attack() -> None:
    with pytest.raises(InvalidGrant):
        check_verifier(VERIFIER, None)

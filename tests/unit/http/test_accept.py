"""Which form of an answer a caller asks for."""

from __future__ import annotations

import pytest

from idp.http.accept import prefers

SPECIAL, COMMON = "application/token-introspection+jwt", "application/json"


@pytest.mark.parametrize(
    "accept",
    [
        SPECIAL,
        SPECIAL.upper(),
        f"{SPECIAL}, {COMMON}",
        f"{COMMON}, {SPECIAL}",
        f"{COMMON};q=0.9,{SPECIAL};q=0.9",
        f"{COMMON};q=0.5, {SPECIAL} ; q=0.6",
        f"{SPECIAL};q=0.001",
        f"*/*, {SPECIAL};charset=x",
        f"{COMMON};q=0, {SPECIAL};q=0.1",
    ],
)
def test_who_names_it_is_given_it(accept: str) -> None:
    assert prefers(accept, SPECIAL, COMMON)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        COMMON,
        f"{SPECIAL};q=0",
        f"{SPECIAL};q=0.5, {COMMON}",
        f"{SPECIAL};q=0.5, {COMMON};q=0.6",
        "application/jwt",
        f"{SPECIAL}x",
        ", " * 50 + SPECIAL,
    ],
)
def test_everybody_else_is_not(accept: str) -> None:
    assert not prefers(accept, SPECIAL, COMMON)

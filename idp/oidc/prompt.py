"""The `prompt` parameter: what the person is to be asked, whatever we know already (OpenID Connect Core §3.1.2.1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from idp.errors import InvalidRequest

PROMPT_VALUES: Final = ("none", "login", "consent", "select_account")


def read_prompt(text: str) -> frozenset[str]:
    """The values of the parameter.

    Raises:
        InvalidRequest: an unknown value, or `none` beside others.
    """
    values = frozenset(text.split())
    if unknown := sorted(values - set(PROMPT_VALUES)):
        raise InvalidRequest(f"unknown prompt: {' '.join(unknown)}")
    if "none" in values and len(values) > 1:
        raise InvalidRequest("prompt=none cannot stand beside other values")
    return values


def is_silent(prompt: Collection[str]) -> bool:
    """Whether no page may be shown: what would be a page is an error to the client."""
    return "none" in prompt


def asks_login(prompt: Collection[str]) -> bool:
    """Whether the person must prove anew who they are. Choosing an account here is signing in as somebody."""
    return "login" in prompt or "select_account" in prompt


def asks_consent(prompt: Collection[str]) -> bool:
    """Whether the person is asked again for what they agreed to before."""
    return "consent" in prompt

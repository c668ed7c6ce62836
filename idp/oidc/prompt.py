"""The `prompt` parameter: what the person is to be asked, whatever we know already (OpenID Connect Core §3.1.2.1).

`create` is that of Initiating User Registration via OpenID Connect 1.0 §4.1.
"""

from __future__ import annotations

from typing import Final

from idp.errors import InvalidRequest

PROMPT_VALUES: Final = ("none", "login", "consent", "select_account", "create")


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

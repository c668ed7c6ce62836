"""The name of a program that calls us, so that an operator can tell whose it is; nothing that identifies a person."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

UNNAMED: Final = "unnamed"
BROWSER: Final = "browser"

_REMEMBERED: Final = 1024
_PRODUCT: Final = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+)*")
_LONGEST: Final = 24


@lru_cache(_REMEMBERED)
def agent_family(user_agent: str) -> str:
    """The first product of a `User-Agent` without its version (RFC 9110 §10.1.5), e.g. `python-requests`.

    Letters only: numbers that a stranger writes there are not kept. All browsers are one family.
    """
    found = _PRODUCT.match(user_agent[: 2 * _LONGEST])
    if found is None:
        return UNNAMED
    name = found[0][:_LONGEST].rstrip("-_.")
    return BROWSER if name == "Mozilla" else name

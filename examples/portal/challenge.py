"""What a protected API wants before it answers: `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEMES = {"bearer", "dpop"}
_WORD = re.compile(r'([A-Za-z_]+)="([^"\\]*)"|([A-Za-z]+)')
"""A parameter, or the name of a scheme; one header may hold the challenges of several (RFC 9110 §11.6.1)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The parameters that we understand. Empty values: any good token will do."""

    error: str = ""
    acr_values: str = ""
    max_age: str = ""


def read_challenge(header: str) -> Challenge:
    """The challenge with an error in a `WWW-Authenticate` header; what is of other schemes says nothing to us."""
    found: dict[str, str] = {}
    scheme = ""
    for name, value, word in _WORD.findall(header):
        if word:
            scheme = word.lower()
        elif scheme in SCHEMES:
            found[name] = value
    return Challenge(**{name: found.get(name, "") for name in ("error", "acr_values", "max_age")})

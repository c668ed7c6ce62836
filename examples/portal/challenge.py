"""What a protected API wants before it answers: `WWW-Authenticate` (RFC 6750 §3, RFC 9470 §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PARAMETER = re.compile(r'([a-z_]+)="([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Challenge:
    """The parameters that we understand. Empty values: any good token will do."""

    error: str = ""
    acr_values: str = ""
    max_age: str = ""

    @property
    def asks_for_more(self) -> bool:
        """Whether the token is good, and the login behind it is not."""
        return self.error == "insufficient_user_authentication"


def read_challenge(header: str) -> Challenge:
    """The challenge in a `WWW-Authenticate` header; what is not of the scheme Bearer says nothing to us."""
    scheme, _, rest = header.partition(" ")
    found = dict(_PARAMETER.findall(rest)) if scheme.lower() == "bearer" else {}
    return Challenge(**{name: found.get(name, "") for name in ("error", "acr_values", "max_age")})

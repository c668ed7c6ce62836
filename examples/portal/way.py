"""How a portal talks to the provider: it follows from the profile that it is registered with, as one row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Way:
    """What a portal of one profile does.

    `pushes`: requests go to the provider first, from server to server (RFC 9126). `proves`: tokens are bound to a key,
    by DPoP (RFC 9449). `signs`: requests are signed, and so are the answers that it believes (RFC 9101, JARM).
    """

    pushes: bool = False
    proves: bool = False
    signs: bool = False


STANDARD = "fapi2"
"""The profile of a new client that names none."""

WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "fapi2": Way(pushes=True, proves=True),
        "fapi2_message_signing": Way(pushes=True, proves=True, signs=True),
        "oidc": Way(),
    }
)

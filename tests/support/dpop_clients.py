"""Clients that are registered for tokens bound by DPoP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.support.portals import REGISTRATIONS

HOLDER: Final[Mapping[str, Any]] = {
    **REGISTRATIONS["dossiers"],
    "client_id": "holder",
    "redirect_uris": ["https://holder.example/callback"],
    "post_logout_redirect_uris": [],
    "client_uri": "https://holder.example/",
    "dpop_bound_access_tokens": True,
}
"""A portal of the profile `oidc`, whose refresh tokens are rotated."""

MACHINE: Final[Mapping[str, Any]] = {
    **REGISTRATIONS["machine-es256"],
    "client_id": "machine-fapi",
    "profile": "fapi2",
    "dpop_bound_access_tokens": True,
}
"""A machine of the profile that asks for nonces."""

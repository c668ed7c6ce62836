"""The logout token (OpenID Connect Back-Channel Logout 1.0 §2.4): that a session has ended, told to one client."""

from __future__ import annotations

import uuid
from typing import Final

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

LOGOUT_TOKEN_LIFETIME: Final = 2 * 60
"""Seconds. It is signed at the moment of its delivery; §4 asks for at most two minutes."""


def logout_token_claims(
    *, issuer: str, client_id: str, subject: str, session_id: str, now: int
) -> dict[str, object]:
    """The claims of a logout token: both `sub` and `sid`, so that a client may go by either; never a `nonce`.

    Every attempt has a `jti` of its own: to a client that remembers them (§2.6) it is another token.
    """
    return {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "iat": now,
        "exp": now + LOGOUT_TOKEN_LIFETIME,
        "jti": str(uuid.uuid4()),
        "events": {EVENT: {}},
        "sid": session_id,
    }

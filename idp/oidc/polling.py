"""How a client asks again and again whether a person has answered (RFC 8628 §3.5, CIBA Core §7.3, §11)."""

from __future__ import annotations

import hashlib
from typing import Final

from idp.store.awaiting import Awaiting

INTERVAL: Final = 5
"""Seconds between two polls at first (RFC 8628 §3.2, CIBA Core §7.3)."""
SLOWER: Final = 5
"""Seconds that each `slow_down` adds (RFC 8628 §3.5, CIBA Core §11)."""
SLOWEST: Final = 60
"""Seconds beyond which the interval does not grow: a client that was too quick still gets its answer."""


def is_too_early(asked: Awaiting, now: int) -> bool:
    """Whether a poll comes before its interval is over; a second is allowed for, since times are whole seconds."""
    return asked.polled_at is not None and now - asked.polled_at < asked.interval - 1


def next_interval(asked: Awaiting, now: int) -> int:
    """Seconds that the client has to wait after a poll at this moment: a poll before its time makes them more."""
    return min(asked.interval + SLOWER, SLOWEST) if is_too_early(asked, now) else asked.interval


def grant_code_digest(asked: Awaiting) -> bytes:
    """Stands with the grant where another has its authorization code; no authorization code has this digest."""
    return hashlib.sha256(asked.secret.encode() + b"\0" + asked.digest).digest()

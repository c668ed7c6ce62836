"""The catalogue of audit events and the one way to record one.

An event carries ids, never a secret, a name or a personal number; who a person is follows from `account_id`, and an
unknown number appears only as a keyed digest.
"""

from __future__ import annotations

import itertools
import os
from enum import StrEnum
from typing import Final

import orjson

from idp.context import Context
from idp.store import audit
from idp.store.database import Step


class Kind(StrEnum):
    """What kind of thing happened."""

    LOGIN = "login"
    SECOND_FACTOR = "second_factor"
    AUTHENTICATOR_ADDED = "authenticator.added"
    AUTHENTICATOR_SET = "authenticator.set"
    AUTHENTICATOR_REMOVED = "authenticator.removed"
    LOGOUT = "logout"
    LOGOUT_DELIVERED = "logout.delivered"
    LOGOUT_UNDELIVERED = "logout.undelivered"
    LOGOUTS_RETRIED = "logout.retried"
    INCIDENT_ENDED = "incident.ended"
    SESSION_ENDED = "session.ended"
    AUTHORIZATION = "authorization"
    PUSHED = "authorization.pushed"
    CONSENT_GIVEN = "consent.given"
    CONSENT_DENIED = "consent.denied"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    DEVICE_ASKED = "device.asked"
    DEVICE_CODE_REFUSED = "device.code_refused"
    BACKCHANNEL_ASKED = "backchannel.asked"
    BACKCHANNEL_REFUSED = "backchannel.refused"
    BACKCHANNEL_BLOCKED = "backchannel.blocked"
    BACKCHANNEL_UNTOLD = "backchannel.untold"
    TOKEN = "token"
    TOKEN_REVOKED = "token.revoked"
    CLAIMS_RELEASED = "claims.released"
    ACTIVATION_ISSUED = "activation.issued"
    ACTIVATION = "activation"
    ACCOUNT_LOCKED = "account.locked"
    ACCOUNT_UNLOCKED = "account.unlocked"
    CONTACT_CHANGED = "contact.changed"
    CLIENT_REFUSED = "client.refused"
    CLIENT_ADDED = "client.added"
    CLIENT_CHANGED = "client.changed"
    CLIENT_REGISTERED = "client.registered"
    CLIENT_REMOVED = "client.removed"
    REGISTRATION_ALLOWED = "registration.allowed"
    REGISTRATION_FORBIDDEN = "registration.forbidden"
    REGISTRATION_REFUSED = "registration.refused"
    KEYS_PROPOSED = "keys.proposed"
    KEYS_APPROVED = "keys.approved"
    KEYS_CHANGED = "keys.changed"
    KEYS_ROTATED = "keys.rotated"
    KEYS_REWRAPPED = "keys.rewrapped"
    KEY_REVOKED = "keys.revoked"


OK: Final = "ok"


def record(
    context: Context,
    kind: Kind,
    outcome: str = OK,
    *,
    account_id: str | None = None,
    client_id: str | None = None,
    session_id: str | None = None,
    grant_id: str | None = None,
    **details: object,
) -> Step:
    """One event as a step of the write that makes it true; `details` must be fit for JSON and free of secrets."""
    return Step(
        audit.ADD,
        {
            "event_id": event_id(context.now),
            "at": context.now,
            "kind": kind.value,
            "outcome": outcome,
            "account_id": account_id,
            "client_id": client_id,
            "session_id": session_id,
            "grant_id": grant_id,
            "request_id": context.request_id,
            "network": context.network,
            "details": orjson.dumps(details).decode(),
        },
    )


_counter = itertools.count()
"""Orders the events of one second within this process (RFC 9562 §6.2, method 1); it means nothing else.

Of its 26 bits, 12 are `rand_a` and 14 the first of `rand_b`; 48 random bits remain.
"""


def event_id(now: int) -> str:
    """A UUIDv7 (RFC 9562 §5.7) of this second: ids sort by time, and within a process by the order of their making."""
    count = next(_counter) & 0x3FFFFFF
    value = (now * 1000) << 80 | 0x7 << 76 | (count >> 14) << 64 | 0x2 << 62 | (count & 0x3FFF) << 48
    value |= int.from_bytes(os.urandom(6))
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

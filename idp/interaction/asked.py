"""What a client asks of a person, and whether an earlier agreement or notice already covers it.

An agreement is remembered with a hash of exactly what was asked. A later request is covered when it asks the same, or
less of the same for the same purpose; whatever it asks beyond that is put to the person. What a client may do for the
person (RFC 9396) is remembered as it was granted: for the organisation, and until the day, that were shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.granting import covers
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.claims.release import requested_claims
from idp.oidc.client import Client
from idp.store.database import Row
from idp.store.sessions import Session

CONSENT: Final = "consent"
"""The legal basis on which people are asked for their data; else they are told of a law."""

MOST_REMEMBERED: Final = 20
"""Details of one client that an agreement is remembered with; older ones are asked again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the legal basis, the purpose as shown, the claims, each under its lead, and the details to grant."""

    basis: str
    purpose: str
    claims: tuple[str, ...]
    essential: frozenset[str]
    details: tuple[Detail, ...] = ()

    def document(self) -> bytes:
        """The canonical form that is hashed and kept."""
        value: dict[str, object] = {
            "basis": self.basis,
            "purpose": self.purpose,
            "claims": sorted(self.claims),
        }
        if self.details:
            value["details"] = self.details
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)

    def digest(self) -> bytes:
        """SHA-256 of the canonical form."""
        return hashlib.sha256(self.document()).digest()


def asked(request: AuthorizationRequest, client: Client) -> Asked:
    """What this request asks for, in UserInfo and ID token together."""
    wanted = requested_claims(request, client)
    purpose = f"{client.purpose['vi']}\n{client.legal_reference}"
    return Asked(client.legal_basis, purpose, wanted.leads, wanted.essential_leads)


def covered(session: Session, now_asked: Asked) -> bool:
    """Whether what is asked now was agreed to, or shown, before."""
    if session.asked_digest is None or not now_asked.essential <= set(consented(session)):
        return False
    if session.asked_digest == now_asked.digest():
        return True
    earlier = orjson.loads(session.asked)
    same = earlier["basis"] == now_asked.basis and earlier["purpose"] == now_asked.purpose
    return same and set(now_asked.claims) <= set(earlier["claims"]) and _granted(earlier, now_asked.details)


def _granted(earlier: Mapping[str, Any], details: Iterable[Detail]) -> bool:
    return all(any(covers(known, one) for known in remembered_details(earlier)) for one in details)


def remembered_details(earlier: Mapping[str, Any]) -> list[Detail]:
    """The details of a document that was kept; workers of earlier versions wrote none."""
    return [one for one in earlier.get("details", ()) if one["type"] in TYPES]


def can_be_withdrawn(row: Row) -> bool:
    """Whether a kept row is an agreement: what rests on law cannot be withdrawn, what was allowed beside it can."""
    return row["basis"] == CONSENT or bool(remembered_details(orjson.loads(row["asked"])))


def mark(session: Session, now_asked: Asked, acting_for: str) -> str:
    """Stands in the form of a page: for whom it was made, and what it showed. An answer counts for nothing else."""
    shown = b"\0".join((session.session_id.encode(), acting_for.encode(), now_asked.digest()))
    return hashlib.sha256(shown).hexdigest()


def consented(session: Session) -> tuple[str, ...]:
    """Claims that the person agreed to for this client earlier."""
    return tuple(orjson.loads(session.consented_claims))


def joined(session: Session, now_asked: Asked, agreed: Iterable[str]) -> tuple[Asked, tuple[str, ...]]:
    """What to remember after an answer: with the same purpose the earlier agreement stands beside the new one."""
    if session.asked_digest is None:
        return now_asked, tuple(sorted(agreed))
    earlier = orjson.loads(session.asked)
    if earlier["basis"] != now_asked.basis or earlier["purpose"] != now_asked.purpose:
        return now_asked, tuple(sorted(agreed))
    claims = tuple(sorted({*earlier["claims"], *now_asked.claims}))
    kept = {claim for claim in consented(session) if claim not in now_asked.claims}
    details = [
        one for one in remembered_details(earlier) if not any(covers(new, one) for new in now_asked.details)
    ]
    remembered = (*details, *now_asked.details)[-MOST_REMEMBERED:]
    whole = Asked(now_asked.basis, now_asked.purpose, claims, now_asked.essential, remembered)
    return whole, tuple(sorted({*kept, *agreed}))


def granted(session: Session, now_asked: Asked) -> tuple[str, ...]:
    """Of what is asked now, what the person agreed to (or was told, where the law is the basis)."""
    agreed = set(consented(session))
    return tuple(claim for claim in now_asked.claims if claim in agreed)

"""What a client asks of a person, and whether an earlier agreement or notice already covers it.

An agreement is remembered with a hash of exactly what was asked. A later request is covered when it asks the same, or
less of the same for the same purpose; whatever it asks beyond that is put to the person. What a client may do for the
person (RFC 9396) is remembered as it was granted: for the organisation, by its record, and until the day, that were
shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.granting import covers, nameless
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.claims.release import requested_claims
from idp.oidc.client import Client
from idp.store.database import Row
from idp.store.sessions import Session

CONSENT: Final = "consent"
"""The legal basis on which people are asked for their data; else they are told of a law."""

FOR: Final = "acting_for"
"""Member of a remembered detail: the organisation's record."""

MOST_REMEMBERED: Final = 20
"""Details of one client that an agreement is remembered with; older ones are asked again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the legal basis, the purpose as shown, the claims, each under its lead, and the details to grant.

    `acting_for` is the organisation's record that the details are for, `earlier` what was allowed before.
    """

    basis: str
    purpose: str
    claims: tuple[str, ...]
    essential: frozenset[str]
    details: tuple[Detail, ...] = ()
    acting_for: str = ""
    earlier: tuple[Detail, ...] = ()

    @property
    def allowed(self) -> tuple[Detail, ...]:
        """The details as they are remembered, each with the organisation's record that it is for."""
        new = ({**one, FOR: self.acting_for} for one in nameless(self.details))
        return (*self.earlier, *new)[-MOST_REMEMBERED:]

    def document(self) -> bytes:
        """The canonical form that is hashed and kept."""
        value: dict[str, object] = {
            "basis": self.basis,
            "purpose": self.purpose,
            "claims": sorted(self.claims),
        }
        if self.allowed:
            value["details"] = self.allowed
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
    known = remembered_details(earlier)
    allowed = all(_is_among(known, one) for one in now_asked.allowed)
    return same and set(now_asked.claims) <= set(earlier["claims"]) and allowed


def _is_among(known: Iterable[Detail], asked: Detail) -> bool:
    return any(one[FOR] == asked[FOR] and covers(one, asked) for one in known)


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
    others = [one for one in remembered_details(earlier) if not _is_among(now_asked.allowed, one)]
    whole = replace(now_asked, claims=claims, earlier=tuple(others))
    return whole, tuple(sorted({*kept, *agreed}))


def granted(session: Session, now_asked: Asked) -> tuple[str, ...]:
    """Of what is asked now, what the person agreed to (or was told, where the law is the basis)."""
    agreed = set(consented(session))
    return tuple(claim for claim in now_asked.claims if claim in agreed)

"""What a client asks of a person, and whether an earlier agreement or notice already covers it.

An agreement is remembered with a hash of exactly what was asked. A later request is covered when it asks the same, or
less of the same for the same purpose; whatever it asks beyond that is put to the person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.claims.release import requested_claims
from idp.oidc.client import Client
from idp.store.sessions import Session


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for data: the legal basis, the purpose as shown, and the claims, each under its lead."""

    basis: str
    purpose: str
    claims: tuple[str, ...]
    essential: frozenset[str]

    def document(self) -> bytes:
        """The canonical form that is hashed and kept."""
        value = {"basis": self.basis, "purpose": self.purpose, "claims": sorted(self.claims)}
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
    return same and set(now_asked.claims) <= set(earlier["claims"])


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
    whole = Asked(now_asked.basis, now_asked.purpose, claims, now_asked.essential)
    return whole, tuple(sorted({*kept, *agreed}))


def granted(session: Session, now_asked: Asked) -> tuple[str, ...]:
    """Of what is asked now, what the person agreed to (or was told, where the law is the basis)."""
    agreed = set(consented(session))
    return tuple(claim for claim in now_asked.claims if claim in agreed)

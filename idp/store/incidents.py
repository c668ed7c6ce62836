"""What follows when a signing key is revoked in an emergency: the grants whose tokens it may have signed end.

The write that revokes the key keeps the incident, looks at the first grants, revokes those concerned in one statement
and queues the logouts of their portals in another. Grants are looked at in the order of their ids, `STRETCH` of them in
a write, found by the primary key alone: a write is bounded in time whatever the country's evening has brought, and the
key's own revocation never waits for millions of rows (nor do the requests behind them, on SQLite). An installation with
fewer grants than that is done in the one write. `go_on` does the next stretch, a job and the command call it until
nothing is left; each stretch with its logouts is one write, so that a crash in between loses nothing. Meanwhile the key
is already dead everywhere: of what it signed nothing is believed, whether or not the grant behind it was reached yet.

What a worker signed in the moment of the revocation may lie behind the walk; so the last walk begins `SETTLING` seconds
after the end of the incident's time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, ScalarSelect, Text, and_, bindparam, func, insert, or_, select, update

from idp.store.database import Database, Row, Step, required, step
from idp.store.logout_outbox import TOLD, queue
from idp.store.schema import clients, grants, key_incidents
from keys.policy import Purpose

STRETCH: Final = 20_000
"""Grants looked at in one write: about a second when all of them are revoked."""

SETTLING: Final = 30
"""Seconds: longer than a request takes that a worker began before it heard of the revocation."""

_INCIDENT: Final = bindparam("incident", type_=Text)
_NOW: Final = bindparam("now", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class Incident:
    """A revocation and how far its consequences have come."""

    incident_id: str
    id_token_alg: str
    access_token_alg: str
    from_at: int
    until_at: int
    reason: str
    created_at: int
    walk_began_at: int
    upto_grant_id: str | None
    grants_revoked: int
    finished_at: int | None

    @property
    def settled_at(self) -> int:
        """From when on no grant is made any more that it concerns."""
        return self.until_at + SETTLING

    @property
    def is_over(self) -> bool:
        """Whether every grant has been looked at and only the end is to be noted."""
        walked = self.upto_grant_id is None and self.walk_began_at >= self.settled_at
        return walked and self.finished_at is None


def _of_incident(column: str) -> ScalarSelect[str]:
    chosen = select(key_incidents.c[column]).where(key_incidents.c.incident_id == _INCIDENT)
    return chosen.scalar_subquery()


def _end_of_stretch(after: object) -> ScalarSelect[str]:
    stretch = (
        select(grants.c.grant_id)
        .where(grants.c.grant_id > after)
        .order_by(grants.c.grant_id)
        .limit(bindparam("most"))
        .subquery("stretch")
    )
    return select(func.max(stretch.c.grant_id)).scalar_subquery()


KEEP = insert(key_incidents).values(
    incident_id=_INCIDENT,
    id_token_alg=bindparam("id_token_alg"),
    access_token_alg=bindparam("access_token_alg"),
    from_at=bindparam("from_at"),
    until_at=bindparam("until_at"),
    reason=bindparam("reason"),
    created_at=_NOW,
    walk_began_at=_NOW,
    after_grant_id="",
    upto_grant_id=_end_of_stretch(bindparam("after", type_=Text)),
    grants_revoked=0,
)
# `seen` is the end of the stretch before this one: of several who go on at once, one does.
ADVANCE = (
    update(key_incidents)
    .where(
        key_incidents.c.incident_id == _INCIDENT,
        key_incidents.c.upto_grant_id == bindparam("seen", type_=Text),
        key_incidents.c.finished_at.is_(None),
    )
    .values(
        after_grant_id=bindparam("seen", type_=Text),
        upto_grant_id=_end_of_stretch(bindparam("seen", type_=Text)),
    )
)
_THROUGH = and_(
    key_incidents.c.incident_id == _INCIDENT,
    key_incidents.c.upto_grant_id.is_(None),
    key_incidents.c.finished_at.is_(None),
)
WALK_AGAIN = (
    update(key_incidents).where(_THROUGH).values(walk_began_at=_NOW, after_grant_id="", upto_grant_id="")
)
FINISH = update(key_incidents).where(_THROUGH).values(finished_at=_NOW)

_in_stretch = and_(
    grants.c.grant_id > _of_incident("after_grant_id"), grants.c.grant_id <= _of_incident("upto_grant_id")
)
_signs_so = (
    select(clients.c.client_id)
    .where(
        clients.c.client_id == grants.c.client_id,
        or_(
            clients.c.id_token_alg == bindparam("id_token_alg"),
            clients.c.access_token_alg == bindparam("access_token_alg"),
        ),
    )
    .exists()
)
_concerned = and_(
    _in_stretch,
    grants.c.revoked_at.is_(None),
    # A code that is not redeemed yet has brought no token, and what it brings the next key signs. This also leaves the
    # rows alone that requests are burning at this moment, so that neither waits for the other.
    grants.c.code_used_at < bindparam("until_at"),
    grants.c.expires_at > bindparam("from_at"),
    _signs_so,
)
# Before the grants are revoked; one that somebody else revokes in this very moment may be counted as well.
COUNT = (
    update(key_incidents)
    .where(key_incidents.c.incident_id == _INCIDENT)
    .values(
        grants_revoked=key_incidents.c.grants_revoked
        + select(func.count()).select_from(grants).where(_concerned).scalar_subquery()
    )
)
REVOKE = update(grants).where(_concerned).values(revoked_at=_NOW, revoke_reason=bindparam("reason"))
_revoked_now = and_(_in_stretch, grants.c.revoked_at == _NOW, grants.c.revoke_reason == bindparam("reason"))
QUEUE = queue(
    select(grants.c.session_id, grants.c.client_id, grants.c.account_id)
    .join(clients, clients.c.client_id == grants.c.client_id)
    .where(_revoked_now, TOLD)
    .distinct()
)
FIND = select(key_incidents).where(key_incidents.c.incident_id == bindparam("incident_id"))
UNFINISHED = (
    select(key_incidents).where(key_incidents.c.finished_at.is_(None)).order_by(key_incidents.c.created_at)
)


def _incident(row: Row) -> Incident:
    return Incident(
        incident_id=row["incident_id"],
        id_token_alg=row["id_token_alg"],
        access_token_alg=row["access_token_alg"],
        from_at=row["from_at"],
        until_at=row["until_at"],
        reason=row["reason"],
        created_at=row["created_at"],
        walk_began_at=row["walk_began_at"],
        upto_grant_id=row["upto_grant_id"],
        grants_revoked=row["grants_revoked"],
        finished_at=row["finished_at"],
    )


def revoke_signed(
    incident_id: str,
    alg: str,
    purposes: Collection[Purpose],
    *,
    from_at: int,
    until_at: int,
    reason: str,
    now: int,
) -> Sequence[Step]:
    """The steps that belong into the write that revokes a key of `alg` which signed for `purposes`.

    Concerned are grants that gave their first tokens before `until_at` and were not over at `from_at`, of clients
    registered for the algorithm. Nothing follows from a key that signed neither ID tokens nor access tokens. `reason`
    is an id that the grants keep.
    """
    id_token_alg = alg if Purpose.ID_TOKEN in purposes else ""
    access_token_alg = alg if Purpose.ACCESS_TOKEN in purposes else ""
    if not id_token_alg and not access_token_alg:
        return ()
    values = {
        "id_token_alg": id_token_alg,
        "access_token_alg": access_token_alg,
        "from_at": from_at,
        "until_at": until_at,
        "reason": reason,
    }
    kept = required(KEEP, incident=incident_id, after="", most=STRETCH, now=now, **values)
    return (kept, *_look_at_stretch(incident_id, values, now))


def _look_at_stretch(incident_id: str, values: dict[str, object], now: int) -> Sequence[Step]:
    return (
        step(COUNT, incident=incident_id, **values),
        step(REVOKE, incident=incident_id, now=now, **values),
        step(QUEUE, incident=incident_id, cause=incident_id, reason=values["reason"], now=now),
    )


def go_on(incident: Incident, now: int) -> Sequence[Step]:
    """The next write of an incident, its first step required; empty while it has to wait or when it is finished."""
    name = incident.incident_id
    if incident.finished_at is not None:
        return ()
    if incident.is_over:
        return (required(FINISH, incident=name, now=now),)
    if incident.upto_grant_id is None:
        return (required(WALK_AGAIN, incident=name, now=now),) if now >= incident.settled_at else ()
    values: dict[str, object] = {
        "id_token_alg": incident.id_token_alg,
        "access_token_alg": incident.access_token_alg,
        "from_at": incident.from_at,
        "until_at": incident.until_at,
        "reason": incident.reason,
    }
    ahead = required(ADVANCE, incident=name, seen=incident.upto_grant_id, most=STRETCH)
    return (ahead, *_look_at_stretch(name, values, now))


async def find(db: Database, incident_id: str) -> Incident | None:
    """One incident."""
    row = await db.fetch_one(FIND, incident_id=incident_id)
    return None if row is None else _incident(row)


async def unfinished(db: Database) -> list[Incident]:
    """Incidents whose consequences are not all drawn, oldest first."""
    return [_incident(row) for row in await db.fetch_all(UNFINISHED)]

"""Grants: one authorization, its single-use code, and whether what came from it still works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, exists, or_, select, update

from idp.store.columns import insert_all
from idp.store.database import Database, Row, Step, required, step
from idp.store.schema import accounts, consents, grants, refresh_tokens, revoked_access_tokens, sessions

CODE_LIFETIME: Final = 60  # seconds; FAPI 2.0 Security Profile §5.3.2.1 allows at most 60

MOST_EXCHANGES: Final = 3
"""How often an access token may be exchanged, and what comes of it again (RFC 8693). Whatever a token was made from is
looked for among the revoked ones each time it is used, so that it ends with each of them."""

_LINEAGE: Final = tuple(f"jti_{number}" for number in range(MOST_EXCHANGES + 1))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person and the provider granted a client at one moment."""

    grant_id: str
    client_id: str
    account_id: str
    session_id: str
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    scope: tuple[str, ...]
    claims: str
    auth_time: int
    amr: tuple[str, ...]
    authentication_level: int
    acting_for: str
    created_at: int
    code_expires_at: int
    revoked_at: int | None
    expires_at: int
    resources: tuple[str, ...] = ()
    authorization_details: str = ""
    dpop_jkt: str | None = None


@dataclass(frozen=True, slots=True)
class LiveGrant:
    """A grant that still works, with the account behind it."""

    grant: Grant
    register_record_id: str
    ial: str


ADD = insert_all(grants, "code_used_at", "revoked_at", "revoke_reason")
BURN = (
    update(grants)
    .where(grants.c.code_digest == bindparam("code"), grants.c.code_used_at.is_(None))
    .values(code_used_at=bindparam("now"))
    .returning(*grants.columns)
)
GIVE_BACK = (
    update(grants)
    .where(grants.c.grant_id == bindparam("grant"), grants.c.revoked_at.is_(None))
    .values(code_used_at=None)
)
FIND_USED = select(grants.c.grant_id, grants.c.account_id, grants.c.client_id).where(
    grants.c.code_digest == bindparam("code"), grants.c.code_used_at.is_not(None)
)
REVOKE = (
    update(grants)
    .where(grants.c.grant_id == bindparam("grant"), grants.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"), revoke_reason=bindparam("reason"))
    .returning(grants.c.grant_id)
)
REVOKE_UNREFRESHED = (
    update(grants)
    .where(
        grants.c.grant_id == bindparam("grant"),
        grants.c.client_id == bindparam("client"),
        grants.c.revoked_at.is_(None),
        ~exists().where(refresh_tokens.c.grant_id == bindparam("grant")),
    )
    .values(revoked_at=bindparam("now"), revoke_reason=bindparam("reason"))
)
REVOKE_AT_CLIENT = (
    update(grants)
    .where(
        grants.c.account_id == bindparam("account"),
        grants.c.client_id == bindparam("client"),
        grants.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"), revoke_reason=bindparam("reason"))
)


def _unless_revoked(revoked: ColumnElement[bool]) -> Select[Any]:
    """A grant whose session and account stand, unless a token of it is among the revoked ones."""
    return (
        select(*grants.columns, accounts.c.register_record_id, accounts.c.ial)
        .select_from(
            grants.join(accounts, accounts.c.account_id == grants.c.account_id)
            .join(sessions, sessions.c.session_id == grants.c.session_id)
            .outerjoin(revoked_access_tokens, revoked)
            .outerjoin(
                consents,
                and_(
                    consents.c.account_id == grants.c.account_id, consents.c.client_id == grants.c.client_id
                ),
            )
        )
        .where(
            grants.c.grant_id == bindparam("grant_id"),
            grants.c.expires_at > bindparam("now"),
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > bindparam("now"),
            accounts.c.locked_at.is_(None),
            revoked_access_tokens.c.jti.is_(None),
            # A code issued in the moment of the withdrawal is not among the grants that the withdrawal revoked.
            consents.c.withdrawn_at.is_(None),
        )
    )


FIND_BURNT = _unless_revoked(revoked_access_tokens.c.jti == bindparam("jti"))
FIND_LIVE = FIND_BURNT.where(grants.c.revoked_at.is_(None))
# Of its own, for it costs three times as much: few tokens were exchanged.
FIND_LIVE_OF_EXCHANGED = _unless_revoked(
    revoked_access_tokens.c.jti.in_([bindparam(name) for name in _LINEAGE])
).where(grants.c.revoked_at.is_(None))
PURGE = delete(grants).where(
    grants.c.grant_id.in_(
        select(grants.c.grant_id)
        .where(
            or_(
                grants.c.expires_at < bindparam("before"),
                # A code that nobody redeemed leaves nothing behind that could be replayed.
                and_(grants.c.code_used_at.is_(None), grants.c.code_expires_at < bindparam("before")),
            )
        )
        .limit(bindparam("most"))
    )
)


def _grant(row: Row) -> Grant:
    return Grant(
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        account_id=row["account_id"],
        session_id=row["session_id"],
        redirect_uri=row["redirect_uri"],
        code_challenge=row["code_challenge"],
        nonce=row["nonce"],
        scope=tuple(row["scope"].split()),
        claims=row["claims"],
        auth_time=row["auth_time"],
        amr=tuple(row["amr"].split()),
        authentication_level=row["authentication_level"],
        acting_for=row["acting_for"],
        created_at=row["created_at"],
        code_expires_at=row["code_expires_at"],
        revoked_at=row["revoked_at"],
        expires_at=row["expires_at"],
        resources=tuple(row["resources"].split()),
        authorization_details=row["authorization_details"],
        dpop_jkt=row["dpop_jkt"],
    )


def _live(row: Row) -> LiveGrant:
    return LiveGrant(_grant(row), row["register_record_id"], row["ial"])


def add(grant: Grant, code_digest: bytes) -> Step:
    """Keep a fresh grant with the digest of its code."""
    return step(
        ADD,
        grant_id=grant.grant_id,
        code_digest=code_digest,
        client_id=grant.client_id,
        account_id=grant.account_id,
        session_id=grant.session_id,
        redirect_uri=grant.redirect_uri,
        code_challenge=grant.code_challenge,
        nonce=grant.nonce,
        scope=" ".join(grant.scope),
        claims=grant.claims,
        resources=" ".join(grant.resources),
        authorization_details=grant.authorization_details,
        dpop_jkt=grant.dpop_jkt,
        auth_time=grant.auth_time,
        amr=" ".join(grant.amr),
        authentication_level=grant.authentication_level,
        acting_for=grant.acting_for,
        created_at=grant.created_at,
        code_expires_at=grant.code_expires_at,
        expires_at=grant.expires_at,
    )


async def burn_code(db: Database, code_digest: bytes, now: int) -> Grant | None:
    """Use up a code; one caller wins. None for an unknown or used one. Commits before anything else can fail."""
    row = await db.fetch_one(BURN, code=code_digest, now=now)
    return None if row is None else _grant(row)


def burn(code_digest: bytes, now: int) -> Step:
    """As `burn_code`, within a write that fails where the code is unknown or used."""
    return required(BURN, code=code_digest, now=now)


def give_back_code(grant_id: str) -> Step:
    """Let a code be used again that was burnt and gave nothing; not where it was replayed meanwhile."""
    return step(GIVE_BACK, grant=grant_id)


async def find_used(db: Database, code_digest: bytes) -> Row | None:
    """The grant of a code that was used, by id, account and client; None for an unknown or unused one."""
    return await db.fetch_one(FIND_USED, code=code_digest)


def revoke(grant_id: str, reason: str, now: int) -> Step:
    """Revoke one grant and all tokens of it."""
    return step(REVOKE, grant=grant_id, reason=reason, now=now)


def revoke_unrefreshed(grant_id: str, client_id: str, reason: str, now: int) -> Step:
    """Revoke a client's grant that gave no refresh token: with its only access token it has come to its end."""
    return step(REVOKE_UNREFRESHED, grant=grant_id, client=client_id, reason=reason, now=now)


def revoke_at_client(account_id: str, client_id: str, reason: str, now: int) -> Step:
    """Revoke everything a person granted one client."""
    return step(REVOKE_AT_CLIENT, account=account_id, client=client_id, reason=reason, now=now)


def _lineage(jti: str) -> dict[str, str]:
    """A token's `jti` with those of the tokens that it was made from: each leads with the one before, and a dot."""
    own = jti.split(".")
    return {name: ".".join(own[: number + 1]) for number, name in enumerate(_LINEAGE)}


async def find_live(db: Database, grant_id: str, now: int, *, jti: str = "") -> LiveGrant | None:
    """A grant whose tokens still work: not revoked, session not ended, account not locked, token `jti` not revoked.

    Nor any token that it was made from by exchange.
    """
    if "." in jti:
        row = await db.fetch_one(FIND_LIVE_OF_EXCHANGED, grant_id=grant_id, now=now, **_lineage(jti))
    else:
        row = await db.fetch_one(FIND_LIVE, grant_id=grant_id, now=now, jti=jti)
    return None if row is None else _live(row)


async def find_burnt(db: Database, grant_id: str, now: int) -> LiveGrant | None:
    """As `find_live`, for who has just burnt the code: a replay in this moment revokes it, and there is one winner."""
    row = await db.fetch_one(FIND_BURNT, grant_id=grant_id, now=now, jti="")
    return None if row is None else _live(row)

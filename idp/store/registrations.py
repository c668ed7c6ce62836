"""Registration by the clients themselves: who may, who did, and who vouched for it (RFC 7591, RFC 7592)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, delete, func, select, update

from idp.store.columns import bound, insert_all
from idp.store.database import Database, Row, Step, required, step
from idp.store.registration_schema import initial_access_tokens, registrations, statement_issuers
from idp.store.schema import clients
from idp.store.upsert import insert_unless_present

_tokens = initial_access_tokens.c

ADD_TOKEN = insert_all(initial_access_tokens, "revoked_at")
FIND_TOKEN = select(initial_access_tokens).where(_tokens.token_digest == bindparam("token_digest"))
USE_TOKEN = (
    update(initial_access_tokens)
    .where(
        _tokens.token_id == bindparam("used"),
        _tokens.uses_left > 0,
        _tokens.revoked_at.is_(None),
        _tokens.expires_at > bindparam("now"),
    )
    .values(uses_left=_tokens.uses_left - 1)
)
REVOKE_TOKEN = (
    update(initial_access_tokens)
    .where(_tokens.token_id == bindparam("revoked"), _tokens.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
TOKENS = select(initial_access_tokens).order_by(_tokens.issued_at.desc(), _tokens.token_id)

ADD_ISSUER = insert_unless_present(statement_issuers, bound(statement_issuers))
FIND_ISSUER = select(statement_issuers).where(statement_issuers.c.issuer == bindparam("issuer"))
STILL_TRUSTED = (
    update(statement_issuers)
    .where(statement_issuers.c.issuer == bindparam("trusted"))
    .values(issuer=statement_issuers.c.issuer)
)
REMOVE_ISSUER = delete(statement_issuers).where(statement_issuers.c.issuer == bindparam("issuer"))
ISSUERS = select(statement_issuers).order_by(statement_issuers.c.issuer)

ADD = insert_all(registrations)
FIND = (
    select(
        *clients.c,
        registrations.c.access_digest,
        registrations.c.vouched_by,
        registrations.c.terms,
        registrations.c.software_statement,
        registrations.c.registered_at,
    )
    .select_from(registrations.join(clients, clients.c.client_id == registrations.c.client_id))
    .where(registrations.c.client_id == bindparam("client_id"))
)
KEEP_STATEMENT = (
    update(registrations)
    .where(registrations.c.client_id == bindparam("client"))
    .values(software_statement=bindparam("software_statement"))
)
NEW_ACCESS = (
    update(registrations)
    .where(registrations.c.client_id == bindparam("client"))
    .values(access_digest=bindparam("access_digest"))
)
REMOVE = delete(registrations).where(registrations.c.client_id == bindparam("client"))
REMOVE_CLIENT = delete(clients).where(
    clients.c.client_id == bindparam("client"), clients.c.disabled_at.is_(None)
)
COUNT = select(func.count().label("clients")).where(registrations.c.vouched_by == bindparam("vouched_by"))
PAGE = (
    select(
        registrations.c.client_id,
        registrations.c.vouched_by,
        registrations.c.registered_at,
        clients.c.metadata,
        clients.c.disabled_at,
    )
    .select_from(registrations.join(clients, clients.c.client_id == registrations.c.client_id))
    .where(registrations.c.client_id > bindparam("after"))
    .order_by(registrations.c.client_id)
    .limit(bindparam("most"))
)
ENABLED_OF = (
    select(registrations.c.client_id)
    .select_from(registrations.join(clients, clients.c.client_id == registrations.c.client_id))
    .where(
        and_(
            registrations.c.vouched_by == bindparam("vouched_by"),
            registrations.c.registered_at < bindparam("before"),
            clients.c.disabled_at.is_(None),
        )
    )
    .order_by(registrations.c.client_id)
)

SANDBOX = "sandbox"
"""Vouches where registration is open: nobody does."""


def by_token(token_id: str) -> str:
    """Who vouches where an initial access token does."""
    return f"token:{token_id}"


def by_statement(issuer: str) -> str:
    """Who vouches where the issuer of a software statement does."""
    return f"statement:{issuer}"


def add_token(
    token_id: str, token_digest: bytes, terms: str, *, issued_by: str, uses: int, now: int, expires_at: int
) -> Step:
    """Issue an initial access token."""
    return step(
        ADD_TOKEN,
        token_id=token_id,
        token_digest=token_digest,
        terms=terms,
        issued_by=issued_by,
        uses_left=uses,
        issued_at=now,
        expires_at=expires_at,
    )


async def find_token(db: Database, token_digest: bytes) -> Row | None:
    """An initial access token, also one that works no more."""
    return await db.fetch_one(FIND_TOKEN, token_digest=token_digest)


def use_token(token_id: str, now: int) -> Step:
    """Use an initial access token once; required, so that of two uses of the last one a single write holds."""
    return required(USE_TOKEN, used=token_id, now=now)


def revoke_token(token_id: str, now: int) -> Step:
    """Let an initial access token work no more; required."""
    return required(REVOKE_TOKEN, revoked=token_id, now=now)


async def tokens(db: Database) -> Sequence[Row]:
    """All initial access tokens, the newest first."""
    return await db.fetch_all(TOKENS)


def add_issuer(issuer: str, jwks: str, terms: str, *, added_by: str, now: int) -> Step:
    """Trust the software statements of an issuer; required, so that an issuer is added once."""
    return required(ADD_ISSUER, issuer=issuer, jwks=jwks, terms=terms, added_by=added_by, added_at=now)


async def find_issuer(db: Database, issuer: str) -> Row | None:
    """A trusted issuer of software statements."""
    return await db.fetch_one(FIND_ISSUER, issuer=issuer)


def still_trusted(issuer: str) -> Step:
    """The issuer is trusted at the moment of the write; required."""
    return required(STILL_TRUSTED, trusted=issuer)


def remove_issuer(issuer: str) -> Step:
    """Trust an issuer no more; required."""
    return required(REMOVE_ISSUER, issuer=issuer)


async def issuers(db: Database) -> Sequence[Row]:
    """All trusted issuers of software statements."""
    return await db.fetch_all(ISSUERS)


def add(
    client_id: str,
    access_digest: bytes,
    *,
    vouched_by: str,
    terms: str,
    software_statement: str | None,
    now: int,
) -> Step:
    """Note that a client registered itself; after the client."""
    return required(
        ADD,
        client_id=client_id,
        access_digest=access_digest,
        vouched_by=vouched_by,
        terms=terms,
        software_statement=software_statement,
        registered_at=now,
    )


async def find(db: Database, client_id: str) -> Row | None:
    """A client that registered itself: its row and that of its registration."""
    return await db.fetch_one(FIND, client_id=client_id)


def keep_statement(client_id: str, software_statement: str | None) -> Step:
    """The statement that holds after an update; required."""
    return required(KEEP_STATEMENT, client=client_id, software_statement=software_statement)


def new_access(client_id: str, access_digest: bytes) -> Step:
    """Another registration access token in the place of the present one; required."""
    return required(NEW_ACCESS, client=client_id, access_digest=access_digest)


def remove_client(client_id: str) -> tuple[Step, Step]:
    """Remove a client that is not disabled, with its registration and its logo; both required.

    In the order in which an update takes the two rows, so that neither waits for the other.
    """
    return required(REMOVE, client=client_id), required(REMOVE_CLIENT, client=client_id)


async def count(db: Database, vouched_by: str) -> int:
    """Registered clients that somebody vouched for."""
    row = await db.fetch_one(COUNT, vouched_by=vouched_by)
    return 0 if row is None else row["clients"]


async def page(db: Database, *, after: str = "", most: int = 100) -> Sequence[Row]:
    """Clients that registered themselves, by id, a page at a time."""
    return await db.fetch_all(PAGE, after=after, most=most)


async def enabled_of(db: Database, vouched_by: str, *, before: int) -> Sequence[str]:
    """Ids of the clients that somebody vouched for before a time, but for disabled ones."""
    rows = await db.fetch_all(ENABLED_OF, vouched_by=vouched_by, before=before)
    return [row["client_id"] for row in rows]

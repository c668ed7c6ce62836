"""Who may register a client: a voucher (RFC 7591 §3), and who may manage one (RFC 7592 §2).

Tokens are 256 random bits, kept as their SHA-256: so much chance needs no slow hash, and a look-up by the digest tells
nothing of the token by the time it takes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from idp.context import Context
from idp.errors import InvalidToken
from idp.oidc.discovery import endpoint
from idp.oidc.registration.statement import Statement, unverified_issuer, verify_statement
from idp.oidc.registration.terms import SANDBOX_TERMS, Terms, kept_terms
from idp.store import registrations
from idp.store.database import Row, Step


@dataclass(frozen=True, slots=True)
class Voucher:
    """Who stands for a client that registers itself; `uses` are steps of the write that registers it."""

    vouched_by: str
    terms: Terms
    uses: tuple[Step, ...]
    statement: Statement | None


@dataclass(frozen=True, slots=True)
class Managed:
    """A client that registered itself, as it is kept, and the token that was proven to manage it."""

    row: Row
    access_token: str


def fresh_token() -> tuple[str, bytes]:
    """A token and its digest."""
    token = secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


async def prove_voucher(context: Context, bearer: str, software_statement: object) -> Voucher:
    """Who vouches for a registration: the token, or else the statement, or else the sandbox.

    A statement beside a token must be good too: its claims win, the terms are the token's.

    Raises:
        InvalidToken: nobody does.
        InvalidSoftwareStatement: the statement is not good.
        UnapprovedSoftwareStatement: nobody here trusts its issuer.
    """
    statement, row = None, None
    if software_statement is not None:
        statement, row = await read_statement(context, software_statement)
    if bearer:
        return await _by_token(context, bearer, statement)
    if statement is not None and row is not None:
        return Voucher(
            registrations.by_statement(statement.issuer),
            kept_terms(row["terms"]),
            (registrations.still_trusted(statement.issuer),),
            statement,
        )
    if context.settings.sandbox:
        return Voucher(registrations.SANDBOX, SANDBOX_TERMS, (), None)
    raise InvalidToken


async def read_statement(context: Context, text: object) -> tuple[Statement, Row | None]:
    """A verified statement, and the row of its issuer.

    Raises:
        InvalidSoftwareStatement: it is not good.
        UnapprovedSoftwareStatement: nobody here trusts its issuer.
    """
    issuer = unverified_issuer(text)
    row = await registrations.find_issuer(context.db, issuer)
    statement = verify_statement(
        str(text),
        issuer,
        None if row is None else row["jwks"],
        us=(context.settings.issuer, endpoint(context.settings.issuer, "registration_endpoint")),
        now=context.now,
    )
    return statement, row


async def _by_token(context: Context, bearer: str, statement: Statement | None) -> Voucher:
    row = await registrations.find_token(context.db, digest(bearer))
    if row is None or not is_live(row, context.now):
        raise InvalidToken("the initial access token is unknown, used up, revoked or over")
    token_id = row["token_id"]
    return Voucher(
        registrations.by_token(token_id),
        kept_terms(row["terms"]),
        (registrations.use_token(token_id, context.now),),
        statement,
    )


def is_live(row: Row, now: int) -> bool:
    """Whether an initial access token still registers somebody."""
    return row["uses_left"] > 0 and row["revoked_at"] is None and row["expires_at"] > now


async def prove_manager(context: Context, client_id: str, bearer: str) -> Managed:
    """The registration that a token manages.

    Raises:
        InvalidToken: another client's token, or none; the same for a client that does not exist (RFC 7592 §2.1).
    """
    if not bearer:
        raise InvalidToken
    row = await registrations.find(context.db, client_id)
    kept = bytes(32) if row is None else row["access_digest"]
    if row is None or not hmac.compare_digest(kept, digest(bearer)):
        raise InvalidToken("the registration access token does not manage this client")
    return Managed(row, bearer)

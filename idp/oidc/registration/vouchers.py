"""What an operator decides about registration: who may vouch, and what becomes of clients that were vouched for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

import orjson

from idp.audit.events import Kind, record
from idp.context import Context
from idp.errors import InvalidClientMetadata
from idp.oidc.registration.access import fresh_token
from idp.oidc.registration.statement import check_issuer_keys
from idp.oidc.registration.terms import Terms, terms_text
from idp.store import clients, registrations, versions
from idp.store.database import NothingChanged, Step, required

MOST_USES: Final = 10_000
LONGEST_LIFETIME: Final = 400 * 24 * 3600
"""Seconds that an initial access token works at most: a little over a year, so that a yearly date fits."""

LATER_THAN_ALL: Final = 1 << 40


class NotThere(LookupError):
    """What an operator named is not there; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Issued:
    """An initial access token; the token itself is told once and not kept."""

    token_id: str
    token: str
    expires_at: int


async def issue_token(context: Context, terms: Terms, *, uses: int, lifetime: int, operator: str) -> Issued:
    """Issue an initial access token (RFC 7591 §3) for so many registrations within `lifetime` seconds.

    Raises:
        InvalidClientMetadata: so many, or for so long, that it would no longer be a token for somebody.
    """
    if not (0 < uses <= MOST_USES and 0 < lifetime <= LONGEST_LIFETIME):
        raise InvalidClientMetadata(
            f"a token is for 1 to {MOST_USES} registrations and at most {LONGEST_LIFETIME} seconds"
        )
    token, token_digest = fresh_token()
    issued = Issued(secrets.token_hex(8), token, context.now + lifetime)
    add = registrations.add_token(
        issued.token_id,
        token_digest,
        terms_text(terms),
        issued_by=operator,
        uses=uses,
        now=context.now,
        expires_at=issued.expires_at,
    )
    voucher = registrations.by_token(issued.token_id)
    event = record(
        context, Kind.REGISTRATION_ALLOWED, voucher=voucher, owner=terms.owner, uses=uses, operator=operator
    )
    await context.db.write(add, event)
    return issued


async def trust_issuer(context: Context, issuer: str, keys: object, terms: Terms, *, operator: str) -> None:
    """Believe software statements of an issuer, signed by one of these keys (RFC 7591 §2.3).

    Raises:
        InvalidClientMetadata: the keys are no public keys, or the issuer is trusted already.
    """
    check_issuer_keys(keys)
    add = registrations.add_issuer(
        issuer, orjson.dumps(keys).decode(), terms_text(terms), added_by=operator, now=context.now
    )
    voucher = registrations.by_statement(issuer)
    event = record(context, Kind.REGISTRATION_ALLOWED, voucher=voucher, owner=terms.owner, operator=operator)
    try:
        await context.db.write(add, event)
    except NothingChanged as known:
        raise InvalidClientMetadata(f"{issuer} is trusted already") from known


async def revoke_token(context: Context, token_id: str, *, operator: str, with_clients: bool) -> int:
    """Let an initial access token register nobody any more; how many clients of it were disabled as well.

    Raises:
        NotThere: there is no such token, or it was revoked before.
    """
    voucher = registrations.by_token(token_id)
    revoke = registrations.revoke_token(token_id, context.now)
    return await _forbid(context, revoke, voucher, operator=operator, with_clients=with_clients)


async def distrust_issuer(context: Context, issuer: str, *, operator: str, with_clients: bool) -> int:
    """Believe an issuer no more; how many clients that it vouched for were disabled as well.

    Raises:
        NotThere: it is not trusted.
    """
    voucher = registrations.by_statement(issuer)
    remove = registrations.remove_issuer(issuer)
    return await _forbid(context, remove, voucher, operator=operator, with_clients=with_clients)


async def _forbid(context: Context, act: Step, voucher: str, *, operator: str, with_clients: bool) -> int:
    """First nobody more, then those who are there: a registration in this moment is among them, or does not happen."""
    event = record(context, Kind.REGISTRATION_FORBIDDEN, voucher=voucher, operator=operator)
    try:
        await context.db.write(act, event)
    except NothingChanged as gone:
        raise NotThere("it is not there, or was withdrawn before") from gone
    if not with_clients:
        return 0
    found = await registrations.enabled_of(context.db, voucher, before=LATER_THAN_ALL)

    def disable(client_id: str) -> tuple[Step, ...]:
        return (required(clients.DISABLE, client=client_id, now=context.now),)

    return sum([await _end(context, disable(one), Kind.CLIENT_CHANGED, one, operator) for one in found])


async def forget(context: Context, *, older_than: int, operator: str) -> int:
    """Remove clients of the sandbox that were registered more than so many seconds ago; how many."""
    found = await registrations.enabled_of(context.db, registrations.SANDBOX, before=context.now - older_than)
    return sum(
        [
            await _end(context, registrations.remove_client(one), Kind.CLIENT_REMOVED, one, operator)
            for one in found
        ]
    )


async def _end(context: Context, acts: tuple[Step, ...], kind: Kind, client_id: str, operator: str) -> bool:
    """End one client; not if it has ended itself meanwhile."""
    event = record(context, kind, client_id=client_id, operator=operator, act="end")
    try:
        await context.db.write(*acts, event, versions.changed(versions.CLIENTS))
    except NothingChanged:
        return False
    return True


async def new_access_token(context: Context, client_id: str, *, operator: str) -> str:
    """Another registration access token, for a client that lost its own; the old one stops working.

    Raises:
        NotThere: no client that manages itself.
    """
    token, access_digest = fresh_token()
    await _manage(
        context, registrations.new_access(client_id, access_digest), client_id, operator, "new access token"
    )
    return token


async def freeze(context: Context, client_id: str, *, operator: str) -> None:
    """From now on only operators change this client; whoever vouched for it still does.

    Raises:
        NotThere: no client that manages itself.
    """
    _, nobodys = fresh_token()
    await _manage(context, registrations.new_access(client_id, nobodys), client_id, operator, "freeze")


async def _manage(context: Context, step: Step, client_id: str, operator: str, act: str) -> None:
    event = record(context, Kind.CLIENT_CHANGED, client_id=client_id, operator=operator, act=act)
    try:
        await context.db.write(step, event, versions.changed(versions.CLIENTS))
    except NothingChanged as gone:
        raise NotThere(f"{client_id} is no client that manages itself") from gone

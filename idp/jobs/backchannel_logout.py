"""Tells portals that sessions have ended (OpenID Connect Back-Channel Logout 1.0 §2.5), out of the outbox.

A delivery that fails is tried again for about a day.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.errors import InvalidRequest, TemporarilyUnavailable
from idp.http.outbound import OutboundError
from idp.jobs import delivery
from idp.jobs.delivery import Deliverer, deliver_all
from idp.oidc.client import Client
from idp.oidc.encrypted_answer import encrypted, equip
from idp.oidc.logout_token import logout_token_claims
from idp.oidc.subject import pairwise_subject
from idp.store import logout_outbox
from idp.store.database import NothingChanged
from idp.store.logout_outbox import Logout
from keys.jose import SignerUnavailable
from keys.keyring import NoActiveKey
from keys.policy import Purpose

logger = logging.getLogger("motcua.jobs")

FIRST_PAUSE: Final = 10
LONGEST_PAUSE: Final = 3600
MOST_ATTEMPTS: Final = 30
"""With pauses that double from 10 seconds to an hour: about a day, by when the portal's own session is long over."""

ACCEPTED: Final = frozenset({200, 204})
"""§2.8 says 200, and that some frameworks answer 204 in its place."""


class _Undeliverable(Exception):
    """It would not help to try again; the text is an id."""


async def deliver_logouts(deliverer: Deliverer) -> None:
    """One round: everything that is due, while time and the portals allow."""
    await deliver_all(_Logouts(deliverer))


@dataclass(frozen=True, slots=True)
class _Logouts:
    """The outbox of logouts."""

    deliverer: Deliverer

    async def clients(self) -> list[str]:
        context = self.deliverer.context()
        return await logout_outbox.clients_with_due(context.db, context.now)

    async def take(self, client_id: str, *, most: int, lease: int) -> Sequence[Logout]:
        context = self.deliverer.context()
        taken = await logout_outbox.take(
            context.db, client_id, now=context.now, until=context.now + lease, most=most
        )
        if taken:
            await self.deliverer.follow()
        return taken

    async def deliver(self, taken: Logout, /) -> bool:
        return await _deliver(self.deliverer, taken)


async def _deliver(deliverer: Deliverer, logout: Logout) -> bool:
    """One attempt, and what became of it; False when the portal did not accept."""
    context = deliverer.context()
    try:
        error = await _tell(deliverer, context, logout)
    except _Undeliverable as final:
        await _give_up(context, logout, str(final))
        return True  # says nothing about the portal's next one
    if error is None:
        await _settle(context, logout)
        return True
    if logout.attempts >= MOST_ATTEMPTS:
        await _give_up(context, logout, error)
    else:
        await _postpone(deliverer.context(), logout, error)
    return False


async def _tell(deliverer: Deliverer, context: Context, logout: Logout) -> str | None:
    """Sign and encrypt now, and send; the reason when it was not accepted."""
    client = await deliverer.clients.find(logout.client_id)
    if client is None or client.disabled_at is not None or not client.backchannel_logout_uri:
        raise _Undeliverable("not_registered")
    try:
        client = await equip(client, client.id_token_encryption, deliverer.client_keys)
        token = await _sign(context, client, logout)
    except (NoActiveKey, SignerUnavailable) as error:
        logger.warning("a logout of %s could not be signed: %s", client.client_id, error)
        return "not_signed"
    except (TemporarilyUnavailable, InvalidRequest) as error:
        logger.warning("a logout of %s could not be encrypted: %s", client.client_id, error)
        return "not_encrypted"
    try:
        status = await deliverer.outbound.post_form(client.backchannel_logout_uri, {"logout_token": token})
    except OutboundError as error:
        return error.code
    return None if status in ACCEPTED else f"status_{status}"


async def _sign(context: Context, client: Client, logout: Logout) -> str:
    """Signed, and encrypted as its ID tokens are: the client takes no other then (§2.4, §2.6)."""
    claims = logout_token_claims(
        issuer=context.settings.issuer,
        client_id=client.client_id,
        subject=pairwise_subject(context.keyring, client.sector, logout.account_id),
        session_id=logout.session_id,
        now=context.now,
    )
    token = await context.keyring.issue(Purpose.LOGOUT, claims, client.id_token_signed_response_alg)
    return encrypted(token, client, client.id_token_encryption)


def pause_after(attempts: int) -> int:
    """Seconds until the next attempt."""
    return delivery.pause_after(attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)


async def _settle(context: Context, logout: Logout) -> None:
    event = record(
        context,
        Kind.LOGOUT_DELIVERED,
        account_id=logout.account_id,
        client_id=logout.client_id,
        session_id=logout.session_id,
        attempts=logout.attempts,
    )
    try:
        await context.db.write(logout_outbox.deliver(logout, context.now), event)
    except NothingChanged:
        return  # another worker took it when this one was thought dead, and tells the story


async def _postpone(context: Context, logout: Logout, error: str) -> None:
    next_attempt_at = context.now + pause_after(logout.attempts)
    try:
        await context.db.write(logout_outbox.postpone(logout, error, next_attempt_at))
    except NothingChanged:
        return


async def _give_up(context: Context, logout: Logout, error: str) -> None:
    event = record(
        context,
        Kind.LOGOUT_UNDELIVERED,
        error,
        account_id=logout.account_id,
        client_id=logout.client_id,
        session_id=logout.session_id,
        attempts=logout.attempts,
    )
    try:
        await context.db.write(logout_outbox.give_up(logout, error), event)
    except NothingChanged:
        return

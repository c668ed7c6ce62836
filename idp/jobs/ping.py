"""Pings (CIBA Core §10.2): tells portals that a person has answered, whatever the answer is.

A ping only spares the portal polls, which it may make all the same: it is tried a few times while the request lives,
and never again where the portal itself refused it. Nothing of its answer is read, and a redirect is a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from idp.audit.events import Kind, record
from idp.http.outbound import OutboundError
from idp.jobs import delivery
from idp.jobs.delivery import Deliverer, deliver_all
from idp.oidc.backchannel_request import open_notification
from idp.store import backchannel_requests
from idp.store.backchannel_requests import Ping
from idp.store.database import NothingChanged, Step
from keys.seal import SealBroken

FIRST_PAUSE: Final = 2
LONGEST_PAUSE: Final = 60
MOST_ATTEMPTS: Final = 6

ACCEPTED: Final = frozenset({200, 204})
"""§10.2: 204, and 200 whose body is ignored."""
LATER: Final = frozenset({429, 500, 502, 503, 504})
"""What passes; every other status is the portal's word."""


async def deliver_pings(deliverer: Deliverer) -> None:
    """One round: everything that is due, while time and the portals allow."""
    await deliver_all(_Pings(deliverer))


@dataclass(frozen=True, slots=True)
class _Pings:
    """The outbox of pings."""

    deliverer: Deliverer

    async def clients(self) -> list[str]:
        context = self.deliverer.context()
        return await backchannel_requests.clients_with_pings(context.db, context.now)

    async def take(self, client_id: str, *, most: int, lease: int) -> Sequence[Ping]:
        context = self.deliverer.context()
        return await backchannel_requests.take_pings(
            context.db, client_id, now=context.now, until=context.now + lease, most=most
        )

    async def deliver(self, taken: Ping, /) -> bool:
        error, passes = await self._tell(taken)
        if not error:
            await self._write(backchannel_requests.settle_ping(taken))
            return True
        context = self.deliverer.context()
        pause = delivery.pause_after(taken.attempts, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        if passes and taken.attempts < MOST_ATTEMPTS and context.now + pause < taken.expires_at:
            await self._write(backchannel_requests.postpone_ping(taken, context.now + pause))
            return False
        event = record(
            context, Kind.BACKCHANNEL_UNTOLD, error, client_id=taken.client_id, attempts=taken.attempts
        )
        await self._write(backchannel_requests.settle_ping(taken), event)
        return not passes

    async def _tell(self, ping: Ping) -> tuple[str, bool]:
        """Why it was not accepted, empty where it was; and whether that may pass."""
        context = self.deliverer.context()
        client = await self.deliverer.clients.find(ping.client_id)
        address = "" if client is None else client.backchannel_client_notification_endpoint
        if client is None or client.is_stopped(context.now) or not address:
            return "not_registered", False
        try:
            said = open_notification(context.keyring, ping.digest, ping.notification)
        except SealBroken:
            return "unreadable", False  # a row that somebody changed must not keep others waiting
        body = orjson.dumps({"auth_req_id": said.auth_req_id})
        try:
            status = await self.deliverer.outbound.post_json(address, body, bearer=said.token)
        except OutboundError as error:
            return error.code, True
        return ("", False) if status in ACCEPTED else (f"status_{status}", status in LATER)

    async def _write(self, *steps: Step) -> None:
        try:
            await self.deliverer.context().db.write(*steps)
        except NothingChanged:
            return  # another worker took it when this one was thought dead

"""Tells portals what waits for them in an outbox; the same manners for everything that is told.

Every worker does so. Each portal has a lane of its own with a few deliveries at a time, so that one that does not
answer keeps nobody else waiting, and is left alone until the next round when one of them fails. A delivery that fails
is tried again later and later.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from idp.context import Context
from idp.http.outbound import WHOLE_SECONDS, Outbound
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys

AT_ONCE: Final = 8  # deliveries to one portal
LANES: Final = 16  # portals
LEASE_SECONDS: Final = 60
"""How long a row that was taken is nobody else's; longer than a delivery can take (`WHOLE_SECONDS`)."""

ROUND_SECONDS: Final = (
    60  # after this long no more is taken: what has come due meanwhile waits for the next round
)

assert WHOLE_SECONDS * 2 < LEASE_SECONDS  # noqa: S101 - two constants of two modules that must fit

T = TypeVar("T")


async def _as_it_is() -> None:
    """What is in memory follows the database by other ways."""


@dataclass(frozen=True, slots=True)
class Deliverer:
    """What delivering needs; `context` is made anew for each delivery, since a round takes its time.

    `follow` looks whether keys or clients have changed. It is asked after rows were taken: what a revoked key made
    necessary was queued in the write that revoked it, and is never signed with it.
    """

    context: Callable[[], Context]
    clients: ClientCache
    client_keys: ClientKeys
    outbound: Outbound
    follow: Callable[[], Awaitable[None]] = _as_it_is


class Outbox(Protocol[T]):
    """What is told: logouts, pings."""

    async def clients(self) -> list[str]:
        """Portals for which something is due."""

    async def take(self, client_id: str, *, most: int, lease: int) -> Sequence[T]:
        """Take some that are due for a portal; nobody else gets them for `lease` seconds."""

    async def deliver(self, taken: T, /) -> bool:
        """One attempt, and what became of it; False when the portal did not accept."""


async def deliver_all(outbox: Outbox[T]) -> None:
    """One round: everything that is due, while time and the portals allow."""
    waiting = await outbox.clients()
    random.shuffle(waiting)
    free = asyncio.Semaphore(LANES)
    deadline = asyncio.get_running_loop().time() + ROUND_SECONDS
    async with asyncio.TaskGroup() as lanes:
        for client_id in waiting:
            lanes.create_task(_lane(outbox, client_id, free, deadline))


async def _lane(outbox: Outbox[T], client_id: str, free: asyncio.Semaphore, deadline: float) -> None:
    async with free:
        while asyncio.get_running_loop().time() < deadline:
            taken = await outbox.take(client_id, most=AT_ONCE, lease=LEASE_SECONDS)
            if not taken or not all(await asyncio.gather(*map(outbox.deliver, taken))):
                return


def pause_after(attempts: int, *, first: int, longest: int) -> int:
    """Seconds until the next attempt: twice as long each time, less up to a half so that portals are not flooded."""
    most = min(longest, first * 2 ** min(attempts - 1, 16))
    return random.randint((most + 1) // 2, most)  # noqa: S311 - spreads load, guards nothing

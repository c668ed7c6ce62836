"""Which jobs there are, and how often each is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from idp.jobs.backchannel_logout import deliver_logouts
from idp.jobs.delivery import Deliverer
from idp.jobs.expired_sessions import end_expired_sessions
from idp.jobs.incidents import end_incidents
from idp.jobs.ping import deliver_pings
from idp.jobs.purge import purge_expired
from idp.jobs.register_watch import RegisterWatch
from idp.store.database import Database

CERTIFICATES_SECONDS: Final = 2
"""A certificate that a client registers is let through by our own listener within twice this long."""

EXPIRY_SECONDS: Final = 10
"""A session that has expired is ended, and its portals are told, after this long."""

INCIDENT_SECONDS: Final = 2
LOGOUT_SECONDS: Final = 2
"""A portal is told of a logout after this long at the latest, if it answers."""

PING_SECONDS: Final = 1
"""A portal is told that its request has an answer after this long at the latest, if it answers."""
PURGE_SECONDS: Final = 60
REGISTER_SECONDS: Final = 15
"""After this long the registers are looked at for a change that ends sessions."""
ROTATION_SECONDS: Final = 20
"""A key that is due is activated after this long."""
SIGHTINGS_SECONDS: Final = 5
WATCH_SECONDS: Final = 2
"""A change of a client or a key is seen by every worker after this long."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again; `work` is given the time in epoch seconds.

    `every` is the seconds from the end of one round to the start of the next. An `exclusive` job is done by one worker
    at a time.
    """

    name: str
    every: float
    work: Callable[[int], Awaitable[None]]
    exclusive: bool = False


def jobs_of_worker(
    db: Database,
    *,
    follow: Callable[[int], Awaitable[None]],
    keep_sightings: Callable[[], Awaitable[None]],
    accept_certificates: Callable[[], Awaitable[None]],
    deliverer: Deliverer,
    rotate: Callable[[int], Awaitable[None]],
) -> tuple[Job, ...]:
    """What every worker process does beside its requests."""
    watch = RegisterWatch(deliverer.context)
    return (
        Job("watch", WATCH_SECONDS, follow),
        Job("sightings", SIGHTINGS_SECONDS, lambda _now: keep_sightings()),
        Job("certificates", CERTIFICATES_SECONDS, lambda _now: accept_certificates()),
        Job("logouts", LOGOUT_SECONDS, lambda _now: deliver_logouts(deliverer)),
        Job("pings", PING_SECONDS, lambda _now: deliver_pings(deliverer)),
        Job("incidents", INCIDENT_SECONDS, lambda _now: end_incidents(deliverer.context), exclusive=True),
        Job("expiry", EXPIRY_SECONDS, lambda _now: end_expired_sessions(deliverer.context), exclusive=True),
        Job("registers", REGISTER_SECONDS, lambda _now: watch.look(), exclusive=True),
        Job("rotation", ROTATION_SECONDS, rotate, exclusive=True),
        Job("purge", PURGE_SECONDS, lambda now: purge_expired(db, now), exclusive=True),
    )

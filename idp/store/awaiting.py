"""What waits for an answer that a person gives elsewhere: a device (RFC 8628), a portal's counter (CIBA)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sqlalchemy import Column, Table, bindparam, delete, select, update

from idp.store.database import Step, required, step

WAITING: Final = "waiting"
APPROVED: Final = "approved"
DENIED: Final = "denied"
USED: Final = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaiting:
    """What asked, and what became of it; `digest` is of the secret that it asks with. `interval` is in seconds.

    `request` is JSON, and empty once it is answered: it may name an organisation by its owner's personal number.
    """

    digest: bytes = field(repr=False)
    client_id: str
    request: str
    interval: int
    created_at: int
    expires_at: int
    state: str = WAITING
    grant_id: str | None = None
    polled_at: int | None = None

    answers: ClassVar[Answers]
    secret: ClassVar[str]
    """What the client asks with, by name."""

    def waits(self, now: int) -> bool:
        """Whether a person can still answer."""
        return self.state == WAITING and self.expires_at > now


class Answers:
    """How the rows of one table are answered and used; `key` is the column of their digests.

    An answer empties `request`; `answered` are further columns that every answer sets, by expressions that may use the
    parameter `now`.
    """

    def __init__(self, table: Table, key: Column[Any], answered: Mapping[str, Any] | None = None) -> None:
        mine = key == bindparam("asked")
        waits = (mine, table.c.state == WAITING, table.c.expires_at > bindparam("now"))
        more = {"request": "", **(answered or {})}
        self.find = select(table).where(mine)
        self.polled = (
            update(table).where(mine).values(polled_at=bindparam("now"), interval=bindparam("seconds"))
        )
        self.approved = (
            update(table).where(*waits).values(state=APPROVED, grant_id=bindparam("grant"), **more)
        )
        self.denied = update(table).where(*waits).values(state=DENIED, **more)
        self.used = (
            update(table)
            .where(mine, table.c.state == APPROVED, table.c.expires_at > bindparam("now"))
            .values(state=USED)
        )
        self.given_back = update(table).where(mine, table.c.state == USED).values(state=APPROVED)
        self.purged = delete(table).where(
            key.in_(select(key).where(table.c.expires_at < bindparam("before")).limit(bindparam("most")))
        )

    def note_poll(self, digest: bytes, interval: int, now: int) -> Step:
        """Remember when the client asked last, and how long it has to wait from now on."""
        return step(self.polled, asked=digest, seconds=interval, now=now)

    def approve(self, digest: bytes, grant_id: str, now: int) -> Step:
        """A person agreed; required: fails for what waits no longer."""
        return required(self.approved, asked=digest, grant=grant_id, now=now)

    def deny(self, digest: bytes, now: int) -> Step:
        """A person, or we, refused; required, as `approve`: nobody is told of a refusal that came too late."""
        return required(self.denied, asked=digest, now=now)

    def use(self, digest: bytes, now: int) -> Step:
        """Use up what was approved; required: of many at once one succeeds."""
        return required(self.used, asked=digest, now=now)

    def give_back(self, digest: bytes) -> Step:
        """Let it be used again where it was used up and gave nothing."""
        return step(self.given_back, asked=digest)

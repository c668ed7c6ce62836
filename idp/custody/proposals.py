"""Changes that were proposed: what has become of them, and whose signatures under them count."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from idp.custody.custodian import read_stored
from idp.custody.key_life import changes_of
from idp.custody.review import words
from keys.changes import Change, NotApproved, valid_approvals
from keys.ground import Ground
from keys.history import History
from keys.officers import InvalidOfficerKey
from keys.store import StoredChange


class Standing(StrEnum):
    """What has become of a proposal."""

    OPEN = "open"
    CARRIED_OUT = "carried out"
    EXPIRED = "expired"
    REFUSED = "refused"
    """Its row is not what was proposed, or says that it was carried out and the key log does not."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed change. `invalid` are signatures that do not count now; `why` is there for a refused one."""

    change_id: str
    standing: Standing
    change: Change | None
    officers: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    applied_at: int | None = None
    why: str = ""

    def words(self, history: History) -> list[str]:
        """What it does, in lines; while it is open, what it means for the keys as they are."""
        if self.change is None:
            return []
        return words(self.change, history if self.standing is Standing.OPEN else None)


def look_over(stored: StoredChange, ground: Ground, now: int) -> Proposal:
    """What has become of a change; the key log knows which ones were carried out, the row does not count."""
    done = changes_of(ground).get(stored.change_id)
    if done is not None:
        change, officers = done
        return Proposal(
            stored.change_id, Standing.CARRIED_OUT, change, officers, applied_at=stored.applied_at
        )
    try:
        change = read_stored(stored)
    except (NotApproved, InvalidOfficerKey) as error:
        return Proposal(stored.change_id, Standing.REFUSED, None, why=str(error))
    if stored.applied_at is not None:
        why = "Its row says that it was carried out, and the key log does not."
        return Proposal(stored.change_id, Standing.REFUSED, change, why=why)
    valid = tuple(one.officer for one in valid_approvals(change, stored.approvals, ground.history.officers))
    invalid = tuple(one.officer for one in stored.approvals if one.officer not in valid)
    standing = Standing.EXPIRED if change.expires_at <= now else Standing.OPEN
    return Proposal(stored.change_id, standing, change, valid, invalid)

"""The life of one key as the key log tells it, and what comes next by the standing approval of rotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from keys import policy
from keys.actions import Export, Revoke
from keys.changes import Change, read_change
from keys.ground import Ground
from keys.history import History, KeyRecord
from keys.policy import State


@dataclass(frozen=True, slots=True)
class NextStep:
    """What rotation does next with a key, and when."""

    event: str
    at: int


def next_step(history: History, key: KeyRecord, now: int) -> NextStep | None:
    """What the standing approval of rotation has in store for a key; None if nothing, or nothing that is known."""
    rotation = history.rotation
    if rotation is None or key.alg not in rotation.keys.get(key.purpose, ()):
        return None
    step = None
    if key.state is State.RETIRING:
        step = NextStep("retired", (key.retiring_at or now) + rotation.retiring_lifetime)
    elif key.state is State.ACTIVE:
        step = NextStep("retiring", _turn(history, key.kind, now))
    elif key.state is State.PENDING and history.waiting(key.kind)[0] == key:
        published = key.published_at is not None
        step = (
            NextStep("activated", _turn(history, key.kind, now)) if published else NextStep("published", now)
        )
    return step if step is not None and step.at < rotation.until else None


def _turn(history: History, kind: tuple[str, str], now: int) -> int:
    """When the successor takes over: it has been published for long enough, and the active key has served."""
    rotation, active, waiting = history.rotation, history.active(kind), history.waiting(kind)
    if rotation is None or active is None:
        return now
    published = (waiting[0].published_at if waiting else None) or now
    served = (active.activated_at or now) + rotation.active_lifetime
    turn = max(published + rotation.pending_lifetime, served)
    if active.certified_until is None:
        return turn
    handover = active.certified_until - policy.HANDOVER_SECONDS
    return min(turn, max(published + policy.FETCHED_SECONDS, handover), active.certified_until)


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """What happened to a key: where it stands in the key log, and by which change of which officers."""

    position: int
    at: int
    event: str
    change_id: str
    officers: tuple[str, ...]
    note: str = ""
    certificate: str = ""


def changes_of(ground: Ground) -> dict[str, tuple[Change, tuple[str, ...]]]:
    """Every change that the key log holds, with the officers who signed it, by identifier."""
    found: dict[str, tuple[Change, tuple[str, ...]]] = {}
    for octets in ground.entries:
        entry = orjson.loads(octets)
        if entry["type"] == "change":
            change = read_change(entry["change"])
            found[change.change_id] = change, tuple(one["officer"] for one in entry["approvals"])
    return found


def events_of(ground: Ground, kid: str) -> list[KeyEvent]:
    """Everything that the key log has about a key, in its order."""
    changes, found = changes_of(ground), []
    for position, octets in enumerate(ground.entries):
        entry = orjson.loads(octets)
        by = entry.get("by") or read_change(entry["change"]).change_id
        change, officers = changes[by]
        found += [
            KeyEvent(position, entry["at"], event, by, officers, note, certificate)
            for event, note, certificate in _about(entry, change, kid)
        ]
    return found


def _about(entry: Mapping[str, Any], change: Change, kid: str) -> Iterator[tuple[str, str, str]]:
    """What an entry says of a key: event, note, certificate."""
    if entry["type"] == "change":
        if Export(kid) in change.actions:
            yield "exported", "", ""
    elif entry["kid"] == kid:
        reasons = (one.reason for one in change.actions if isinstance(one, Revoke) and one.kid == kid)
        note = next(reasons, "") if entry["type"] == "revoked" else ""
        yield entry["type"], note, str(entry.get("certificate") or "")
    elif entry.get("replaces") == kid:
        yield "retiring", f"{entry['kid']} took over", ""

"""The key log beside what should agree with it: a key set, another view of the log, an earlier one, a hardware module.

Each function gives one sentence for each difference, and nothing if there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from keys import merkle, policy
from keys.history import History
from keys.key_log import KeyLog
from keys.key_record import KeyRecord
from keys.merkle import InvalidProof
from keys.notes import Checkpoint
from keys.policy import Purpose, State

UNFINISHED: Final = "motcua unfinished"
"""How the label of a key in a hardware module begins while it is made (`keys.backends.pkcs11_keys`)."""

CLOCK_DIFFERENCE: Final = 60
"""Seconds by which the clock of who compares may differ from the service's."""

DESTROYED_SECONDS: Final = 60
"""Seconds after which a key that nobody signs with any more is destroyed in a hardware module that is there."""

_PUBLISHED: Final = frozenset(purpose.value for purpose in policy.PUBLISHED_PURPOSES)
_SHOWN: Final = frozenset({State.PENDING, State.ACTIVE, State.RETIRING})
_HELD: Final = frozenset({State.PENDING, State.ACTIVE})


def compare_key_set(history: History, keys: Sequence[Mapping[str, Any]], now: int) -> Iterator[str]:
    """The key set that a service shows, beside what the log says of each key."""
    times = Counter(str(key.get("kid")) for key in keys)
    for key in {str(key.get("kid")): key for key in keys}.values():
        kid = str(key.get("kid"))
        record = history.keys.get(kid)
        if times[kid] > 1:
            yield f"The key {kid} stands in the key set {times[kid]} times."
        elif record is None:
            yield f"The key {kid} stands in the key set, but not in the key log."
        elif dict(key) != dict(record.jwk):
            yield f"Under {kid} the key set shows another public key than the key log."
        elif not _may_show(record):
            yield f"The key {_named(record)} stands in the key set, where the key log does not allow it."
    for record in history.keys.values():
        if record.kid not in times and _must_show(record, history, now):
            yield f"The key {_named(record)} should stand in the key set by the key log, and does not."


def _named(record: KeyRecord) -> str:
    return f"{record.kid} ({record.purpose}, {record.alg}, {record.state})"


def _may_show(record: KeyRecord) -> bool:
    if record.purpose == Purpose.ENCRYPTION:
        return record.state is State.ACTIVE
    return record.purpose in _PUBLISHED and record.state in _SHOWN and record.published_at is not None


def _must_show(record: KeyRecord, history: History, now: int) -> bool:
    """A key whose time is over may be gone before a job has written that down."""
    lifetime = policy.RETIRING_LIFETIME if history.rotation is None else history.rotation.retiring_lifetime
    over = record.retiring_at is not None and record.retiring_at + lifetime <= now + CLOCK_DIFFERENCE
    return _may_show(record) and not over


def compare_logs(own: KeyLog, shown: KeyLog) -> Iterator[str]:
    """The log that a service shows, beside the one in the database, which may have grown since."""
    if shown.size < own.size:
        yield f"The service shows a key log of {shown.size} entries, and the database has {own.size}."
    common = min(own.size, shown.size)
    first = next((at for at in range(common) if own.entries[at] != shown.entries[at]), None)
    if first is not None:
        yield (
            f"The service shows another key log than the database, from entry {first} on, and both are signed by"
            " its key: this is a split view."
        )


def compare_remembered(before: Checkpoint, log: KeyLog) -> Iterator[str]:
    """The log now, beside its checkpoint of last time."""
    if log.size < before.size:
        yield f"The key log has {log.size} entries, and had {before.size}: it was shortened."
        return
    try:
        merkle.verify_consistency(before.size, before.root, log.size, log.root, log.consistency(before.size))
    except InvalidProof:
        yield (
            f"The key log does not continue what it was with {before.size} entries, and its key has signed both:"
            " it was rewritten, or this is a split view."
        )


def compare_hardware(history: History, held: Collection[str], now: int) -> Iterator[str]:
    """The keys in a hardware module, beside those that live there by the log."""
    useless = history.useless_in_hardware(now - DESTROYED_SECONDS)
    inside = {kid: record for kid, record in history.keys.items() if record.backend == "pkcs11"}
    certifier = None if history.rotation is None else history.rotation.certifier
    for record in inside.values():
        if record.state in _HELD and record.kid not in held:
            yield f"The key {_named(record)} is not in the hardware module."
    for name in sorted(held):
        if name in useless:
            yield f"The key {_named(inside[name])} is still in the hardware module, where it was to be destroyed."
        elif name.startswith(UNFINISHED):
            yield f"The hardware module holds an unfinished key, {name}: a process died while it made it."
        elif name not in inside and (certifier is None or name != certifier["kid"]):
            yield f"The hardware module holds the key {name}, which is not in the key log."

"""What happens to keys, happens here: planned by `keys.lifecycle`, kept in one write with all that follows from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.store import incidents, versions
from idp.store.clock import server_time
from idp.store.database import NothingChanged, Step, required
from keys import policy, store
from keys.actions import Revoke
from keys.changes import Approval, Change, NotApproved, parse_change, valid_approvals, verify_approval
from keys.documents import InvalidDocument, canonical
from keys.ground import Ground, load_ground
from keys.history import KeyRecord
from keys.jose import SignerUnavailable
from keys.lifecycle import Plan
from keys.officers import InvalidOfficerKey
from keys.policy import Purpose
from keys.seal import KeyEncryptionKey
from keys.store import Statement, StoredChange

if TYPE_CHECKING:
    from keys.backends.pkcs11 import Pkcs11Token

logger = logging.getLogger("motcua.custody")

HEARD_SECONDS: Final = 3
"""Seconds between the revocation of a key that signs and its destruction in a hardware module: by then the workers, who
look every two seconds, sign with its successor, and nobody is sent away. If this process dies meanwhile, the job that
rotates keys destroys it."""

_TRIES: Final = 5
_KNOWN_PURPOSES: Final = frozenset(purpose.value for purpose in Purpose)


class NoSuchChange(LookupError):
    """No change of this identifier was proposed; one sentence."""


class KeysMoved(Exception):
    """Other processes changed the keys again and again meanwhile; one sentence."""


class ClockWrong(Exception):
    """The clock of this machine is not the database's; one sentence for the operator."""


async def check_clock(context: Context) -> None:
    """Return if this machine's clock is about the database's; an embedded database has no other.

    What the key log says of time stays for good: after an entry of a time to come nothing is due until then.

    Raises:
        ClockWrong: it is not.
    """
    difference = context.now - await server_time(context.db)
    if abs(difference) > policy.CLOCK_DIFFERENCE:
        raise ClockWrong(
            f"The clock of this machine is {abs(difference)} seconds {'ahead of' if difference > 0 else 'behind'} the"
            " database's: set it right before keys are changed."
        )


@dataclass(frozen=True, slots=True)
class Custodian:
    """What a change of keys needs. The key-encryption key is of this moment: it may be replaced while we run."""

    context: Context
    kek: KeyEncryptionKey
    hardware: Pkcs11Token | None = field(default=None, repr=False)
    cleared: set[str] = field(default_factory=set, repr=False)
    """Keys that this process knows to be gone from the module."""
    lost: set[str] = field(default_factory=set, repr=False)
    """Keys of plans that were not kept, which this process could not yet destroy in the module."""
    checks_clock: bool = False
    """Whether nothing is read, and so nothing planned, while this machine's clock is not the database's."""

    async def ground(self) -> Ground:
        """Keys and log as they stand in the database now.

        Raises:
            keys.key_log.InvalidLog: among other things, the log does not continue what this process has seen of it;
                another entry on such a log would sign two histories.
            ClockWrong: as `check_clock`, where that is asked for.
        """
        if self.checks_clock:
            await check_clock(self.context)
        seen = self.context.keyring.ground
        return await load_ground(self.context.db, self.kek, self.context.settings.issuer, seen)

    def plan(self, ground: Ground) -> Plan:
        """Nothing yet, from here on."""
        return Plan(ground, self.kek, self.context.now, self.hardware)


async def rotate(custodian: Custodian) -> Plan | None:
    """Do what the standing approval demands now; None if that is nothing, or if another process was first.

    Raises:
        SignerUnavailable: the hardware module cannot make a key now.
    """
    ground = await custodian.ground()
    if custodian.context.now < ground.history.last_at:  # what is due by the log is not due by this clock
        if custodian.context.now < ground.history.last_at - policy.CLOCK_DIFFERENCE:
            logger.error("the last entry of the key log is of a time to come: keys do not rotate until then")
        return None
    await _clear_hardware(custodian, ground)
    plan = custodian.plan(ground)
    async with _undone_in_hardware(custodian, plan):
        await plan.rotate()
    if plan.empty:
        return None
    try:
        await _keep(custodian, plan, _event(custodian, Kind.KEYS_ROTATED, plan))
    except NothingChanged:
        return None
    return plan


async def propose(custodian: Custodian, change: Change, approval: Approval) -> None:
    """Keep a change with the signature of the officer who proposes it.

    Raises:
        NotApproved: for another installation, or not a signature of an officer under this change.
        KeysMoved: it was proposed before.
    """
    context = custodian.context
    if change.installation != context.settings.issuer:
        raise NotApproved(f"The change is for {change.installation}, not for {context.settings.issuer}.")
    verify_approval(change, approval, (await custodian.ground()).history.officers)
    document = canonical(change.document())
    proposed = record(
        context,
        Kind.KEYS_PROPOSED,
        change=change.change_id,
        officer=approval.officer,
        actions=[action.kind for action in change.actions],
    )
    try:
        await context.db.write(
            _step(store.add_change(change.change_id, document, context.now, change.expires_at)),
            _step(store.add_approval(change.change_id, approval, context.now)),
            proposed,
        )
    except NothingChanged as error:
        raise KeysMoved(f"The change {change.change_id} was proposed before.") from error


async def approve(custodian: Custodian, change_id: str, approval: Approval) -> Plan | None:
    """Keep another officer's signature, and carry the change out if it has enough; None if it has not.

    Raises:
        NoSuchChange: not proposed, carried out before, or too old.
        NotApproved: not a signature of an officer under this change, or of one who has signed it.
        keys.history.InvalidHistory: the state of the keys does not allow the change.
        SignerUnavailable, keys.ground.HardwareMissing: a key cannot be made now.
        KeysMoved: try again.
    """
    for _ in range(_TRIES):
        try:
            return await _approve(custodian, change_id, approval)
        except NothingChanged:
            continue
    raise KeysMoved("Other processes change the keys at the same time: try again.")


async def _approve(custodian: Custodian, change_id: str, approval: Approval) -> Plan | None:
    context = custodian.context
    ground = await custodian.ground()
    proposed = await find_open(custodian, change_id)
    change = read_stored(proposed)
    officer = verify_approval(change, approval, ground.history.officers)
    earlier = valid_approvals(change, proposed.approvals, ground.history.officers)
    if officer.kid in {one.officer for one in earlier}:
        raise NotApproved(f"{officer.kid} has signed this change: another officer must.")
    kept = _step(store.add_approval(change_id, approval, context.now))
    approved = record(context, Kind.KEYS_APPROVED, change=change_id, officer=officer.kid)
    signatures = (*earlier, approval)
    if len(signatures) < policy.QUORUM:  # each is of another officer, and the database keeps one of each
        await context.db.write(kept, approved)
        return None
    plan = custodian.plan(ground)
    async with _undone_in_hardware(custodian, plan):
        await plan.carry_out(change, signatures, proposed=True)
    await _keep(custodian, plan, kept, approved, *_consequences(custodian, plan, change))
    return plan


async def carry_out(custodian: Custodian, change: Change, approvals: Iterable[Approval]) -> Plan:
    """Carry out a change that all officers have signed already, and rotate where it gave the approval for that.

    Raises:
        keys.history.InvalidHistory: too few officers have signed it, or the state of the keys does not allow it.
        SignerUnavailable, keys.ground.HardwareMissing: a key cannot be made now.
        KeysMoved: another process was first.
    """
    plan = custodian.plan(await custodian.ground())
    async with _undone_in_hardware(custodian, plan):
        await plan.carry_out(change, approvals, proposed=False)
        await plan.rotate()
    try:
        await _keep(custodian, plan, *_consequences(custodian, plan, change))
    except NothingChanged as error:
        raise KeysMoved("Another process changed the keys at the same time: look, and try again.") from error
    return plan


async def find_open(custodian: Custodian, change_id: str) -> StoredChange:
    """A proposed change that may still be carried out.

    Raises:
        NoSuchChange: one sentence.
    """
    changes = await store.find_changes(custodian.context.db)
    found = next((change for change in changes if change.change_id == change_id), None)
    if found is None:
        raise NoSuchChange(f"No change {change_id} was proposed.")
    if found.applied_at is not None:
        raise NoSuchChange(f"The change {change_id} was carried out before.")
    if found.expires_at <= custodian.context.now:
        raise NoSuchChange(f"The change {change_id} is too old: propose it anew.")
    return found


def read_stored(stored: StoredChange) -> Change:
    """The change that was proposed under this identifier.

    Raises:
        NotApproved: the document is not the one that was proposed.
    """
    try:
        change = parse_change(stored.document)
    except (InvalidDocument, InvalidOfficerKey) as error:
        raise NotApproved(
            f"The change {stored.change_id} was edited after it was proposed: {error}"
        ) from error
    if change.change_id != stored.change_id:
        raise NotApproved(f"The change {stored.change_id} was edited after it was proposed.")
    return change


def _consequences(custodian: Custodian, plan: Plan, change: Change) -> Iterator[Step]:
    """The audit, and for a revoked key the end of what it signed."""
    yield _event(custodian, Kind.KEYS_CHANGED, plan, change.change_id)
    for action in change.actions:
        if isinstance(action, Revoke):
            yield from _incident(custodian, plan, action, change.change_id)


def _incident(custodian: Custodian, plan: Plan, action: Revoke, change_id: str) -> Iterator[Step]:
    context, key = custodian.context, plan.history.keys[action.kid]
    yield record(
        context,
        Kind.KEY_REVOKED,
        kid=key.kid,
        purpose=key.purpose,
        alg=key.alg,
        reason=action.reason,
        since=action.since,
        change=change_id,
    )
    if key.activated_at is not None and key.purpose in _KNOWN_PURPOSES:
        yield from incidents.revoke_signed(
            key.kid,
            key.alg,
            (Purpose(key.purpose),),
            from_at=max(action.since, key.activated_at),
            until_at=_signed_until(key, plan.at),
            reason="key_revoked",
            now=context.now,
        )


def _signed_until(key: KeyRecord, at: int) -> int:
    """When every worker had ceased to sign with a key that is revoked now: what another key signed is sound."""
    if key.retiring_at is None:
        return at + 1
    return min(at + 1, key.retiring_at + policy.PUBLISHING_SECONDS)


def _event(custodian: Custodian, kind: Kind, plan: Plan, change_id: str = "") -> Step:
    secrets = [purpose.value for purpose in plan.new_secrets]
    return record(custodian.context, kind, events=list(plan.events), secrets=secrets, change=change_id)


def _step(statement: Statement) -> Step:
    return required(statement.query, **statement.values)


async def _keep(custodian: Custodian, plan: Plan, *others: Step) -> None:
    """Keep a plan with what belongs to it; keys in hardware that are of no use are destroyed there.

    Raises:
        NothingChanged: another process changed the keys first; nothing was kept.
    """
    steps = [_step(statement) for statement in plan.statements()]
    try:
        await custodian.context.db.write(*steps, versions.changed(versions.KEYS), *others)
    except NothingChanged:
        await _destroy(custodian, plan.made_in_hardware)
        raise
    gone = plan.gone_from_hardware
    if custodian.hardware is not None and any(plan.history.keys[kid].activated_at for kid in gone):
        await asyncio.sleep(HEARD_SECONDS)
    await _destroy(custodian, gone)


@asynccontextmanager
async def _undone_in_hardware(custodian: Custodian, plan: Plan) -> AsyncIterator[None]:
    """Where a plan cannot be made to its end, the keys that it made in hardware are of no use: destroy them."""
    try:
        yield
    except BaseException:
        await _destroy(custodian, plan.made_in_hardware)
        raise


async def _clear_hardware(custodian: Custodian, ground: Ground) -> None:
    """Destroy in the module what nobody signs with any more, or ever has; while it is away, that has time."""
    useless = ground.history.useless_in_hardware(custodian.context.now) - custodian.cleared | custodian.lost
    if custodian.hardware is None or not useless:
        return
    try:
        await _destroy_among_others(custodian.hardware, useless, ground.history.living_in_hardware)
    except SignerUnavailable as error:
        logger.warning("keys that sign no more are still in the hardware module: %s", error)
    else:
        custodian.cleared.update(useless)
        custodian.lost.clear()


async def _destroy_among_others(
    hardware: Pkcs11Token, useless: frozenset[str], living: frozenset[str]
) -> None:
    """Destroy keys in a module that proves to be ours and whole: it shows all keys that are to be there.

    Raises:
        SignerUnavailable: it does not.
    """
    held = await hardware.held()
    if not living <= held:
        raise SignerUnavailable("The hardware module does not show the keys that are to be there.")
    for kid in useless & held:
        await hardware.destroy(kid)


async def _destroy(custodian: Custodian, kids: Iterable[str]) -> None:
    if custodian.hardware is None:
        return
    for kid in kids:
        try:
            await custodian.hardware.destroy(kid)
        except SignerUnavailable as error:
            custodian.lost.add(kid)
            logger.error("key %s is of no use and still in the hardware module: %s", kid, error)  # noqa: TRY400 - one sentence

"""What officers are told of a change before they sign it: what it does, to which keys, and why it may not be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from keys import policy
from keys.actions import Action, Activate, Export, Generate, Officers, Publish, Retire, Revoke, Rotation
from keys.ceremony import fingerprint, in_words, root_text
from keys.changes import Change
from keys.documents import canonical
from keys.ground import Ground
from keys.history import History, KeyRecord, is_over
from keys.policy import State


def instant(at: int | None) -> str:
    """A time (epoch seconds) in UTC; a dash for none."""
    return "-" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%SZ}"


def words(change: Change, history: History | None) -> list[str]:
    """What a change does, in lines: the document itself, and what it means for the keys as they are.

    Without `history` the document alone: of a change that has been carried out, or never will be.
    """
    lines = [
        f"for {change.installation}, made {instant(change.made_at)}, void from {instant(change.expires_at)}"
    ]
    for action in change.actions:
        lines += in_words(replace(change, actions=(action,)))
        lines += [f"  {line}" for line in (_meaning(action, history) if history else ())]
    return lines


def _meaning(action: Action, history: History) -> list[str]:
    match action:
        case Officers():
            return _new_officers(action, history)
        case Rotation() if action.certifier is not None:
            return [f"the hardware module's key {action.certifier['kid']} certifies them"]
        case Publish() | Activate() | Retire() | Export() | Revoke():
            key = history.keys.get(action.kid)
            return (
                ["there is no such key"] if key is None else [describe(key), *_effect(action, key, history)]
            )
        case _:
            return []


def _new_officers(action: Officers, history: History) -> list[str]:
    named = {officer.kid for officer in action.officers}
    return [
        *(f"new: {kid}" for kid in sorted(named - history.officers.keys())),
        *(f"no officer any more: {kid}" for kid in sorted(history.officers.keys() - named)),
    ]


def describe(key: KeyRecord) -> str:
    """A key in one line: kind, backend, state and since when."""
    since = {
        State.PENDING: key.published_at,
        State.ACTIVE: key.activated_at,
        State.RETIRING: key.retiring_at,
        State.RETIRED: key.retired_at,
        State.REVOKED: key.revoked_at,
    }[key.state]
    if key.state is State.PENDING:
        state = "pending, not published" if since is None else f"pending, published {instant(since)}"
    else:
        state = f"{key.state} since {instant(since)}"
    return f"{key.purpose} {key.alg}, {key.backend}, {state}"


def _effect(action: Action, key: KeyRecord, history: History) -> list[str]:
    active = history.active(key.kind)
    match action:
        case Activate() if active is not None:
            return [f"it takes over at once from {active.kid}, which signs no more"]
        case Retire() if key.state is State.RETIRING:
            return ["portals verify what it signed no longer, although some of that may still be valid"]
        case Revoke() if key.state is State.ACTIVE:
            return [
                f"{_successor(key, history)} signs at once",
                "what was granted in that time is revoked too",
            ]
        case _:
            return []


def _successor(key: KeyRecord, history: History) -> str:
    waiting = [one for one in history.waiting(key.kind) if not is_over(one, history.last_at)]
    if waiting and waiting[0].published_at is not None:
        return waiting[0].kid
    return "a key that portals have yet to fetch"


def hindrance(action: Action, history: History, now: int, by: int) -> str:
    """One sentence why an action cannot be done between `now` and `by`; empty if nothing is in its way.

    The key log refuses it as well (`keys.history`); this says it before anybody signs, and what to do instead.
    """
    match action:
        case Rotation():
            return _hinders_rotation(action, now, by)
        case Generate():
            return _hinders_generation(action, history)
        case Officers():
            return ""
        case _:
            key = history.keys.get(action.kid)
            return _hinders(action, key, history, (now, by)) if key else f"There is no key {action.kid}."


def _hinders_rotation(action: Rotation, now: int, by: int) -> str:
    if action.until <= by:
        return f"Rotation would be approved until {instant(action.until)} only: approve it for longer than a day."
    if action.until > now + policy.ROTATION_APPROVAL_LIFETIME:
        latest = instant(now + policy.ROTATION_APPROVAL_LIFETIME)
        return f"Rotation can be approved until {latest} at the latest."
    return ""


def _hinders_generation(action: Generate, history: History) -> str:
    known = {purpose.value: algorithms for purpose, algorithms in policy.KEYS.items()}
    if action.purpose not in known:
        return f"There are no keys for `{action.purpose}`; the purposes are {', '.join(known)}."
    if action.alg not in known[action.purpose]:
        return f"Keys for {action.purpose} are {', '.join(known[action.purpose])}, not `{action.alg}`."
    certifier = None if history.rotation is None else history.rotation.certifier
    if action.backend == policy.CERTIFIED and certifier is None:
        return "No module is approved to certify keys yet: `motcua keys rotation --backend certified` comes first."
    return ""


def _hinders(action: Action, key: KeyRecord, history: History, span: tuple[int, int]) -> str:
    match action:
        case Publish() if key.state is not State.PENDING:
            return f"The key {key.kid} is {key.state}: a pending key is published."
        case Publish() if key.published_at is not None:
            return f"The key {key.kid} was published {instant(key.published_at)}."
        case Activate():
            return _hinders_activation(key, history, *span)
        case Retire() if key.state is State.ACTIVE:
            return (
                f"The key {key.kid} signs: it retires by itself when another takes over (`motcua keys activate`);"
                " if it is in other hands, revoke it (`motcua keys revoke`)."
            )
        case Retire() if key.state not in {State.PENDING, State.RETIRING}:
            return f"The key {key.kid} is {key.state} already."
        case Revoke() if key.state is State.REVOKED:
            return f"The key {key.kid} was revoked {instant(key.revoked_at)}."
        case _:
            return ""


def _hinders_activation(key: KeyRecord, history: History, now: int, by: int) -> str:
    if key.state is not State.PENDING:
        return f"The key {key.kid} is {key.state}: a pending key is activated."
    if key.published_at is None:
        return f"The key {key.kid} is not published: `motcua keys publish` comes first."
    if is_over(key, now):
        return f"The key {key.kid} signs no more: its certificate is over."
    fetched = key.published_at + policy.FETCHED_SECONDS
    if by < fetched and history.active(key.kind) is not None:
        return f"Portals may not have fetched the key {key.kid} yet: it may sign from {instant(fetched)} on."
    return ""


def public_record(ground: Ground, kid: str, change_id: str, officers: tuple[str, ...], at: int) -> str:
    """The public record of a key, as a note signed by the key log's key (c2sp.org/signed-note).

    Raises:
        LookupError: there is no key log, or no such key in it.
    """
    signer, log = ground.note_signer, ground.log
    if signer is None or log is None:
        raise LookupError("there is no key log")
    key = ground.history.keys[kid]
    lines = [
        "Public record of a key",
        "",
        f"installation  {ground.issuer}",
        f"exported      {instant(at)}",
        f"change        {change_id}",
        *(f"officer       {officer}" for officer in officers),
        "",
        f"key           {key.kid}",
        f"purpose       {key.purpose}",
        f"algorithm     {key.alg}",
        f"backend       {key.backend}",
        f"state         {key.state}",
        *(f"{name:<13} {instant(when)}" for name, when in _times(key)),
        f"SHA-256       {fingerprint(key.jwk)}",
        f"public key    {canonical(key.jwk).decode()}",
        "",
        f"log size      {log.size}",
        f"log root      {root_text(log.root)}",
        f"log key       {signer.verifier_key}",
    ]
    return signer.sign("\n".join(lines) + "\n")


def _times(key: KeyRecord) -> list[tuple[str, int]]:
    times = {
        "generated": key.generated_at,
        "published": key.published_at,
        "activated": key.activated_at,
        "retiring": key.retiring_at,
        "retired": key.retired_at,
        "revoked": key.revoked_at,
    }
    return [(name, when) for name, when in times.items() if when is not None]

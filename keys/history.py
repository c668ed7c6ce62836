"""What the key log says: a fold over its entries that believes only what the rules allow.

An entry is a canonical document. `change` carries a change with its officers' signatures; the others are what happened
to one key, and name in `by` the change that allows it. The same rules hold for who writes an entry (`keys.lifecycle`)
and for who reads the log, so a log that breaks a rule was not written by us and is not believed at all.

| entry | allowed by a change, at once and once for each action | allowed by the standing rotation |
|---|---|---|
| `generated` | `generate`; `revoke` of an active key, where no successor is fit | no key of the kind is waiting |
| `published` | `publish`, `generate` with `publish`; as above | it waits unpublished |
| `activated` | `activate` after the cache time; the successor after `revoke` | its time has come, or none is active |
| `retired` | `retire` of a key that does not sign | its time is over, or its certificate before it signed |
| `revoked` | `revoke` | never |

One entry activates a key and retires the one before it, so there is no moment without an active key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from keys import policy
from keys.actions import Activate, Generate, Officers, Publish, Retire, Revoke, Rotation
from keys.backends.certified import verify_certificate
from keys.changes import Change, NotApproved, read_approval, read_change, verify_approvals
from keys.documents import InvalidDocument, member, number, objects, only, read_canonical, string
from keys.jose import InvalidToken
from keys.jwk import InvalidJwk, thumbprint
from keys.key_record import KeyRecord, check_serves, is_over, why_wait
from keys.officers import InvalidOfficerKey, Officer
from keys.policy import State
from keys.tiles import ENTRY_OCTETS

__all__ = ["NOBODY", "History", "InvalidHistory", "KeyRecord", "is_over", "replay"]

NOBODY: Final = ""
"""In `replaces`: no key of the kind was active."""

_LIVES: Final = frozenset({State.PENDING, State.ACTIVE})


class InvalidHistory(Exception):
    """The key log holds, or would hold, what no rule allows; one sentence. `why` is its part that names the rule."""

    def __init__(self, sentence: str, why: str | None = None) -> None:
        super().__init__(sentence)
        self.why = sentence if why is None else why


class _Refused(Exception):
    """Why an entry is not allowed."""


@dataclass(frozen=True, slots=True)
class _Successor:
    """An active key of this kind was revoked: its successor may sign at once."""

    purpose: str
    alg: str


@dataclass(frozen=True, slots=True)
class History:
    """The log up to one entry. `open_actions` are what the latest change still allows, in the second of its entry."""

    size: int = 0
    last_at: int = 0
    installation: str = ""
    officers: Mapping[str, Officer] = field(default_factory=dict, hash=False)
    rotation: Rotation | None = None
    rotation_id: str = ""
    changes: frozenset[str] = frozenset()
    latest_change: str = ""
    open_actions: tuple[object, ...] = ()
    keys: Mapping[str, KeyRecord] = field(default_factory=dict, hash=False)

    def active(self, kind: tuple[str, str]) -> KeyRecord | None:
        """The active key of a purpose and algorithm."""
        return next(
            (key for key in self.keys.values() if key.state is State.ACTIVE and key.kind == kind), None
        )

    def waiting(self, kind: tuple[str, str]) -> tuple[KeyRecord, ...]:
        """The pending keys of a purpose and algorithm, in the order in which they will sign."""
        pending = [key for key in self.keys.values() if key.state is State.PENDING and key.kind == kind]
        return tuple(sorted(pending, key=lambda key: (key.published_at is None, key.published_at or 0)))

    @property
    def living_in_hardware(self) -> frozenset[str]:
        """Keys of a hardware module that sign, or will."""
        return frozenset(key.kid for key in self._in_hardware if key.state in _LIVES)

    def useless_in_hardware(self, at: int) -> frozenset[str]:
        """Keys of a hardware module that no worker signs with any more, however late it hears of changes."""
        return frozenset(
            key.kid
            for key in self._in_hardware
            if key.state not in _LIVES
            and (key.state is not State.RETIRING or at >= (key.retiring_at or at) + policy.PUBLISHING_SECONDS)
        )

    @property
    def _in_hardware(self) -> Iterable[KeyRecord]:
        return (key for key in self.keys.values() if key.backend == "pkcs11")

    def after(self, entry: bytes) -> History:
        """The history with one more entry.

        Raises:
            InvalidHistory: no rule allows it here.
        """
        try:
            return replace(_followed(self, entry), size=self.size + 1)
        except (_Refused, InvalidDocument, InvalidOfficerKey, InvalidJwk, NotApproved) as error:
            sentence = f"Entry {self.size} of the key log is not allowed: {error}"
            raise InvalidHistory(sentence, str(error)) from error


def replay(entries: Iterable[bytes], history: History | None = None) -> History:
    """The history after all entries, from the beginning or from where `history` stands.

    Raises:
        InvalidHistory: an entry that no rule allows.
    """
    history = history or History()
    for entry in entries:
        history = history.after(entry)
    return history


def _followed(history: History, entry: bytes) -> History:
    document = read_canonical(entry)
    at, kind = number(document, "at"), string(document, "type")
    if len(entry) > ENTRY_OCTETS:
        raise _Refused(f"it has more than {ENTRY_OCTETS} octets")
    if at < history.last_at:
        raise _Refused("it is older than the entry before it")
    follow = _ENTRIES.get(kind)
    if follow is None:
        raise _Refused(f"its type `{kind}` is not known")
    return replace(follow(history, document, at), last_at=at)


def _changed(history: History, document: Mapping[str, Any], at: int) -> History:
    """A change: enough officers of this moment have signed it, it is for us, in time, and new."""
    only(document, "at", "type", "change", "approvals")
    change = read_change(member(document, "change"))
    approvals = [read_approval(approval) for approval in objects(document, "approvals")]
    officers = history.officers if history.size else _first_officers(change)
    verify_approvals(change, approvals, officers)
    if history.size and change.installation != history.installation:
        raise _Refused(f"the change is for {change.installation}")
    if change.ceremony is not None and change.ceremony.log_size != history.size:
        raise _Refused(f"the ceremony was meant for a log of {change.ceremony.log_size} entries")
    if change.change_id in history.changes:
        raise _Refused("the change was carried out before")
    if not change.made_at <= at < change.expires_at:
        raise _Refused("the change was carried out before or after its time")
    return _carried_out(history, change, at)


def _first_officers(change: Change) -> dict[str, Officer]:
    """The first entry names the first officers, who sign it themselves."""
    first = change.actions[0]
    if not isinstance(first, Officers):
        raise _Refused("the log does not begin with its officers")
    return {officer.kid: officer for officer in first.officers}


def _carried_out(history: History, change: Change, at: int) -> History:
    """What a change does by itself; the rest it allows to the entries after it."""
    history = replace(
        history,
        installation=change.installation,
        changes=history.changes | {change.change_id},
        latest_change=change.change_id,
        open_actions=change.actions,
    )
    for action in change.actions:
        if isinstance(action, Officers):
            history = replace(history, officers={officer.kid: officer for officer in action.officers})
        if isinstance(action, Rotation):
            if action.until > at + policy.ROTATION_APPROVAL_LIFETIME:
                raise _Refused("rotation is approved for too long a time")
            history = replace(history, rotation=action, rotation_id=change.change_id)
    return history


def _key(history: History, document: Mapping[str, Any]) -> KeyRecord:
    key = history.keys.get(string(document, "kid"))
    if key is None:
        raise _Refused("the key was never generated")
    return key


def _with(history: History, *keys: KeyRecord) -> History:
    return replace(history, keys={**history.keys, **{key.kid: key for key in keys}})


def _open_action(
    history: History, document: Mapping[str, Any], at: int, fits: Callable[[object], bool]
) -> object | None:
    """The open action of the latest change that allows this entry, in the second of the change."""
    if string(document, "by") != history.latest_change or at != history.last_at:
        return None
    return next((action for action in history.open_actions if fits(action)), None)


def _permission(
    history: History,
    document: Mapping[str, Any],
    at: int,
    kind: tuple[str, str],
    fits: Callable[[object], bool],
) -> object | None:
    """What allows the entry: an open action, or, as None, the standing rotation within limits yet to be looked at.

    A change that approves rotation may do more than that at once; so its own actions come first.
    """
    action = _open_action(history, document, at, fits)
    if action is None:
        _check_automatic(history, document, at, kind)
    return action


def _spent(history: History, action: object, *opened: object) -> History:
    """An action allows one entry; what else follows from it is open now."""
    rest = list(history.open_actions)
    rest.remove(action)
    return replace(history, open_actions=(*rest, *opened))


def _check_automatic(history: History, document: Mapping[str, Any], at: int, kind: tuple[str, str]) -> None:
    """The entry is one of the standing rotation, which is in force and covers the kind."""
    rotation = history.rotation
    if rotation is None or string(document, "by") != history.rotation_id:
        raise _Refused("the change that it names does not allow it now")
    if at >= rotation.until or kind[1] not in rotation.keys.get(kind[0], ()):
        raise _Refused("the approval of automatic rotation does not reach so far")


def _generated(history: History, document: Mapping[str, Any], at: int) -> History:
    only(document, "at", "type", "kid", "purpose", "alg", "jwk", "backend", "by", "certificate")
    jwk = member(document, "jwk")
    key = KeyRecord(
        certified_until=_certified(history, document, at),
        kid=string(document, "kid"),
        purpose=string(document, "purpose"),
        alg=string(document, "alg"),
        jwk=jwk,
        backend=string(document, "backend"),
        state=State.PENDING,
        generated_at=at,
    )
    if (
        key.kid in history.keys
        or thumbprint(jwk) != key.kid
        or (jwk.get("kid"), jwk.get("alg")) != (key.kid, key.alg)
    ):
        raise _Refused("its key is not a new one with its own identifier")
    check_serves(key)
    action = _permission(history, document, at, key.kind, lambda action: _generates(action, key))
    if action is None:
        _check_wanted(history, key)
    elif isinstance(action, Generate):
        history = _spent(history, action, *([Publish(key.kid)] if action.publish else []))
    return _with(history, key)


def _check_wanted(history: History, key: KeyRecord) -> None:
    """Rotation has one successor at a time, where it was approved to live."""
    if history.waiting(key.kind):
        raise _Refused("a successor is waiting already")
    if history.rotation is not None and key.backend != history.rotation.backend_of(key.kind):
        raise _Refused("the backend is not the approved one")


def _certified(history: History, document: Mapping[str, Any], at: int) -> int | None:
    """Until when the certificate of a certified key lasts; other keys have none."""
    if string(document, "backend") != policy.CERTIFIED:
        only(document, "at", "type", "kid", "purpose", "alg", "jwk", "backend", "by")
        return None
    certifier = None if history.rotation is None else history.rotation.certifier
    if certifier is None:
        raise _Refused("no module is approved to certify keys")
    try:
        certificate = verify_certificate(string(document, "certificate"), certifier, at)
    except InvalidToken as error:
        raise _Refused(f"its certificate is not one of the approved module: {error}") from error
    if (certificate.kid, certificate.purpose) != (document.get("kid"), document.get("purpose")):
        raise _Refused("its certificate is for another key or purpose")
    return certificate.not_after


def _generates(action: object, key: KeyRecord) -> bool:
    if isinstance(action, Generate):
        return (action.purpose, action.alg, action.backend) == (*key.kind, key.backend)
    return action == _Successor(*key.kind)


def _published(history: History, document: Mapping[str, Any], at: int) -> History:
    only(document, "at", "type", "kid", "by")
    key = _key(history, document)
    if key.state is not State.PENDING or key.published_at is not None:
        raise _Refused("the key is not waiting to be published")
    fitting = (Publish(key.kid), _Successor(*key.kind))
    action = _permission(history, document, at, key.kind, lambda action: action in fitting)
    if isinstance(action, Publish):
        history = _spent(history, action)
    return _with(history, replace(key, published_at=at))


def _activated(history: History, document: Mapping[str, Any], at: int) -> History:
    only(document, "at", "type", "kid", "replaces", "by")
    key, before = _key(history, document), history.active(_key(history, document).kind)
    if key.state is not State.PENDING or key.published_at is None:
        raise _Refused("the key is not published and waiting")
    if is_over(key, at):
        raise _Refused("its certificate is over")
    if document.get("replaces") != (before.kid if before else NOBODY):
        raise _Refused("the key that it replaces is not the active one")
    fitting = (Activate(key.kid), _Successor(*key.kind))
    action = _permission(history, document, at, key.kind, lambda action: action in fitting)
    if action is None:
        _check_due(history, key, before, at)
    else:
        _check_fetched(key, before, at)
        history = _spent(history, action)
    history = _with(history, replace(key, state=State.ACTIVE, activated_at=at))
    return _with(history, replace(before, state=State.RETIRING, retiring_at=at)) if before else history


def _check_due(history: History, key: KeyRecord, before: KeyRecord | None, at: int) -> None:
    reason = "" if history.rotation is None else why_wait(key, before, history.rotation, at)
    if reason:
        raise _Refused(reason)


def _check_fetched(key: KeyRecord, before: KeyRecord | None, at: int) -> None:
    """As long as another key signs, the next one waits until every portal that keeps to the cache rule has it."""
    signs = before is not None and not is_over(before, at)
    if signs and at < (key.published_at or at) + policy.FETCHED_SECONDS:
        raise _Refused("portals may not have fetched the key yet")


def _retired(history: History, document: Mapping[str, Any], at: int) -> History:
    only(document, "at", "type", "kid", "by")
    key = _key(history, document)
    if key.state not in {State.PENDING, State.RETIRING}:
        raise _Refused(f"the key is {key.state}")
    action = _permission(history, document, at, key.kind, lambda action: action == Retire(key.kid))
    if action is not None:
        history = _spent(history, action)
    elif not _is_done_with(history, key, at):
        raise _Refused("the key may yet sign, or what it signed may be about")
    return _with(history, replace(key, state=State.RETIRED, retired_at=at))


def _is_done_with(history: History, key: KeyRecord, at: int) -> bool:
    """Nothing that the key signed is good any more, or it has waited until its certificate was over."""
    if key.state is State.PENDING:
        return is_over(key, at)
    rotation = history.rotation
    return rotation is not None and at >= (key.retiring_at or at) + rotation.retiring_lifetime


def _revoked(history: History, document: Mapping[str, Any], at: int) -> History:
    only(document, "at", "type", "kid", "by")
    key = _key(history, document)
    if key.state is State.REVOKED:
        raise _Refused("the key was revoked before")
    action = _open_action(
        history, document, at, lambda action: isinstance(action, Revoke) and action.kid == key.kid
    )
    if not isinstance(action, Revoke):
        raise _Refused("the change that it names does not allow it now")
    if action.since > at:
        raise _Refused("the key was said to be in other hands from a time to come")
    successor = [_Successor(*key.kind)] if key.state is State.ACTIVE else []
    return _with(_spent(history, action, *successor), replace(key, state=State.REVOKED, revoked_at=at))


_ENTRIES: Final[Mapping[str, Callable[[History, Mapping[str, Any], int], History]]] = MappingProxyType(
    {
        "change": _changed,
        "generated": _generated,
        "published": _published,
        "activated": _activated,
        "retired": _retired,
        "revoked": _revoked,
    }
)

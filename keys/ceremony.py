"""Ceremonies: one reviewed file that officers have signed, and the record that a ceremony leaves.

The file is JSON that people read and edit before they sign: `change` is the document of `keys.changes` with its
`ceremony` member, `approvals` are the signatures under it. What is not known in it is refused, and so is a log that has
not the length that the file was written for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from keys import base64url
from keys.actions import Generate, Officers, Revoke, Rotation
from keys.changes import Approval, Change, read_approval, read_change
from keys.documents import InvalidDocument, canonical, objects, only
from keys.history import KeyRecord

LARGEST_FILE: Final = 256 * 1024
"""Octets of the longest file that is read."""


@dataclass(frozen=True, slots=True)
class CeremonyFile:
    """What stands in the file; nothing of it has been verified."""

    change: Change
    approvals: tuple[Approval, ...]

    def signed(self, approval: Approval) -> CeremonyFile:
        """The file with one more signature; a second one of the same officer takes the place of the first."""
        others = [earlier for earlier in self.approvals if earlier.officer != approval.officer]
        return replace(self, approvals=(*others, approval))

    def text(self) -> str:
        """The file as people read it."""
        document = {
            "change": self.change.document(),
            "approvals": [approval.document() for approval in self.approvals],
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_ceremony_file(text: str) -> CeremonyFile:
    """Read a file.

    Raises:
        InvalidDocument: not such a file; one sentence.
        keys.officers.InvalidOfficerKey: an officer's key in it cannot be used.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidDocument("The ceremony's file is not JSON.") from error
    if not isinstance(document, dict) or not isinstance(document.get("change"), dict):
        raise InvalidDocument("The ceremony's file has the members `change` and `approvals`.")
    only(document, "change", "approvals")
    approvals = objects(document, "approvals") if document.get("approvals") else []
    change = read_change(document["change"])
    if change.ceremony is None:
        raise InvalidDocument("The change has no member `ceremony`: title, witnesses, log_size.")
    return CeremonyFile(change, tuple(read_approval(approval) for approval in approvals))


def _instant(at: int | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def in_words(change: Change) -> list[str]:
    """What a change does, one line for each action, for the officer who reviews it."""
    return [line for action in change.actions for line in _action_in_words(action)]


def _action_in_words(action: Any) -> list[str]:
    match action:
        case Officers():
            return ["these are the officers, and nobody else:", *(f"  {one.kid}" for one in action.officers)]
        case Rotation():
            return _rotation_in_words(action)
        case Generate():
            published = "published" if action.publish else "not published yet"
            return [f"make a key: {action.purpose} {action.alg}, {action.backend}, {published}"]
        case Revoke():
            since = "as long as it has signed" if not action.since else f"since {_instant(action.since)}"
            return [f"revoke key {action.kid} ({since}): {action.reason}"]
        case _:
            return [f"{action.kind} key {action.kid}"]


def _rotation_in_words(rotation: Rotation) -> list[str]:
    return [
        f"keys rotate by themselves until {_instant(rotation.until)} ({rotation.backend}):",
        f"  each signs for {_days(rotation.active_lifetime)}",
        f"  published {_days(rotation.pending_lifetime)} before at least, {_days(rotation.retiring_lifetime)} after",
        *([] if rotation.certifier is None else [f"  certified by {rotation.certifier['kid']}"]),
        *(f"  {purpose}: {', '.join(algorithms)}" for purpose, algorithms in sorted(rotation.keys.items())),
        *(
            f"  in memory, for the module cannot make them: {purpose} {', '.join(algorithms)}"
            for purpose, algorithms in sorted(rotation.in_memory.items())
        ),
    ]


def _days(seconds: int) -> str:
    return f"{seconds / (24 * 3600):.4g} days"


def fingerprint(jwk: Mapping[str, str]) -> str:
    """SHA-256 of a public key as it is published, for comparing by eye: groups of four hexadecimal digits."""
    digits = sha256(canonical(jwk)).hexdigest()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def record(
    change: Change,
    approvals: Iterable[Approval],
    keys: Iterable[KeyRecord],
    *,
    at: int,
    versions: Mapping[str, str],
    log: Mapping[str, object],
) -> str:
    """The human-readable record of a ceremony, to be signed as a note (c2sp.org/signed-note).

    `keys` are those that it touched, `versions` what it ran on, `log` the key log after it: `size`, `root`, `key`.
    """
    ceremony = change.ceremony
    lines = [
        "Key ceremony" if ceremony is None else ceremony.title,
        "",
        f"installation  {change.installation}",
        f"carried out   {_instant(at)}",
        f"change        {change.change_id}",
        *(f"witness       {witness}" for witness in (ceremony.witnesses if ceremony else ())),
        *(f"officer       {approval.officer}" for approval in approvals),
        *(f"{name:<13} {version}" for name, version in versions.items()),
        "",
        "What was done",
        *(f"  {line}" for line in in_words(change)),
        "",
        "Keys",
        *(line for key in keys for line in _key_lines(key)),
        "",
        "Key log after it",
        *(f"  {name:<5} {value}" for name, value in log.items()),
    ]
    return "\n".join(lines) + "\n"


def _key_lines(key: KeyRecord) -> list[str]:
    return [
        f"  {key.kid}",
        f"    {key.purpose} {key.alg}, {key.backend}, {key.state}",
        f"    generated {_instant(key.generated_at)}, published {_instant(key.published_at)}",
        f"    active {_instant(key.activated_at)}",
        *([] if key.certified_until is None else [f"    certified until {_instant(key.certified_until)}"]),
        f"    SHA-256 {fingerprint(key.jwk)}",
        f"    {canonical(key.jwk).decode()}",
    ]


def root_text(root: bytes) -> str:
    """The root of a log as a record shows it."""
    return base64url.encode_text(root)

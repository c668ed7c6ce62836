"""Changes of keys: canonical documents that two officers sign before anything happens.

A change names what is to be done, for which installation, and until when it may be done. Its identifier is the hash of
its canonical spelling, so a changed byte is another change that nobody has approved. An approval is a signature over
the whole document; a change is carried out once, for its identifier stands in the key log from then on.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from keys import base64url, policy
from keys.actions import Action, read_action
from keys.documents import InvalidDocument, canonical, member, number, objects, only, read_canonical, string
from keys.officers import Officer, OfficerKey
from keys.signatures import SignatureMismatch

_CONTEXT: Final = b"motcua key change v1\n"
"""Stands before what officers sign, so that their signature under a change is never one under anything else."""

_NONCE_OCTETS: Final = 16


class NotApproved(Exception):
    """The change has not the signatures that it needs; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What a change that is carried out before witnesses says of the occasion, and of the log that it begins on."""

    title: str
    witnesses: tuple[str, ...]
    log_size: int

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Ceremony:
        """From its document."""
        only(document, "title", "witnesses", "log_size")
        witnesses = document.get("witnesses")
        if not isinstance(witnesses, list) or not all(isinstance(one, str) and one for one in witnesses):
            raise InvalidDocument("The member `witnesses` is an array of texts.")
        return cls(string(document, "title"), tuple(witnesses), number(document, "log_size"))

    def document(self) -> dict[str, object]:
        """As it stands in a change."""
        return {"title": self.title, "witnesses": list(self.witnesses), "log_size": self.log_size}


@dataclass(frozen=True, slots=True)
class Change:
    """A change as it was proposed. Times are epoch seconds; after `expires_at` it is carried out no more."""

    installation: str
    actions: tuple[Action, ...]
    nonce: str
    made_at: int
    expires_at: int
    ceremony: Ceremony | None = None

    def document(self) -> dict[str, object]:
        """What officers read and sign."""
        occasion = {} if self.ceremony is None else {"ceremony": self.ceremony.document()}
        return {
            "installation": self.installation,
            "actions": [action.document() for action in self.actions],
            "nonce": self.nonce,
            "made_at": self.made_at,
            "expires_at": self.expires_at,
            **occasion,
        }

    @property
    def change_id(self) -> str:
        """The hash of the canonical document, base64url."""
        return base64url.encode_text(sha256(canonical(self.document())).digest())


def propose(
    installation: str, actions: Iterable[Action], now: int, ceremony: Ceremony | None = None
) -> Change:
    """A new change, to be signed within `policy.CHANGE_LIFETIME`."""
    nonce = base64url.encode_text(secrets.token_bytes(_NONCE_OCTETS))
    return Change(installation, tuple(actions), nonce, now, now + policy.CHANGE_LIFETIME, ceremony)


def read_change(document: Mapping[str, Any]) -> Change:
    """A change from its document.

    Raises:
        InvalidDocument: something is missing, unknown or outside of policy.
        keys.officers.InvalidOfficerKey: an officer's key in it cannot be used.
    """
    only(document, "installation", "actions", "nonce", "made_at", "expires_at", "ceremony")
    change = Change(
        string(document, "installation"),
        tuple(read_action(action) for action in objects(document, "actions")),
        string(document, "nonce"),
        number(document, "made_at"),
        number(document, "expires_at"),
        Ceremony.read(member(document, "ceremony")) if "ceremony" in document else None,
    )
    if change.document() != document:
        raise InvalidDocument("A member of the change is not spelled as it is understood.")
    if not change.made_at < change.expires_at <= change.made_at + policy.CHANGE_LIFETIME:
        raise InvalidDocument(f"A change may be carried out within {policy.CHANGE_LIFETIME} seconds.")
    return change


def parse_change(octets: bytes) -> Change:
    """A change from the octets that officers signed.

    Raises:
        InvalidDocument, keys.officers.InvalidOfficerKey: as `read_change`, or not in the canonical spelling.
    """
    return read_change(read_canonical(octets))


@dataclass(frozen=True, slots=True)
class Approval:
    """One officer's signature under a change. Nothing in it has been verified."""

    officer: str
    signature: str

    def document(self) -> dict[str, object]:
        """As it stands in the key log."""
        return {"officer": self.officer, "signature": self.signature}


def signed_octets(change: Change) -> bytes:
    """What an officer's signature is over."""
    return _CONTEXT + canonical(change.document())


def approve(change: Change, key: OfficerKey) -> Approval:
    """An officer's approval."""
    return Approval(key.officer.kid, base64url.encode_text(key.sign(signed_octets(change))))


def read_approval(document: Mapping[str, Any]) -> Approval:
    """An approval from its document.

    Raises:
        InvalidDocument: something is missing or unknown.
    """
    only(document, "officer", "signature")
    return Approval(string(document, "officer"), string(document, "signature"))


def verify_approval(change: Change, approval: Approval, officers: Mapping[str, Officer]) -> Officer:
    """The officer whose signature this is.

    Raises:
        NotApproved: no officer of this installation, or not a signature of theirs under this change.
    """
    officer = officers.get(approval.officer)
    if officer is None:
        raise NotApproved(f"{approval.officer} is not an officer of this installation.")
    try:
        officer.verify(base64url.decode(approval.signature), signed_octets(change))
    except (SignatureMismatch, ValueError) as error:
        raise NotApproved(f"The signature of {approval.officer} is not one under this change.") from error
    return officer


def verify_approvals(change: Change, approvals: Iterable[Approval], officers: Mapping[str, Officer]) -> None:
    """Return if enough different officers have signed the change.

    Raises:
        NotApproved: a signature that is none, or too few officers; one who signs twice counts once.
    """
    signed = {verify_approval(change, approval, officers).kid for approval in approvals}
    if len(signed) < policy.QUORUM:
        raise NotApproved(
            f"A change needs the signatures of {policy.QUORUM} different officers; it has {len(signed)}."
        )


def valid_approvals(
    change: Change, approvals: Iterable[Approval], officers: Mapping[str, Officer]
) -> tuple[Approval, ...]:
    """Those of the approvals that count: of an officer of now, under this change."""
    return tuple(approval for approval in approvals if _is_valid(change, approval, officers))


def _is_valid(change: Change, approval: Approval, officers: Mapping[str, Officer]) -> bool:
    try:
        verify_approval(change, approval, officers)
    except NotApproved:
        return False
    return True

"""Signed notes (c2sp.org/signed-note) with Ed25519, and the checkpoints of a log (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keys.merkle import HASH_OCTETS

LOG_PATH: Final = "/.well-known/key-log"
"""Where an installation serves its key log."""

NOTE_CHARACTERS: Final = 256 * 1024
"""The longest note that is read: room for more than 16 signatures, also of post-quantum keys (signed-note, Format)."""

_ED25519: Final = b"\x01"
_KEY_OCTETS: Final = 32
_ID_OCTETS: Final = 4
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")
_KEY_ID: Final = re.compile(r"[0-9a-f]{8}")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class InvalidNote(ValueError):
    """Not a note of this signer; one sentence for our log."""


def log_origin(issuer: str) -> str:
    """The origin of an installation's key log, also the name of its note key: the log's address without scheme."""
    return issuer.partition("://")[2] + LOG_PATH


def _spell(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _read_base64(text: str) -> bytes:
    """The octets that `text` is the one spelling of (RFC 4648 §4)."""
    try:
        octets = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidNote("A part of the note is not base64.") from error
    if _spell(octets) != text:
        raise InvalidNote("A part of the note is not the canonical spelling of base64.")
    return octets


def _check_name(name: str) -> None:
    """A key name is not empty and has neither spaces nor a plus sign (signed-note, Format)."""
    if not name or "+" in name or any(one.isspace() for one in name) or _CONTROL.search(name):
        raise InvalidNote(
            "The name of a note key is empty, or has a space, a plus sign or a control character."
        )


def _key_id(name: str, key: bytes) -> bytes:
    """The key's identifier (signed-note, Ed25519 signatures)."""
    return sha256(name.encode() + b"\n" + _ED25519 + key).digest()[:_ID_OCTETS]


def _check_text(text: str) -> bytes:
    """The text as it is signed."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise InvalidNote("The text does not end with a newline, or has a control character.")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidNote("The text is not Unicode.") from error


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """The public key of one signer of notes."""

    name: str
    key: bytes

    @classmethod
    def read(cls, verifier_key: str) -> NoteVerifier:
        """Read a verifier key: name, identifier and key, joined by plus signs (signed-note, Verifier keys).

        Raises:
            InvalidNote: another shape, another kind of key, or an identifier that is not this key's.
        """
        parts = verifier_key.split("+", 2)  # base64 may have plus signs too
        if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
            raise InvalidNote("A verifier key is a name, eight hexadecimal digits and base64, joined by +.")
        name, spelled_id, spelled_key = parts
        _check_name(name)
        typed = _read_base64(spelled_key)
        if typed[:1] != _ED25519 or len(typed) != 1 + _KEY_OCTETS:
            raise InvalidNote("The verifier key is not one of Ed25519.")
        if _key_id(name, typed[1:]).hex() != spelled_id:
            raise InvalidNote("The verifier key's identifier is not its key's.")
        return cls(name, typed[1:])

    @property
    def verifier_key(self) -> str:
        """The spelling that `read` reads."""
        return f"{self.name}+{_key_id(self.name, self.key).hex()}+{_spell(_ED25519 + self.key)}"

    def verify(self, note: str) -> str:
        """The text of a note that this key has signed; signatures of other keys count neither way.

        Raises:
            InvalidNote: not a note, no signature of this key, or one that does not fit.
        """
        text, signatures = _take_apart(note)
        signed, own_id = _check_text(text), _key_id(self.name, self.key)
        own = [
            made[_ID_OCTETS:] for name, made in signatures if (name, made[:_ID_OCTETS]) == (self.name, own_id)
        ]
        if not own:
            raise InvalidNote("The note has no signature of this key.")
        public_key = Ed25519PublicKey.from_public_bytes(self.key)
        try:
            for signature in own:
                public_key.verify(signature, signed)
        except InvalidSignature as error:
            raise InvalidNote("The note's signature does not fit.") from error
        return text


def _take_apart(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note, and its signatures with the names of their keys (signed-note, Format)."""
    if len(note) > NOTE_CHARACTERS:
        raise InvalidNote("The note is too long.")
    if _CONTROL.search(note):
        raise InvalidNote("The note has a control character.")
    head, blank, tail = note.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise InvalidNote("The note has no text, no signature, or no newline at its end.")
    signatures = []
    for line in tail[:-1].split("\n"):
        found = _SIGNATURE.fullmatch(line)
        if found is None:
            raise InvalidNote("A line of the note is not a signature.")
        signatures.append((found[1], _read_base64(found[2])))
    if any(len(made) <= _ID_OCTETS for _, made in signatures):
        raise InvalidNote("A signature of the note is too short.")
    return head + "\n", signatures


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key that signs notes under its name."""

    name: str
    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, name: str, seed: bytes) -> NoteSigner:
        """The signer whose key follows from 32 secret octets (RFC 8032 §5.1.5).

        Raises:
            InvalidNote: not a name for a key.
            ValueError: the seed does not have 32 octets.
        """
        _check_name(name)
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def verifier(self) -> NoteVerifier:
        """The public key."""
        return NoteVerifier(self.name, self._key.public_key().public_bytes_raw())

    @property
    def verifier_key(self) -> str:
        """The public key as readers of the log are given it, to be pinned."""
        return self.verifier.verifier_key

    def sign(self, text: str) -> str:
        """The note of a text, which ends with a newline.

        Raises:
            InvalidNote: no newline at the end, or a control character.
        """
        signature = self._key.sign(_check_text(text))
        return f"{text}\n— {self.name} {_spell(_key_id(self.name, self.verifier.key) + signature)}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits itself to: all its entries, in their order (tlog-checkpoint, Note text)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_spell(self.root)}\n"

    @classmethod
    def read(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint; extension lines say nothing that anybody could check, and are passed over.

        Raises:
            InvalidNote: another shape.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise InvalidNote("A checkpoint has at least three lines, none of them empty.")
        origin, size, spelled_root = lines[:3]
        if not _SIZE.fullmatch(size):
            raise InvalidNote("The size in the checkpoint is not a number.")
        read = cls(origin, int(size), _read_base64(spelled_root))
        if len(read.root) != HASH_OCTETS:
            raise InvalidNote(f"The root in the checkpoint does not have {HASH_OCTETS} octets.")
        return read


def open_checkpoint(note: str, verifier: NoteVerifier) -> Checkpoint:
    """The checkpoint in a note that the log itself has signed.

    Raises:
        InvalidNote: anything else, among it the checkpoint of another log.
    """
    checkpoint = Checkpoint.read(verifier.verify(note))
    if checkpoint.origin != verifier.name:
        raise InvalidNote("The checkpoint is one of another log.")
    return checkpoint

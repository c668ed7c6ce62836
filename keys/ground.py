"""What stands in the database of keys, read and proven: the ground on which a keyring and every change stand.

The key log is the truth. Its checkpoint proves its entries, its entries prove themselves (`keys.history`), and a row of
`signing_keys` counts only if the log says the same of it. A row that was put there or edited by hand is refused: it
signs nothing, verifies nothing and is not published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from keys import seal, store
from keys.changes import read_change
from keys.documents import InvalidDocument, member, read_canonical
from keys.history import History, KeyRecord, replay
from keys.key_log import InvalidLog, KeyLog
from keys.notes import NoteSigner, log_origin
from keys.officers import InvalidOfficerKey
from keys.policy import SecretPurpose, State
from keys.seal import KeyEncryptionKey, SealBroken
from keys.sealed import SECRET, SealedValue, reseal
from keys.store import Database, Statement, StoredKey, StoredLog, StoredSecret

_TRIES: Final = 5
_NEEDS_ITS_ROW: Final = frozenset({State.PENDING, State.ACTIVE})


class HardwareMissing(Exception):
    """A key lives, or shall live, in a hardware module, and none is configured; one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Proven keys, secrets and their log at one moment.

    `refused` has a sentence for every row that the log does not vouch for, and for every key or secret that has lost
    its row.
    `log` and `note_signer` are None before the first ceremony.
    """

    issuer: str
    keys: tuple[StoredKey, ...]
    refused: tuple[str, ...]
    secrets: tuple[StoredSecret, ...]
    history: History
    log: KeyLog | None
    note_signer: NoteSigner | None = field(repr=False)
    refused_rows: tuple[StoredKey, ...] = field(default=(), repr=False)
    """Rows that stand in the table, and in the way, although nothing is believed of them."""

    @property
    def entries(self) -> tuple[bytes, ...]:
        """The entries of the log."""
        return () if self.log is None else self.log.entries

    def in_use(self, kek: KeyEncryptionKey) -> KeyEncryptionKey:
        """The key-encryption key that new values are sealed under: the one that sealed the secret of the key log."""
        secret = _log_secret(self.secrets)
        return kek if secret is None else kek.that_sealed(secret.sealed)

    def sealed_as_read(self) -> tuple[Statement, ...]:
        """What undoes a write if all was sealed anew under another key-encryption key since this was read.

        Without it a process that read the former key from its file a moment ago would leave a value behind that
        nothing opens any more.
        """
        secret = _log_secret(self.secrets)
        if secret is None:
            return ()
        value = SealedValue(SECRET, secret.purpose.value, secret.sealed)
        return (reseal(value, value.sealed),)


async def load_ground(
    db: Database, kek: KeyEncryptionKey, issuer: str, before: Ground | None = None
) -> Ground:
    """Read keys, secrets and log, and prove them. `before` is what was read last: the log must continue it.

    Raises:
        keys.key_log.InvalidLog: the log is not what its key has signed, or not a continuation.
        keys.history.InvalidHistory: the log holds what no rule allows.
        SealBroken: the secrets were sealed under another key-encryption key.
    """
    log, keys, secrets = await _read_at_rest(db)
    for secret in secrets:
        open_secret(secret, kek)  # a wrong key-encryption key is told at once, and as such
    signer = _note_signer(secrets, kek, issuer)
    proven = _prove(log, signer, issuer)
    history = _follow(proven, before)
    wrong = {key.kid: _difference(key, history.keys.get(key.kid), kek) for key in keys}
    return Ground(
        issuer,
        tuple(key for key in keys if wrong[key.kid] is None),
        (
            *(_refusal(key, wrong[key.kid]) for key in keys if wrong[key.kid]),
            *_lost(history, keys),
            *_lost_secrets(proven, secrets),
        ),
        tuple(secrets),
        history,
        proven,
        signer,
        tuple(key for key in keys if wrong[key.kid]),
    )


async def _read_at_rest(db: Database) -> tuple[StoredLog, list[StoredKey], list[StoredSecret]]:
    """Log and rows that belong together: read again while changes come in between."""
    for _ in range(_TRIES):
        log = await store.find_log(db)
        keys, secrets = await store.find_keys(db), await store.find_secrets(db)
        if await store.find_log_size(db) == len(log.entries):
            return log, keys, secrets
    raise InvalidLog("The key log changes faster than it can be read.")


def open_secret(secret: StoredSecret, kek: KeyEncryptionKey) -> bytes:
    """The 256 bits of a secret.

    Raises:
        SealBroken: sealed under another key-encryption key, or changed.
    """
    return kek.unseal(secret.sealed, purpose=SECRET, name=secret.purpose.value)


def seal_secret(purpose: SecretPurpose, value: bytes, kek: KeyEncryptionKey) -> StoredSecret:
    """A secret as it is kept."""
    return StoredSecret(purpose, kek.seal(value, purpose=SECRET, name=purpose.value))


def note_signer(secret: bytes, issuer: str) -> NoteSigner:
    """The key of an installation's log, which follows from the secret of `SecretPurpose.KEY_LOG`."""
    return NoteSigner.of(log_origin(issuer), seal.derive(secret, b"key log note"))


def _note_signer(secrets: Sequence[StoredSecret], kek: KeyEncryptionKey, issuer: str) -> NoteSigner | None:
    found = _log_secret(secrets)
    return None if found is None else note_signer(open_secret(found, kek), issuer)


def _log_secret(secrets: Sequence[StoredSecret]) -> StoredSecret | None:
    return next((secret for secret in secrets if secret.purpose is SecretPurpose.KEY_LOG), None)


def _prove(log: StoredLog, signer: NoteSigner | None, issuer: str) -> KeyLog | None:
    if not log.entries:
        if signer is not None:  # its secret is made with its first entry
            raise InvalidLog("The key log was begun and is empty now: restore the table key_log.")
        return None
    installation = _installation(log.entries[0])
    if installation != issuer:
        raise InvalidLog(
            f"The keys in the database are those of {installation}, not of {issuer} (IDP_ISSUER)."
        )
    if signer is None:
        raise InvalidLog("The secret of the key log is missing: restore the table sealed_secrets.")
    return KeyLog.verified(log.entries, log.checkpoint, signer.verifier)


def _installation(first: bytes) -> str:
    try:
        return read_change(member(read_canonical(first), "change")).installation
    except (InvalidDocument, InvalidOfficerKey) as error:
        raise InvalidLog("The key log does not begin with its officers.") from error


def _follow(log: KeyLog | None, before: Ground | None) -> History:
    """The history of the log, from where it was followed before."""
    entries = () if log is None else log.entries
    if before is None:
        return replay(entries)
    if entries[: before.history.size] != before.entries:
        raise InvalidLog("The key log was shortened or rewritten since it was read last.")
    return replay(entries[before.history.size :], before.history)


def _difference(key: StoredKey, record: KeyRecord | None, kek: KeyEncryptionKey) -> str | None:
    """What in a row is not as the log says; None if all is."""
    if record is None:
        return "its making is not in the key log"
    said = {
        "purpose": record.purpose,
        "algorithm": record.alg,
        "backend": record.backend,
        "state": record.state,
        "published_at": record.published_at,
        "activated_at": record.activated_at,
        "retiring_at": record.retiring_at,
    }
    differing = [name for name, value in said.items() if getattr(key, name) != value]
    if _parsed(key.public_jwk) != record.jwk:
        differing.append("public_jwk")
    if differing:
        return f"its {', '.join(differing)} is not what the key log says"
    return None if _opens(key, kek) else "its private half is gone, or was changed after it was sealed"


def _parsed(text: str) -> object:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _opens(key: StoredKey, kek: KeyEncryptionKey) -> bool:
    if key.sealed_private_key is None:
        return key.backend == "pkcs11" or key.state not in _NEEDS_ITS_ROW
    try:
        open_private(key, kek)
    except SealBroken:
        return False
    return True


def open_private(key: StoredKey, kek: KeyEncryptionKey) -> bytes:
    """The private half of a key in PKCS #8.

    Raises:
        SealBroken: sealed under another key-encryption key, or changed.
    """
    return kek.unseal(key.sealed_private_key or b"", purpose=key.purpose.value, name=key.kid)


def _refusal(key: StoredKey, wrong: str | None) -> str:
    return f"The key {key.kid} ({key.purpose}, {key.algorithm}, {key.state}) is refused: {wrong}."


def _lost(history: History, keys: Sequence[StoredKey]) -> list[str]:
    there = {key.kid for key in keys}
    return [
        f"The key {record.kid} ({record.purpose}, {record.alg}, {record.state}) has lost its row."
        for record in history.keys.values()
        if record.state in _NEEDS_ITS_ROW and record.kid not in there
        if store.is_known(record.purpose, record.alg)
    ]


def _lost_secrets(log: KeyLog | None, secrets: Sequence[StoredSecret]) -> list[str]:
    """All secrets are made in the first ceremony. Another in the place of a lost one would change every `sub`."""
    there = {secret.purpose for secret in secrets}
    return [
        f"The secret {purpose} has lost its row: restore the table sealed_secrets."
        for purpose in SecretPurpose
        if log is not None and purpose not in there
    ]

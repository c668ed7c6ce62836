"""The life of keys: an installation gets the keys and secrets that policy demands of it."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

import orjson

from keys import policy, store
from keys.backends.software import SoftwareSigner
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey, SealBroken
from keys.store import Database, StoredKey, StoredSecret


@dataclass(frozen=True, slots=True)
class Established:
    """What `establish` made; empty when everything was there."""

    kids: tuple[str, ...]
    secrets: tuple[SecretPurpose, ...]


def _check_kek(keys: list[StoredKey], kept: list[StoredSecret], kek: KeyEncryptionKey) -> None:
    sealed = [key.sealed_private_key for key in keys if key.sealed_private_key is not None]
    if not all(kek.sealed(value) for value in [*sealed, *(secret.sealed for secret in kept)]):
        raise SealBroken("The keys of this installation were sealed under another key-encryption key.")


def _new_key(purpose: Purpose, alg: str, kek: KeyEncryptionKey, now: int) -> StoredKey:
    signer = SoftwareSigner.generate(alg)
    return StoredKey(
        kid=signer.kid,
        purpose=purpose,
        algorithm=alg,
        state=State.ACTIVE,
        public_jwk=orjson.dumps(signer.public_jwk()).decode(),
        sealed_private_key=kek.seal(signer.to_pkcs8(), purpose=purpose.value, name=signer.kid),
        created_at=now,
        activated_at=now,
    )


def _new_secret(purpose: SecretPurpose, kek: KeyEncryptionKey) -> StoredSecret:
    return StoredSecret(purpose, kek.seal(secrets.token_bytes(32), purpose="secret", name=purpose.value))


async def establish(db: Database, kek: KeyEncryptionKey, now: int) -> Established:
    """Make the active keys and the secrets that policy demands and that are missing. `now` is in epoch seconds.

    Safe to repeat and to run in several processes at once: the database keeps the first active key of a purpose and
    algorithm, and later ones are thrown away unused. A key made here signs at once: there is none before it that
    portals could still be using.

    Raises:
        SealBroken: what is there was sealed under another key-encryption key; nothing is made then.
    """
    keys, kept = await store.find_keys(db), await store.find_secrets(db)
    _check_kek(keys, kept, kek)
    active = {(key.purpose, key.algorithm) for key in keys if key.state is State.ACTIVE}
    missing = [
        (purpose, alg)
        for purpose, algorithms in policy.SIGNING_KEYS.items()
        for alg in algorithms
        if (purpose, alg) not in active
    ]
    kids = []
    for purpose, alg in missing:
        key = await asyncio.to_thread(_new_key, purpose, alg, kek, now)
        if await store.keep_active_key(db, key, now):
            kids.append(key.kid)
    there = {secret.purpose for secret in kept}
    made = [
        purpose
        for purpose in SecretPurpose
        if purpose not in there and await store.keep_secret(db, _new_secret(purpose, kek), now)
    ]
    return Established(tuple(kids), tuple(made))

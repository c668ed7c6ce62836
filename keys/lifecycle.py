"""The life of keys: an installation gets the keys and secrets that policy demands of it.

Nothing is kept here: whoever asked keeps the statements, in one write with what else belongs to it.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

import orjson

from keys import policy, store
from keys.backends.software import SoftwareSigner
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey, SealBroken
from keys.store import Database, Statement, StoredKey, StoredSecret


@dataclass(frozen=True, slots=True)
class Made:
    """Fresh keys and secrets that are not kept yet; empty when everything was there.

    `kept` are the inserts that keep them. They belong into one write, each required: one that touches nothing means
    that another process was first, and nothing of this may be kept.
    """

    kids: tuple[str, ...]
    secrets: tuple[SecretPurpose, ...]
    kept: tuple[Statement, ...]


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


async def make_missing(db: Database, kek: KeyEncryptionKey, now: int) -> Made:
    """The active keys and the secrets that policy demands and that are missing, made anew. `now` is in epoch seconds.

    A key made here signs at once: there is none before it that portals could still be using.

    Raises:
        SealBroken: what is there was sealed under another key-encryption key; nothing is made then.
    """
    keys, secrets_there = await store.find_keys(db), await store.find_secrets(db)
    _check_kek(keys, secrets_there, kek)
    active = {(key.purpose, key.algorithm) for key in keys if key.state is State.ACTIVE}
    fresh_keys = [
        await asyncio.to_thread(_new_key, purpose, alg, kek, now)
        for purpose, algorithms in policy.SIGNING_KEYS.items()
        for alg in algorithms
        if (purpose, alg) not in active
    ]
    there = {secret.purpose for secret in secrets_there}
    fresh_secrets = [_new_secret(purpose, kek) for purpose in SecretPurpose if purpose not in there]
    return Made(
        tuple(key.kid for key in fresh_keys),
        tuple(secret.purpose for secret in fresh_secrets),
        (
            *(store.keep_active_key(key, now) for key in fresh_keys),
            *(store.keep_secret(secret, now) for secret in fresh_secrets),
        ),
    )

"""The keys in use: an immutable snapshot that a worker signs, verifies, digests and seals with.

A change of keys is a new snapshot (`refresh_keyring`); whatever the old one remembered goes with it.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from keys import base64url, policy, seal, store
from keys.backends.software import SoftwareSigner
from keys.jose import InvalidToken, Signer, encode, read_claims, read_compact, verify_with
from keys.jwk import read_own_jwk
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey
from keys.signatures import PublicKey
from keys.store import Database, StoredKey, StoredSecret


class NoActiveKey(LookupError):
    """There is no active key of this purpose and algorithm; `motcua keys generate` makes it."""


@dataclass(frozen=True, slots=True)
class PreparedJwks:
    """The key set of `jwks_uri`, ready to be sent."""

    body: bytes
    etag: str
    """Strong entity tag with its quotes (RFC 9110 §8.8.3)."""
    max_age: int
    """Seconds that a portal may keep it."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of ours, of any state, with what its signatures are checked by."""

    purpose: Purpose
    alg: str
    state: State
    public_key: PublicKey


@dataclass(frozen=True, slots=True)
class _Secret:
    digest_key: bytes
    seal_key: bytes


_JWKS_ORDER: Final = {State.ACTIVE: 0, State.PENDING: 1, State.RETIRING: 2}


def _state_at(key: StoredKey, now: int) -> State:
    """The state that counts: a retiring key whose time is over is retired, even if no job has written that down."""
    overdue = key.retiring_at is not None and key.retiring_at + policy.RETIRING_LIFETIME <= now
    return State.RETIRED if key.state is State.RETIRING and overdue else key.state


def _published(keys: Sequence[tuple[StoredKey, State]], purposes: Sequence[Purpose]) -> dict[str, Any]:
    """The public keys of some purposes as a JWK Set; the active ones stand first (RFC 7517 §5)."""
    shown = [pair for pair in keys if pair[0].purpose in purposes and pair[1] in _JWKS_ORDER]
    shown.sort(key=lambda pair: (_JWKS_ORDER[pair[1]], purposes.index(pair[0].purpose), pair[0].algorithm))
    return {"keys": [orjson.loads(key.public_jwk) for key, _ in shown]}


def _prepare(document: Mapping[str, Any]) -> PreparedJwks:
    body = orjson.dumps(document)
    etag = f'"{base64url.encode_text(sha256(body).digest()[:16])}"'
    return PreparedJwks(body, etag, policy.JWKS_CACHE_SECONDS)


class Keyring:
    """Signers, verification keys and secrets at one moment; `load_keyring` makes it."""

    __slots__ = ("_jwks", "_keys", "_secrets", "_signers", "_stored", "_verified", "states")

    def __init__(
        self, keys: Sequence[StoredKey], secrets: Sequence[StoredSecret], kek: KeyEncryptionKey, now: int
    ) -> None:
        """Open what was stored.

        Raises:
            keys.seal.SealBroken: sealed under another key-encryption key, or changed.
        """
        self.states: tuple[tuple[str, str], ...] = tuple(sorted((key.kid, key.state.value) for key in keys))
        self._stored = [(key, _state_at(key, now)) for key in keys]
        self._signers: dict[tuple[Purpose, str], Signer] = {
            (key.purpose, key.algorithm): _open_key(key, kek) for key in keys if key.state is State.ACTIVE
        }
        self._keys = {
            key.kid: OwnKey(key.purpose, key.algorithm, state, read_own_jwk(orjson.loads(key.public_jwk)))
            for key, state in self._stored
        }
        self._secrets = {secret.purpose: _open_secret(secret, kek) for secret in secrets}
        self._jwks = _prepare(_published(self._stored, policy.PUBLISHED_PURPOSES))
        self._verified: OrderedDict[tuple[Purpose, bytes], bytes] = OrderedDict()

    def signer(self, purpose: Purpose, alg: str = policy.DEFAULT_ALGORITHM) -> Signer:
        """The one active key of a purpose and algorithm.

        Raises:
            NoActiveKey: there is none, whatever other keys there are.
        """
        signer = self._signers.get((policy.key_purpose(purpose), alg))
        if signer is None:
            raise NoActiveKey(f"no active key for {purpose} with {alg}")
        return signer

    async def issue(
        self, purpose: Purpose, claims: Mapping[str, object], alg: str = policy.DEFAULT_ALGORITHM
    ) -> str:
        """Sign claims as a token of this purpose, with its `typ` (RFC 8725 §3.11).

        Raises:
            NoActiveKey: as `signer`.
            SignerUnavailable: the module that holds the key does not answer.
        """
        return await encode(self.signer(purpose, alg), claims, policy.TOKEN_TYPES[purpose])

    def jwks(self) -> PreparedJwks:
        """The key set of `jwks_uri`."""
        return self._jwks

    def public_jwks(self, purpose: Purpose) -> dict[str, Any]:
        """The public keys of one purpose as a JWK Set: for the entity configuration, for auditors."""
        return _published(self._stored, (policy.key_purpose(purpose),))

    def find_key(self, kid: str) -> OwnKey | None:
        """The key of an identifier, also one that nothing is believed of any more."""
        return self._keys.get(kid)

    def verify_own(self, token: str, *, purpose: Purpose) -> dict[str, Any]:
        """The claims of a token that we signed for this purpose; its times and audience are the caller's to check.

        Raises:
            InvalidToken: everything else, among it tokens of other purposes and of revoked keys.
        """
        seen = (purpose, sha256(token.encode("utf-8", "surrogatepass")).digest())
        payload = self._verified.get(seen)
        if payload is not None:
            self._verified.move_to_end(seen)
            return read_claims(payload)
        payload = self._verify(token, purpose)
        claims = read_claims(payload)
        self._remember(seen, payload)
        return claims

    def _verify(self, token: str, purpose: Purpose) -> bytes:
        compact = read_compact(token)
        key = None if compact.kid is None else self._keys.get(compact.kid)
        if key is None:
            raise InvalidToken("The token is not of a key of ours.")
        if key.purpose is not policy.key_purpose(purpose):
            raise InvalidToken(f"The token was signed for {key.purpose}, not for {purpose}.")
        if key.state not in policy.states_that_verify(purpose):
            raise InvalidToken(f"The token's key is {key.state}.")
        return verify_with(compact, key.public_key, key.alg, policy.TOKEN_TYPES[purpose])

    def _remember(self, seen: tuple[Purpose, bytes], payload: bytes) -> None:
        self._verified[seen] = payload
        if len(self._verified) > policy.VERIFIED_TOKENS:
            self._verified.popitem(last=False)

    def _secret(self, purpose: str) -> _Secret:
        secret = self._secrets.get(SecretPurpose(purpose))
        if secret is None:
            raise NoActiveKey(f"no secret for {purpose}")
        return secret

    def digest(self, purpose: str, value: bytes) -> bytes:
        """HMAC-SHA256 under the secret of a `SecretPurpose`: 32 octets.

        Raises:
            NoActiveKey: the secret has not been made.
            ValueError: not a `SecretPurpose`.
        """
        return hmac.digest(self._secret(purpose).digest_key, value, "sha256")

    def seal(self, purpose: str, plaintext: bytes, aad: bytes = b"") -> bytes:
        """Seal under the secret of a `SecretPurpose`; `aad` says where the value belongs.

        Raises:
            NoActiveKey, ValueError: as `digest`.
        """
        return seal.seal_under(self._secret(purpose).seal_key, plaintext, aad=aad)

    def unseal(self, purpose: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """What `seal` sealed for the same purpose and place.

        Raises:
            keys.seal.SealBroken: it was changed or belongs elsewhere.
            NoActiveKey, ValueError: as `digest`.
        """
        return seal.unseal_under(self._secret(purpose).seal_key, sealed, aad=aad)


def _open_key(key: StoredKey, kek: KeyEncryptionKey) -> Signer:
    sealed = key.sealed_private_key or b""
    return SoftwareSigner.load(key.algorithm, kek.unseal(sealed, purpose=key.purpose.value, name=key.kid))


def _open_secret(secret: StoredSecret, kek: KeyEncryptionKey) -> _Secret:
    opened = kek.unseal(secret.sealed, purpose="secret", name=secret.purpose.value)
    return _Secret(seal.derive(opened, b"digest"), seal.derive(opened, b"seal"))


async def load_keyring(db: Database, kek: KeyEncryptionKey, now: int) -> Keyring:
    """Read all keys and secrets, and open those that sign or seal. `now` is in epoch seconds.

    Raises:
        keys.seal.SealBroken: sealed under another key-encryption key, or changed.
    """
    return Keyring(await store.find_keys(db), await store.find_secrets(db), kek, now)


async def refresh_keyring(db: Database, kek: KeyEncryptionKey, keyring: Keyring, now: int) -> Keyring:
    """The same keyring if no key has changed since it was loaded, else a new one: one small statement to ask.

    Raises:
        keys.seal.SealBroken: as `load_keyring`.
    """
    if await store.find_states(db) == keyring.states:
        return keyring
    return await load_keyring(db, kek, now)

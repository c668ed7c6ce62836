"""The keys in use: an immutable snapshot that a worker signs, verifies, digests and seals with.

A change of keys is a new snapshot (`refresh_keyring`); whatever the old one remembered goes with it.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from keys import base64url, policy, seal, store
from keys.backends.software import SoftwareSigner
from keys.encryption import DecryptionKey, read_envelope
from keys.ground import Ground, HardwareMissing, load_ground, open_private, open_secret
from keys.history import History
from keys.jose import InvalidToken, Signer, encode, read_claims, read_compact, verify_with
from keys.jwk import read_own_jwk
from keys.key_log import KeyLog
from keys.lint import lint
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey
from keys.signatures import PublicKey
from keys.store import Database, StoredKey, StoredSecret

if TYPE_CHECKING:
    from keys.backends.pkcs11 import Pkcs11Token  # its library is loaded where a module is configured only


class NoActiveKey(LookupError):
    """There is no active key of this purpose and algorithm; officers' ceremony makes it."""


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

_OPENING: Final = frozenset({State.ACTIVE, State.RETIRING})
"""States in which an encryption key opens tokens: a sender may have kept the key set for a while."""


def _state_at(key: StoredKey, history: History, now: int) -> State:
    """The state that counts: a retiring key whose time is over is retired, even if no job has written that down."""
    lifetime = policy.RETIRING_LIFETIME if history.rotation is None else history.rotation.retiring_lifetime
    overdue = key.retiring_at is not None and key.retiring_at + lifetime <= now
    return State.RETIRED if key.state is State.RETIRING and overdue else key.state


def _certified_until(key: StoredKey, history: History) -> int | None:
    record = history.keys.get(key.kid)
    return None if record is None else record.certified_until


def _is_shown(key: StoredKey, state: State) -> bool:
    """Whether a key stands in the key set. Of encryption keys only the active one does: nobody shall use another."""
    if key.purpose is Purpose.ENCRYPTION:
        return state is State.ACTIVE
    return state in _JWKS_ORDER and key.published_at is not None


def _published(keys: Sequence[tuple[StoredKey, State]], purposes: Sequence[Purpose]) -> dict[str, Any]:
    """The public keys of some purposes as a JWK Set; the active ones stand first (RFC 7517 §5)."""
    shown = [pair for pair in keys if pair[0].purpose in purposes and _is_shown(*pair)]
    shown.sort(key=lambda pair: (_JWKS_ORDER[pair[1]], purposes.index(pair[0].purpose), pair[0].algorithm))
    return {"keys": [orjson.loads(key.public_jwk) for key, _ in shown]}


def _prepare(document: Mapping[str, Any]) -> PreparedJwks:
    body = orjson.dumps(document)
    etag = f'"{base64url.encode_text(sha256(body).digest()[:16])}"'
    return PreparedJwks(body, etag, policy.JWKS_CACHE_SECONDS)


class Keyring:
    """Signers, verification keys and secrets at one moment; `load_keyring` makes it."""

    __slots__ = (
        "_decryption_keys",
        "_jwks",
        "_keys",
        "_secrets",
        "_signers",
        "_signs_until",
        "_stored",
        "_verified",
        "ground",
    )

    def __init__(
        self, ground: Ground, kek: KeyEncryptionKey, now: int, hardware: Pkcs11Token | None = None
    ) -> None:
        """Open what was proven. `hardware` signs with the keys that live in it.

        Raises:
            keys.seal.SealBroken: sealed under another key-encryption key, or changed.
        """
        self.ground = ground
        self._stored = [(key, _state_at(key, ground.history, now)) for key in ground.keys]
        signing = [pair for pair in self._stored if pair[0].purpose is not Purpose.ENCRYPTION]
        self._signers: dict[tuple[Purpose, str], Signer] = {
            (key.purpose, key.algorithm): _open_key(key, kek, hardware)
            for key, state in signing
            if state is State.ACTIVE and now < (_certified_until(key, ground.history) or now + 1)
        }
        lasting = [_certified_until(key, ground.history) for key, state in signing if state is State.ACTIVE]
        self._signs_until = min(
            (until for until in lasting if until is not None and now < until), default=None
        )
        self._keys = {
            key.kid: OwnKey(key.purpose, key.algorithm, state, read_own_jwk(orjson.loads(key.public_jwk)))
            for key, state in signing
        }
        self._decryption_keys = {
            key.kid: DecryptionKey.load(key.algorithm, open_private(key, kek))
            for key, state in self._stored
            if key.purpose is Purpose.ENCRYPTION and state in _OPENING
        }
        self._secrets = {secret.purpose: _open_secret(secret, kek) for secret in ground.secrets}
        self._jwks = _prepare(_published(self._stored, policy.PUBLISHED_PURPOSES))
        self._verified: OrderedDict[tuple[Purpose, bytes], bytes] = OrderedDict()

    @property
    def issuer(self) -> str:
        """The installation whose keys these are."""
        return self.ground.issuer

    @property
    def log(self) -> KeyLog | None:
        """The key log; None before the first ceremony."""
        return self.ground.log

    def is_over(self, now: int) -> bool:
        """Whether the certificate of one of its keys has ended: that key must sign no more."""
        return self._signs_until is not None and now >= self._signs_until

    def signer(self, purpose: Purpose, alg: str = policy.DEFAULT_ALGORITHM) -> Signer:
        """The one active key of a purpose and algorithm.

        Raises:
            NoActiveKey: there is none, whatever other keys there are.
        """
        signer = self._signers.get((policy.key_purpose(purpose), alg))
        if signer is None:
            raise NoActiveKey(f"no active key for {purpose} with {alg}")
        return signer

    def algorithms(self, purpose: Purpose) -> tuple[str, ...]:
        """The algorithms that can be signed with for a purpose now, the default one first.

        For encryption: what others can encrypt for us with, by the keys that are published.
        """
        if purpose is Purpose.ENCRYPTION:
            shown = {
                key.algorithm
                for key, state in self._stored
                if key.purpose is purpose and _is_shown(key, state)
            }
            return tuple(alg for alg in policy.ENCRYPTION_KEYS[purpose] if alg in shown)
        own = policy.key_purpose(purpose)
        return tuple(alg for alg in policy.SIGNING_KEYS.get(own, ()) if (own, alg) in self._signers)

    @property
    def missing(self) -> tuple[str, ...]:
        """What nobody can sign with although officers want it: purpose and algorithm, in words.

        Without keys for ID tokens and access tokens there is no service at all.
        """
        rotation = self.ground.history.rotation
        wanted = {
            (purpose.value, alg)
            for purpose, algorithms in policy.SIGNING_KEYS.items()
            for alg in algorithms
            if rotation is not None and alg in rotation.keys.get(purpose.value, ())
        }
        wanted |= {(purpose.value, policy.DEFAULT_ALGORITHM) for purpose in policy.NEEDED_PURPOSES}
        there = {(purpose.value, alg) for purpose, alg in self._signers}
        return tuple(f"{purpose} {alg}" for purpose, alg in sorted(wanted - there))

    async def issue(
        self, purpose: Purpose, claims: Mapping[str, object], alg: str = policy.DEFAULT_ALGORITHM
    ) -> str:
        """Sign claims as a token of this purpose, with its `typ` (RFC 8725 §3.11).

        Raises:
            NoActiveKey: as `signer`.
            keys.lint.LintRefused: the claims are not those of such a token.
            SignerUnavailable: the module that holds the key does not answer.
        """
        lint(purpose, claims, self.issuer)
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
        if ("sub" in claims) is not policy.HAS_SUBJECT.get(purpose, "sub" in claims):
            raise InvalidToken(f"The token was not signed for {purpose}.")
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

    def decrypt(self, token: str) -> bytes:
        """What a compact JWE that was encrypted for us holds (RFC 7516); nothing says who encrypted it.

        Raises:
            InvalidToken: not for a key of ours, or changed.
        """
        alg, _, kid = read_envelope(token)
        fitting = [
            key
            for key in self._decryption_keys.values()
            if key.alg == alg and (kid is None or key.kid == kid)
        ]
        for key in fitting[:-1]:
            try:
                return key.decrypt(token)
            except InvalidToken:
                continue
        if not fitting:
            raise InvalidToken("The token was not encrypted for a key of ours.")
        return fitting[-1].decrypt(token)

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


def _open_key(key: StoredKey, kek: KeyEncryptionKey, hardware: Pkcs11Token | None) -> Signer:
    if key.backend != "pkcs11":
        return SoftwareSigner.load(key.algorithm, open_private(key, kek))
    if hardware is None:
        raise HardwareMissing("A signing key lives in a hardware module: set IDP_PKCS11_MODULE.")
    return hardware.signer(orjson.loads(key.public_jwk))


def _open_secret(secret: StoredSecret, kek: KeyEncryptionKey) -> _Secret:
    opened = open_secret(secret, kek)
    return _Secret(seal.derive(opened, b"digest"), seal.derive(opened, b"seal"))


async def load_keyring(
    db: Database, kek: KeyEncryptionKey, issuer: str, now: int, hardware: Pkcs11Token | None = None
) -> Keyring:
    """Read and prove all keys and secrets, and open those that sign, open or seal. `now` is in epoch seconds.

    Raises:
        keys.key_log.InvalidLog, keys.history.InvalidHistory: the key log cannot be believed.
        keys.seal.SealBroken: sealed under another key-encryption key, or changed.
        HardwareMissing: a key lives in a hardware module, and none is given.
    """
    return Keyring(await load_ground(db, kek, issuer), kek, now, hardware)


async def refresh_keyring(
    db: Database, kek: KeyEncryptionKey, keyring: Keyring, now: int, hardware: Pkcs11Token | None = None
) -> Keyring:
    """The same keyring if the key log has not grown since it was loaded and no certificate has ended, else a new one.

    Where a row was refused, all is read anew: it may have been put right.

    Raises:
        keys.key_log.InvalidLog: among other things, the log does not continue what this process has seen of it.
        keys.history.InvalidHistory, keys.seal.SealBroken, HardwareMissing: as `load_keyring`.
    """
    lasts = not keyring.is_over(now) and not keyring.ground.refused
    if lasts and await store.find_log_size(db) == keyring.ground.history.size:
        return keyring
    return Keyring(await load_ground(db, kek, keyring.issuer, keyring.ground), kek, now, hardware)

"""What keys we have, for what, how strong and how long: constants with their source.

Changing a constant here changes what every portal in the country must accept. Unless a line says otherwise, the
operator's cryptography officer and the provider's security officer change it together, and portals are told first.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from keys.signatures import POST_QUANTUM


class Purpose(StrEnum):
    """What a key is for.

    A key serves its own purpose only, so that one kind of token never passes as another.
    """

    ID_TOKEN = "id_token"
    ACCESS_TOKEN = "access_token"
    USERINFO = "userinfo"
    INTROSPECTION = "introspection"
    AUTHORIZATION_RESPONSE = "authorization_response"
    LOGOUT = "logout"
    FEDERATION = "federation"
    AUDIT = "audit"
    ENCRYPTION = "encryption"
    """Opens what others encrypted for us; signs nothing."""


class State(StrEnum):
    """The life of a signing key, in order. Any state may end in `REVOKED`, from which there is no return."""

    PENDING = "pending"
    """Published so that portals fetch it; signs nothing yet."""
    ACTIVE = "active"
    """Signs. Exactly one for each purpose and algorithm."""
    RETIRING = "retiring"
    """Signs no more; stays published until the last token it signed has expired."""
    RETIRED = "retired"
    """No longer published, its private key destroyed; still recognises our own old ID tokens as hints."""
    REVOKED = "revoked"
    """Compromised or withdrawn: nothing it signed is believed."""


class SecretPurpose(StrEnum):
    """What a symmetric secret is for; each purpose has its own 256 random bits."""

    PAIRWISE = "pairwise"
    """Pairwise subject identifiers (OpenID Connect Core §8.1). Never replaced: every `sub` would change."""
    PERSONAL_NUMBER = "personal_number"
    """Look-up digests of personal identification numbers, which are too few to hide behind a plain hash."""
    ACTIVATION_CODE = "activation_code"
    """Digests of activation and one-time codes."""
    CSRF = "csrf"
    """Form tokens bound to a session."""
    INTERACTION = "interaction"
    """State of a sign-in in progress that the browser keeps for us; nonces that clients bring back (RFC 9449 §8)."""
    THROTTLE = "throttle"
    """Digests of the names and addresses that attempts are counted under."""
    AUDIT = "audit"
    """Pseudonyms of persons in the audit log."""
    PERSONAL_DATA = "personal_data"
    """Sealed personal columns: contact addresses and the like."""
    KEY_LOG = "key_log"
    """The key that signs the checkpoints of the key log. Never replaced: portals know its public half."""


KEY_PURPOSE: Final[Mapping[Purpose, Purpose]] = MappingProxyType(
    {Purpose.LOGOUT: Purpose.ID_TOKEN, Purpose.AUTHORIZATION_RESPONSE: Purpose.ID_TOKEN}
)
"""Purposes that sign with the key of another one.

Logout tokens use the keys of ID tokens (OpenID Connect Back-Channel Logout §2.4); their `typ` keeps them apart. So do
authorization responses (JARM §2.1): every installation has these keys. An ID token has a `sub`, and they never do.
"""

TOKEN_TYPES: Final[Mapping[Purpose, str]] = MappingProxyType(
    {
        Purpose.ID_TOKEN: "JWT",  # RFC 7519 §5.1
        Purpose.ACCESS_TOKEN: "at+jwt",  # RFC 9068 §2.1
        Purpose.USERINFO: "JWT",  # OpenID Connect Core §5.3.2
        Purpose.INTROSPECTION: "token-introspection+jwt",  # RFC 9701 §5
        # JARM names none, and libraries of clients refuse a type that they do not know
        Purpose.AUTHORIZATION_RESPONSE: "JWT",
        Purpose.LOGOUT: "logout+jwt",  # OpenID Connect Back-Channel Logout §2.4
        Purpose.FEDERATION: "entity-statement+jwt",  # OpenID Federation §3
        Purpose.AUDIT: "audit-checkpoint+jwt",  # ours
    }
)
"""The `typ` header of each kind of token (RFC 8725 §3.11: explicit typing)."""

HAS_SUBJECT: Final[Mapping[Purpose, bool]] = MappingProxyType(
    {Purpose.ID_TOKEN: True, Purpose.AUTHORIZATION_RESPONSE: False}
)
"""Tokens of one key and one `typ` are told apart by whether they have a `sub` (OpenID Connect Core §2, JARM §2.1)."""

DEFAULT_ALGORITHM: Final = "ES256"
"""Signs ten times as fast as RS256 and is a third shorter; every profile we serve accepts it."""


def signing_keys(*, post_quantum: bool) -> Mapping[Purpose, tuple[str, ...]]:
    """The signing keys an installation has: an active one for each purpose and algorithm.

    ES256 unless a client is registered for another one. RS256 stays because Discovery 1.0 §3 and RFC 9068 §4 demand it
    of every provider; PS256 and EdDSA are what FAPI 2.0 §5.4.1 names beside ES256. `EdDSA` is written as such and not
    `Ed25519` (RFC 9864): clients know the older name. ML-DSA-65 (RFC 9964) resists quantum computers, for tokens whose
    signatures must hold for years; where the installed cryptography lacks it, it is neither made nor announced.
    """
    classical = (DEFAULT_ALGORITHM, "RS256", "PS256", "EdDSA")
    chosen = (*classical, "ML-DSA-65") if post_quantum else classical
    return MappingProxyType(
        {
            Purpose.ID_TOKEN: chosen,
            Purpose.ACCESS_TOKEN: chosen,
            Purpose.USERINFO: classical,
            Purpose.INTROSPECTION: (DEFAULT_ALGORITHM, "RS256"),
            Purpose.FEDERATION: (DEFAULT_ALGORITHM,),
            Purpose.AUDIT: (DEFAULT_ALGORITHM,),
        }
    )


SIGNING_KEYS: Final = signing_keys(post_quantum=POST_QUANTUM)

POST_QUANTUM_ALGORITHMS: Final = frozenset({"ML-DSA-65"})
"""Made where officers ask for them. Some libraries of portals refuse a whole key set for one key of a type that they do
not know, against RFC 7517 §5: who adds such keys tells the portals first."""

ENCRYPTION_KEYS: Final[Mapping[Purpose, tuple[str, ...]]] = MappingProxyType(
    {Purpose.ENCRYPTION: ("ECDH-ES", "RSA-OAEP-256")}
)
"""The keys that others encrypt for us with: an active one for each algorithm of key management (RFC 7518 §4.1).

RSA1_5 is open to padding oracles (RFC 8725 §3.2); the key wrapping variants of ECDH-ES serve several recipients, and we
are one."""

KEYS: Final[Mapping[Purpose, tuple[str, ...]]] = MappingProxyType({**SIGNING_KEYS, **ENCRYPTION_KEYS})
"""All keys of an installation."""

NEEDED_PURPOSES: Final = (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN)
"""Purposes without whose keys nobody can log in."""

CONTENT_ENCRYPTION: Final = ("A256GCM", "A128CBC-HS256")
"""How the content may be encrypted for us (RFC 7518 §5.1). A128CBC-HS256 is what a sender uses who registered nothing
else (OpenID Connect Registration §2), and every implementation has it; A256GCM is the stronger and faster one."""

PUBLISHED_PURPOSES: Final = (
    Purpose.ID_TOKEN,
    Purpose.ACCESS_TOKEN,
    Purpose.USERINFO,
    Purpose.INTROSPECTION,
    Purpose.ENCRYPTION,
)
"""Purposes whose keys stand at `jwks_uri`. Federation keys stand in the entity configuration (OpenID Federation §3.1)
and must not be protocol keys; audit keys are given to auditors."""

CLIENT_ALGORITHMS: Final = ("ES256", "PS256", "EdDSA", "Ed25519", "RS256")
"""What clients may sign with (assertions, request objects). Never symmetric, never `none` (RFC 8725 §3.1, §3.2).
Not ML-DSA-65: an assertion is worth nothing a few minutes later, when no quantum computer can have forged it."""

FAPI_ALGORITHMS: Final = ("ES256", "PS256", "EdDSA", "Ed25519")
"""What clients of the FAPI 2.0 profile may sign with (FAPI 2.0 Security Profile §5.4.1; RFC 9864 for `Ed25519`)."""

RSA_BITS: Final = 2048
"""Our RSA keys. 2048 bits are 112 bits of strength, accepted until 2030 (NIST SP 800-57 part 1 §5.6.3) and demanded by
FAPI 2.0 §5.4.1; our tokens live minutes and our keys months, so nothing signed today must resist later. 3072 bits would
sign three times as slowly (measured 1,320 against 3,880 a second on a core), which is what ES256 is for."""

RSA_EXPONENT: Final = 65537
"""The only public exponent, ours or a client's (FIPS 186-5 §A.1.1: odd, above 2^16)."""

CLIENT_RSA_BITS: Final = (2048, 4096)
"""Least and greatest RSA modulus of a client, in bits. Longer ones only make our verification slow."""

JWKS_CACHE_SECONDS: Final = 15 * 60
"""How long portals may keep our key set. Short, for this is how long a revoked key is still believed."""

PENDING_LIFETIME: Final = 7 * 24 * 3600
"""Seconds a new key is published before it signs: portals that fetch the set once a week still know it in time."""

ACTIVE_LIFETIME: Final = 90 * 24 * 3600
"""Seconds a key signs before the next one takes over (NIST SP 800-57 part 1 §5.3.6 allows one to three years)."""

LONGEST_TOKEN_LIFETIME: Final = 24 * 3600
"""Seconds that anything we sign is good for; entity statements (OpenID Federation §3) live longest."""

RETIRING_LIFETIME: Final = LONGEST_TOKEN_LIFETIME + JWKS_CACHE_SECONDS
"""Seconds a key stays published after its last signature: as long as a token of it may be about, and a portal may keep
the key set that it fetched before it saw that token."""

LONGEST_ACTIVE_LIFETIME: Final = 400 * 24 * 3600
"""Seconds that officers may approve at most for one key's signing: a little over a year, so that a yearly date fits."""

PUBLISHING_SECONDS: Final = 60
"""Seconds until every worker serves a key set that was changed: they look every two seconds, and a busy one is late."""

FETCHED_SECONDS: Final = PUBLISHING_SECONDS + JWKS_CACHE_SECONDS
"""Seconds after which every portal that keeps to the cache rule has fetched a key that was published, whichever worker
answered it."""

LEAST_LIFETIMES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "pending_lifetime": FETCHED_SECONDS,
        "active_lifetime": FETCHED_SECONDS,
        "retiring_lifetime": RETIRING_LIFETIME,
    }
)
"""Seconds below which officers cannot approve a limit: a portal that keeps to the cache rule has always fetched a key
before it meets a signature of it, and still has it while it meets signatures of it."""

QUORUM: Final = 2
"""Different officers whose signatures a change of keys needs."""

CHANGE_LIFETIME: Final = 24 * 3600
"""Seconds within which a proposed change is signed and carried out; later it is proposed anew, so that nobody finds an
old approval in a drawer."""

CLOCK_DIFFERENCE: Final = 60
"""Seconds by which the clocks of the machines that change keys may differ: a change that was proposed on one of them is
carried out on another whose clock is behind it."""

ROTATION_APPROVAL_LIFETIME: Final = 400 * 24 * 3600
"""Seconds that officers may approve automatic rotation for at most."""

ROTATION_APPROVAL_STANDARD: Final = 365 * 24 * 3600
"""Seconds that they approve it for unless they say otherwise: once a year two people look at it again."""

SOFTWARE: Final = "software"
PKCS11: Final = "pkcs11"
CERTIFIED: Final = "certified"
BACKENDS: Final = (SOFTWARE, PKCS11, CERTIFIED)
"""Where a private key lives: in memory, sealed at rest; in a hardware module; in memory, certified by a hardware
module for a short time."""

CERTIFICATE_LIFETIME: Final = 14 * 24 * 3600
"""Seconds for which a hardware module certifies a key in memory: it waits, published, and then it signs. A key stolen
from memory is of no use after that (NIST SP 800-57 part 1 §5.3.6 allows years to keys inside a module)."""

CERTIFIED_ACTIVE_LIFETIME: Final = CERTIFICATE_LIFETIME // 2 - 24 * 3600
"""Seconds a certified key waits at most, and then signs; a day is left for a rotation that comes late."""

HANDOVER_SECONDS: Final = 24 * 3600
"""Seconds before the end of a key's certificate in which its successor takes over although the key has not served its
time, because it began late."""

VERIFIED_TOKENS: Final = 8192
"""Own tokens whose verification a worker remembers, so that one access token presented a hundred times costs one
verification (66 µs). About 5 MB. The maintainers of this program may change it."""

KNOWN_CLIENT_KEYS: Final = 4096
"""Imported public keys of clients that a worker remembers. The maintainers of this program may change it."""

MAX_TOKEN_LENGTH: Final = 16 * 1024
"""Characters of the longest token that is looked at. The maintainers of this program may change it."""


def key_purpose(purpose: Purpose) -> Purpose:
    """The purpose whose keys sign for `purpose`."""
    return KEY_PURPOSE.get(purpose, purpose)


def states_that_verify(purpose: Purpose) -> frozenset[State]:
    """States in which a key's signature is believed when it comes back to us.

    ID tokens come back as hints months later (OpenID Connect Core §3.1.2.1 `id_token_hint`), when they open nothing;
    everything else is believed only while its key is published.
    """
    published = frozenset({State.ACTIVE, State.RETIRING})
    return published | {State.RETIRED} if key_purpose(purpose) is Purpose.ID_TOKEN else published

"""What the key log says of one key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keys import policy
from keys.actions import Rotation
from keys.encryption import KEY_TYPES as ENCRYPTION_TYPES
from keys.jwk import PRIVATE_MEMBERS, InvalidJwk, read_own_jwk
from keys.policy import Purpose, State
from keys.signatures import KEY_TYPES as SIGNATURE_TYPES


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What the log says of one key. Times are epoch seconds; None for what has not happened."""

    kid: str
    purpose: str
    alg: str
    jwk: Mapping[str, str] = field(hash=False)
    backend: str
    state: State
    generated_at: int
    published_at: int | None = None
    activated_at: int | None = None
    retiring_at: int | None = None
    retired_at: int | None = None
    revoked_at: int | None = None
    certified_until: int | None = None
    """For a key in memory that a hardware module certified: when it signs no more, whatever its state."""

    @property
    def kind(self) -> tuple[str, str]:
        """Purpose and algorithm: one key of a kind is active."""
        return self.purpose, self.alg


def is_over(key: KeyRecord, at: int) -> bool:
    """Whether a certified key may sign no more."""
    return key.certified_until is not None and at >= key.certified_until


def why_wait(key: KeyRecord, before: KeyRecord | None, rotation: Rotation, at: int) -> str:
    """Why rotation may not yet let a key take over from the one before it; empty if it may.

    Where none signs there is nothing to wait for: nobody can be harmed by a signature that they would miss. A
    certified key that began late does not serve its whole time: it is replaced before its certificate ends.
    """
    if before is None or is_over(before, at):
        return ""
    ends = before.certified_until is not None and at >= before.certified_until - policy.HANDOVER_SECONDS
    known_after = policy.FETCHED_SECONDS if ends else rotation.pending_lifetime
    if at < (key.published_at or at) + known_after:
        return "portals may not have fetched the key yet"
    if not ends and at < (before.activated_at or at) + rotation.active_lifetime:
        return "the key before it has not served its time"
    return ""


def check_serves(key: KeyRecord) -> None:
    """Return if the key is public and one that its purpose can use; what only a newer version knows is its own affair.

    Raises:
        InvalidJwk: it is not.
    """
    if PRIVATE_MEMBERS & key.jwk.keys():
        raise InvalidJwk("It shows private key material.")
    if key.alg in ENCRYPTION_TYPES:
        serves = key.purpose == Purpose.ENCRYPTION and key.jwk.get("kty") == ENCRYPTION_TYPES[key.alg]
    elif key.alg in SIGNATURE_TYPES:
        serves = key.purpose != Purpose.ENCRYPTION
        read_own_jwk(key.jwk)
    else:
        return
    if not serves:
        raise InvalidJwk("A key of this kind does not serve its purpose.")

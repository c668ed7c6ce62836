"""What a change of keys may do: one type for each action, read from and spelled as its document.

Everything in an action is looked at: a member that is not known, or a value outside of policy, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeAlias

from keys import policy
from keys.documents import InvalidDocument, number, objects, only, string
from keys.jwk import InvalidJwk, read_own_jwk
from keys.officers import Officer


@dataclass(frozen=True, slots=True)
class Rotation:
    """The standing approval of automatic rotation, with its limits. Lifetimes are seconds, `until` is epoch seconds.

    `keys` says which algorithms each purpose has keys for; of them `in_memory` are those that the hardware module
    cannot make. Outside of these limits, or after `until`, nothing rotates by itself; what is active goes on signing.
    """

    kind: ClassVar = "rotation"
    keys: Mapping[str, tuple[str, ...]] = field(hash=False)
    backend: str
    pending_lifetime: int
    active_lifetime: int
    retiring_lifetime: int
    until: int
    certifier: Mapping[str, str] | None = field(default=None, hash=False)
    in_memory: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Rotation:
        """From its document; every limit is within policy."""
        names = ("backend", "pending_lifetime", "active_lifetime", "retiring_lifetime", "until")
        only(document, "action", "keys", *names, "certifier", "in_memory")
        read = cls(
            _algorithms(document.get("keys")),
            string(document, "backend"),
            number(document, "pending_lifetime"),
            number(document, "active_lifetime"),
            number(document, "retiring_lifetime"),
            number(document, "until"),
            _read_certifier(document.get("certifier")),
            _algorithms(document["in_memory"]) if "in_memory" in document else {},
        )
        read.check()
        return read

    def check(self) -> None:
        """Refuse limits that policy does not allow.

        Raises:
            InvalidDocument: one sentence.
        """
        least = policy.LEAST_LIFETIMES
        given = {name: getattr(self, name) for name in least}
        for name, seconds in given.items():
            if seconds < least[name]:
                raise InvalidDocument(f"The limit `{name}` is at least {least[name]} seconds.")
        if self.active_lifetime > policy.LONGEST_ACTIVE_LIFETIME:
            raise InvalidDocument(
                f"The limit `active_lifetime` is at most {policy.LONGEST_ACTIVE_LIFETIME} seconds."
            )
        if self.backend not in policy.BACKENDS:
            raise InvalidDocument(f"The backend is one of {', '.join(policy.BACKENDS)}.")
        if (self.backend == policy.CERTIFIED) != (self.certifier is not None):
            raise InvalidDocument("Certified keys, and only they, need the public key of their `certifier`.")
        if self.certifier is not None:
            self._check_short()
        if self.in_memory:
            self._check_in_memory()

    def backend_of(self, kind: tuple[str, str]) -> str:
        """Where keys of a purpose and algorithm are made to live."""
        return policy.SOFTWARE if kind[1] in self.in_memory.get(kind[0], ()) else self.backend

    def _check_in_memory(self) -> None:
        kinds = ((purpose, alg) for purpose, algorithms in self.in_memory.items() for alg in algorithms)
        if self.backend != policy.PKCS11 or not all(alg in self.keys.get(name, ()) for name, alg in kinds):
            raise InvalidDocument("The member `in_memory` names kinds of `keys` that hardware cannot make.")

    def _check_short(self) -> None:
        """A certified key waits while the one before it signs, and then signs as long: both within its certificate."""
        longest = policy.CERTIFIED_ACTIVE_LIFETIME
        if not self.pending_lifetime <= self.active_lifetime <= longest:
            raise InvalidDocument(
                f"A certified key signs for at most {longest} seconds, and waits no longer than it signs."
            )

    def document(self) -> dict[str, object]:
        """As it stands in a change."""
        further: dict[str, object] = {} if self.certifier is None else {"certifier": dict(self.certifier)}
        if self.in_memory:
            further["in_memory"] = _spelled(self.in_memory)
        return {
            "action": self.kind,
            "keys": _spelled(self.keys),
            "backend": self.backend,
            "pending_lifetime": self.pending_lifetime,
            "active_lifetime": self.active_lifetime,
            "retiring_lifetime": self.retiring_lifetime,
            "until": self.until,
            **further,
        }


def _spelled(keys: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {purpose: list(algorithms) for purpose, algorithms in keys.items()}


def _read_certifier(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidDocument("The member `certifier` is a public key.")
    try:
        read_own_jwk(value)
    except InvalidJwk as error:
        raise InvalidDocument(f"The member `certifier` is a public key: {error}") from error
    return value


def _algorithms(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        raise InvalidDocument("The member `keys` names the algorithms of each purpose.")
    for algorithms in value.values():
        if not isinstance(algorithms, list) or not all(isinstance(alg, str) and alg for alg in algorithms):
            raise InvalidDocument("The member `keys` names the algorithms of each purpose.")
    return {purpose: tuple(algorithms) for purpose, algorithms in value.items()}


@dataclass(frozen=True, slots=True)
class Officers:
    """Who the officers are from now on: all of them, the former ones are no longer any."""

    kind: ClassVar = "officers"
    officers: tuple[Officer, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Officers:
        """From its document."""
        only(document, "action", "officers")
        return cls.of(Officer.read(jwk) for jwk in objects(document, "officers"))

    @classmethod
    def of(cls, named: Iterable[Officer]) -> Officers:
        """These officers.

        Raises:
            InvalidDocument: too few of them, or one of them twice.
        """
        officers = tuple(named)
        if len({officer.kid for officer in officers}) < max(policy.QUORUM, len(officers)):
            raise InvalidDocument(
                f"There are at least {policy.QUORUM} officers, each with a key of their own."
            )
        return cls(officers)

    def document(self) -> dict[str, object]:
        """As it stands in a change."""
        return {"action": self.kind, "officers": [dict(officer.jwk) for officer in self.officers]}


@dataclass(frozen=True, slots=True)
class Generate:
    """A new key, not yet published; `publish` puts it into the key set in the same act."""

    kind: ClassVar = "generate"
    purpose: str
    alg: str
    backend: str
    publish: bool

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Generate:
        """From its document."""
        only(document, "action", "purpose", "alg", "backend", "publish")
        backend, publish = string(document, "backend"), document.get("publish")
        if backend not in policy.BACKENDS:
            raise InvalidDocument(f"The backend is one of {', '.join(policy.BACKENDS)}.")
        if not isinstance(publish, bool):
            raise InvalidDocument("The member `publish` is true or false.")
        return cls(string(document, "purpose"), string(document, "alg"), backend, publish)

    def document(self) -> dict[str, object]:
        """As it stands in a change."""
        return {
            "action": self.kind,
            "purpose": self.purpose,
            "alg": self.alg,
            "backend": self.backend,
            "publish": self.publish,
        }


@dataclass(frozen=True, slots=True)
class _OnKey:
    """Something done to one key."""

    kind: ClassVar[str]
    kid: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Any:
        """From its document."""
        only(document, "action", "kid")
        return cls(string(document, "kid"))

    def document(self) -> dict[str, object]:
        """As it stands in a change."""
        return {"action": self.kind, "kid": self.kid}


class Publish(_OnKey):
    """Put a pending key into the key set."""

    __slots__ = ()
    kind = "publish"


class Activate(_OnKey):
    """Have a published pending key sign from now on, ahead of its time; the key before it retires."""

    __slots__ = ()
    kind = "activate"


class Retire(_OnKey):
    """Take a key that does not sign out of the key set ahead of its time, and destroy it."""

    __slots__ = ()
    kind = "retire"


class Export(_OnKey):
    """Write a signed public record of one key."""

    __slots__ = ()
    kind = "export"


@dataclass(frozen=True, slots=True)
class Revoke:
    """Believe nothing any more that a key signed. `since` is when it may have been in other hands (epoch seconds)."""

    kind: ClassVar = "revoke"
    kid: str
    reason: str
    since: int

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Revoke:
        """From its document."""
        only(document, "action", "kid", "reason", "since")
        return cls(string(document, "kid"), string(document, "reason"), number(document, "since"))

    def document(self) -> dict[str, object]:
        """As it stands in a change."""
        return {"action": self.kind, "kid": self.kid, "reason": self.reason, "since": self.since}


Action: TypeAlias = Rotation | Officers | Generate | Publish | Activate | Retire | Export | Revoke

_ACTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], Action]]] = MappingProxyType(
    {
        Rotation.kind: Rotation.read,
        Officers.kind: Officers.read,
        Generate.kind: Generate.read,
        Publish.kind: Publish.read,
        Activate.kind: Activate.read,
        Retire.kind: Retire.read,
        Export.kind: Export.read,
        Revoke.kind: Revoke.read,
    }
)


def standard_rotation(
    now: int,
    backend: str = "software",
    certifier: Mapping[str, str] | None = None,
    *,
    post_quantum: bool = False,
) -> Rotation:
    """What policy would have officers approve: every kind of key, for a year; certified keys for some days each."""
    short, longest = backend == policy.CERTIFIED, policy.CERTIFIED_ACTIVE_LIFETIME
    return Rotation(
        {purpose.value: _chosen(algorithms, post_quantum) for purpose, algorithms in policy.KEYS.items()},
        backend,
        min(longest, policy.PENDING_LIFETIME) if short else policy.PENDING_LIFETIME,
        longest if short else policy.ACTIVE_LIFETIME,
        policy.RETIRING_LIFETIME,
        now + policy.ROTATION_APPROVAL_STANDARD,
        certifier,
    )


def _chosen(algorithms: Iterable[str], post_quantum: bool) -> tuple[str, ...]:  # noqa: FBT001 - private
    return tuple(alg for alg in algorithms if post_quantum or alg not in policy.POST_QUANTUM_ALGORITHMS)


def read_action(document: Mapping[str, Any]) -> Action:
    """An action from its document.

    Raises:
        InvalidDocument: something is missing, unknown or outside of policy.
        keys.officers.InvalidOfficerKey: an officer's key in it cannot be used.
    """
    read = _ACTIONS.get(str(document.get("action")))
    if read is None:
        raise InvalidDocument(f"The action `{document.get('action')}` is not known.")
    return read(document)

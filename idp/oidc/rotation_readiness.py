"""Whether a pending key may start to sign without surprise: which portals that rely on it have fetched it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from idp.oidc.client import Client
from idp.oidc.profile import PLAIN_RESPONSE_MODES
from keys import policy
from keys.history import History, KeyRecord
from keys.policy import Purpose, State

ACTIVE_LIFETIME: Final = 30 * 24 * 3600
"""Seconds since its last use that a portal counts as one that people use."""

_VERIFIED_BY_PORTALS: Final = frozenset(
    purpose.value for purpose in policy.PUBLISHED_PURPOSES if purpose is not Purpose.ENCRYPTION
)


class Standing(StrEnum):
    """What a portal has of a pending key."""

    HAS_IT = "has it"
    """At least one of its servers; one that lags behind shows itself by an old set or token later."""
    BEFORE = "fetched before"
    """It last fetched a set without the key."""
    NEVER = "not seen"


@dataclass(frozen=True, slots=True)
class Fetched:
    """So many fetches of one set by a client, or (`client_id` empty) by a program in a network."""

    client_id: str
    agent: str
    network: str
    kids: frozenset[str]
    last_at: int
    count: int
    bad_assertions: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at `now`: the registered clients, what was fetched, and when each client was last used."""

    clients: Collection[Client]
    fetches: Sequence[Fetched]
    activity: Mapping[str, int]
    now: int


@dataclass(frozen=True, slots=True)
class Portal:
    """A client that relies on a key. `recognisable`: it has the means to show that a fetch was its own."""

    client_id: str
    name: str
    standing: Standing
    last_at: int | None
    recognisable: bool


@dataclass(frozen=True, slots=True)
class Stranger:
    """Fetchers whom nobody registered, by program and network; `count` are fetches of sets with the key."""

    agent: str
    network: str
    last_at: int
    count: int
    bad_assertions: int


@dataclass(frozen=True, slots=True)
class Readiness:
    """How a pending key stands. `unused` are portals that rely on it and that nobody used in `ACTIVE_LIFETIME`.

    `earliest_at` is when it has been published for long enough (epoch seconds), `planned_at` when automatic rotation
    will have it sign; None where it is not published, or where only officers can decide.
    """

    key: KeyRecord
    earliest_at: int | None
    planned_at: int | None
    portals: tuple[Portal, ...]
    unused: tuple[Portal, ...]
    strangers: tuple[Stranger, ...]

    @property
    def missing(self) -> tuple[Portal, ...]:
        """Portals in use that have not fetched it."""
        return tuple(portal for portal in self.portals if portal.standing is not Standing.HAS_IT)

    @property
    def ready(self) -> bool:
        """Whether it is published and every portal in use has fetched it."""
        return self.key.published_at is not None and not self.missing

    @property
    def verdict(self) -> str:
        """One line for the person who decides."""
        number = len(self.portals)
        if self.key.published_at is None:
            return "not yet: it is not published"
        if not number:
            return "ready: no portal in use relies on it"
        if not self.missing:
            return f"ready: {number} of {number} portals have fetched it"
        silent = sum(not portal.recognisable for portal in self.missing)
        told = f"; {silent} of them cannot show it" if silent else ""
        return f"not yet: {len(self.missing)} of {number} portals have not fetched it{told}"


def relying_clients(clients: Collection[Client], purpose: Purpose, algorithm: str) -> list[Client]:
    """The enabled clients that verify signatures of such a key, as far as their registration tells.

    An access token is read by the resources that it is for; what it says to the portal that carries it is nothing.
    """
    enabled = [client for client in clients if client.disabled_at is None]
    match policy.key_purpose(purpose):
        case Purpose.ID_TOKEN:
            return [one for one in enabled if one.people_log_in and algorithm in _answers(one)]
        case Purpose.USERINFO:
            return [one for one in enabled if one.userinfo_signed_response_alg == algorithm]
        case Purpose.INTROSPECTION:
            return [one for one in enabled if one.introspection_signed_response_alg == algorithm]
        case Purpose.ACCESS_TOKEN:
            asked = {
                resource
                for one in enabled
                if one.access_token_signed_response_alg == algorithm
                for resource in one.audience
            }
            return [one for one in enabled if asked.intersection(one.resources)]
    return []


def _answers(client: Client) -> set[str]:
    """What signs its ID tokens; and its authorization responses, if they are always signed."""
    signed = set(PLAIN_RESPONSE_MODES).isdisjoint(client.security.response_modes)
    answers = {client.authorization_signed_response_alg} if signed else set()
    return {client.id_token_signed_response_alg, *answers}


def assess(history: History, evidence: Evidence) -> list[Readiness]:
    """The readiness of every pending key that portals will verify by (at `jwks_uri`), in the order of publication."""
    by_client: dict[str, list[Fetched]] = {}
    for fetch in evidence.fetches:
        by_client.setdefault(fetch.client_id, []).append(fetch)
    pending = [
        key
        for key in history.keys.values()
        if key.state is State.PENDING and key.purpose in _VERIFIED_BY_PORTALS
    ]
    pending.sort(key=lambda key: (key.published_at is None, key.published_at or 0, *key.kind, key.kid))
    return [_assess_key(key, history, evidence, by_client) for key in pending]


def _assess_key(
    key: KeyRecord, history: History, evidence: Evidence, by_client: Mapping[str, Sequence[Fetched]]
) -> Readiness:
    in_use: list[Portal] = []
    unused: list[Portal] = []
    for client in relying_clients(evidence.clients, Purpose(key.purpose), key.alg):
        fetches = by_client.get(client.client_id, ())
        used = _is_in_use(client, fetches, evidence.activity.get(client.client_id), evidence.now)
        (in_use if used else unused).append(_portal(client, fetches, key.kid))
    earliest_at, planned_at = _due(key, history, evidence.now)
    strangers = _strangers(by_client.get("", ()), key.kid)
    return Readiness(key, earliest_at, planned_at, tuple(in_use), tuple(unused), strangers)


def _due(key: KeyRecord, history: History, now: int) -> tuple[int | None, int | None]:
    """When it may sign at the earliest, and when it will if nobody does anything."""
    rotation = history.rotation
    if key.published_at is None:
        return None, None
    if rotation is None:
        return key.published_at + policy.PENDING_LIFETIME, None
    earliest = key.published_at + rotation.pending_lifetime
    active = history.active(key.kind)
    covered = key.alg in rotation.keys.get(key.purpose, ()) and history.waiting(key.kind)[0] == key
    if not covered or active is None or active.activated_at is None:
        return earliest, None
    planned = max(earliest, active.activated_at + rotation.active_lifetime, now)
    return earliest, planned if planned < rotation.until else None


def _is_in_use(client: Client, fetches: Sequence[Fetched], used_at: int | None, now: int) -> bool:
    """A resource that verifies tokens by itself never calls us, so it counts always."""
    seen = [fetch.last_at for fetch in fetches]
    if used_at is not None:
        seen.append(used_at)
    return bool(client.resources) or max(seen, default=0) > now - ACTIVE_LIFETIME


def _portal(client: Client, fetches: Sequence[Fetched], kid: str) -> Portal:
    having = [fetch.last_at for fetch in fetches if kid in fetch.kids]
    before = [fetch.last_at for fetch in fetches]
    standing = Standing.HAS_IT if having else Standing.BEFORE if before else Standing.NEVER
    recognisable = bool(client.jwks or client.jwks_uri or client.key_set_addresses)
    last_at = max(having or before, default=None)
    return Portal(client.client_id, client.names["vi"], standing, last_at, recognisable)


def _strangers(fetches: Iterable[Fetched], kid: str) -> tuple[Stranger, ...]:
    found: dict[tuple[str, str], Stranger] = {}
    for one in fetches:
        if kid in one.kids:
            known = found.get((one.agent, one.network))
            found[one.agent, one.network] = Stranger(
                one.agent,
                one.network,
                max(one.last_at, known.last_at if known else 0),
                one.count + (known.count if known else 0),
                one.bad_assertions + (known.bad_assertions if known else 0),
            )
    return tuple(sorted(found.values(), key=lambda one: (-one.count, one.agent, one.network)))

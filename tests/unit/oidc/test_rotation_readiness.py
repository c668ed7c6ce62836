"""Whether a pending key may start to sign: a pure judgement of what is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idp.oidc.client import Client
from idp.oidc.rotation_readiness import (
    ACTIVE_LIFETIME,
    Evidence,
    Fetched,
    Readiness,
    Standing,
    assess,
    relying_clients,
)
from keys import policy
from keys.actions import Rotation, standard_rotation
from keys.backends.software import SoftwareSigner
from keys.history import History, KeyRecord
from keys.policy import Purpose, State
from tests.support.oidc_rules import NOW, client
from tests.support.request_objects import public_jwk

KEY = SoftwareSigner.generate("ES256")
PUBLISHED = NOW - 3600
ACTIVATED = NOW - 30 * 86_400
API = "https://api.example.gov.vn"
SIGNING = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY.public_jwk()]}}


def portal(client_id: str, **changes: Any) -> Client:
    return client(**{"client_id": client_id, "key_set_addresses": ["203.0.113.7"]} | changes)


def fetched(client_id: str, *kids: str, at: int = NOW - 60, agent: str = "", network: str = "") -> Fetched:
    return Fetched(client_id, agent, network, frozenset(kids), at, 3, 1 if agent else 0)


def key(
    kid: str = "new",
    purpose: Purpose = Purpose.ID_TOKEN,
    state: State = State.PENDING,
    published_at: int | None = PUBLISHED,
) -> KeyRecord:
    activated_at = ACTIVATED if state is State.ACTIVE else None
    return KeyRecord(
        kid, purpose.value, "ES256", {}, "software", state, ACTIVATED, published_at, activated_at
    )


def history(*keys: KeyRecord, rotation: Rotation | None = None) -> History:
    return History(keys={one.kid: one for one in keys}, rotation=rotation)


def judge(
    clients: list[Client], *fetches: Fetched, pending: KeyRecord | None = None, used_at: int = NOW - 86_400
) -> Readiness:
    activity = {one.client_id: used_at for one in clients}
    (found,) = assess(history(pending or key()), Evidence(clients, fetches, activity, NOW))
    return found


def test_before_and_after_portals_fetch() -> None:
    portals = [portal("a"), portal("b")]
    before = judge(portals, fetched("a", "old"), fetched("b", "old", at=NOW - 9000))
    assert before.verdict == "not yet: 2 of 2 portals have not fetched it"
    assert {one.standing for one in before.portals} == {Standing.BEFORE}
    half = judge(portals, fetched("a", "old", at=NOW - 9000), fetched("a", "old", "new"), fetched("b", "old"))
    assert half.verdict == "not yet: 1 of 2 portals have not fetched it"
    assert [(one.client_id, one.standing, one.last_at) for one in half.portals] == [
        ("a", Standing.HAS_IT, NOW - 60),
        ("b", Standing.BEFORE, NOW - 60),
    ]
    after = judge(portals, fetched("a", "old", "new"), fetched("b", "old", "new"))
    assert (after.ready, after.verdict) == (True, "ready: 2 of 2 portals have fetched it")


def test_a_portal_that_was_never_seen() -> None:
    found = judge(
        [portal("a"), portal("b", key_set_addresses=[]), portal("c", **SIGNING, key_set_addresses=[])]
    )
    assert [(one.standing, one.last_at, one.recognisable) for one in found.portals] == [
        (Standing.NEVER, None, True),
        (Standing.NEVER, None, False),
        (Standing.NEVER, None, True),
    ]
    assert found.verdict == "not yet: 3 of 3 portals have not fetched it; 1 of them cannot show it"


def test_portals_that_nobody_uses_are_not_counted() -> None:
    found = judge([portal("a")], used_at=NOW - ACTIVE_LIFETIME)
    assert found.verdict == "ready: no portal in use relies on it"
    assert [one.client_id for one in found.unused] == ["a"]
    again = judge([portal("a")], fetched("a", "old"), used_at=NOW - ACTIVE_LIFETIME)
    assert again.verdict == "not yet: 1 of 1 portals have not fetched it"


def test_a_key_that_is_not_published_is_not_ready() -> None:
    found = judge([portal("a")], pending=key(published_at=None))
    assert (found.ready, found.earliest_at, found.planned_at) == (False, None, None)
    assert found.verdict == "not yet: it is not published"


def test_when_it_will_sign() -> None:
    active, standby, second = key("old", state=State.ACTIVE), key(), key("second", published_at=NOW)
    other = key("other", Purpose.USERINFO)
    approved = standard_rotation(ACTIVATED)
    earliest = PUBLISHED + approved.pending_lifetime

    def due(rotation: Rotation | None) -> dict[str, tuple[int | None, int | None]]:
        found = assess(history(active, standby, second, other, rotation=rotation), Evidence([], [], {}, NOW))
        return {one.key.kid: (one.earliest_at, one.planned_at) for one in found}

    assert due(None)["new"] == (PUBLISHED + policy.PENDING_LIFETIME, None)
    assert due(approved) == {
        "new": (earliest, ACTIVATED + approved.active_lifetime),
        "second": (NOW + approved.pending_lifetime, None),
        "other": (earliest, None),
    }
    assert due(replace(approved, active_lifetime=approved.pending_lifetime))["new"] == (earliest, earliest)
    assert due(replace(approved, until=NOW + 60))["new"] == (earliest, None)
    assert due(replace(approved, keys={}))["new"] == (earliest, None)


@pytest.mark.parametrize("state", [state for state in State if state is not State.PENDING])
def test_only_pending_keys_of_the_key_set_are_judged(state: State) -> None:
    evidence = Evidence([portal("a")], [], {}, NOW)
    others = [key(one.value, one) for one in (Purpose.AUDIT, Purpose.FEDERATION, Purpose.ENCRYPTION)]
    assert assess(history(key(state=state), *others), evidence) == []


def test_strangers_are_added_up_by_program_and_network() -> None:
    found = judge(
        [],
        fetched("", "new", "old", agent="Java", network="203.0.113.0/24", at=NOW - 5),
        fetched("", "new", agent="Java", network="203.0.113.0/24", at=NOW - 50),
        fetched("", "old", agent="Java", network="198.51.100.0/24"),
        fetched("", "new", agent="okhttp", network="203.0.113.0/24"),
    )
    assert [
        (one.agent, one.network, one.count, one.bad_assertions, one.last_at) for one in found.strangers
    ] == [
        ("Java", "203.0.113.0/24", 6, 2, NOW - 5),
        ("okhttp", "203.0.113.0/24", 3, 1, NOW - 60),
    ]


def test_who_relies_on_which_key() -> None:
    machine: dict[str, Any] = {
        "application_type": "machine",
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "post_logout_redirect_uris": [],
        "scope": "",
        "legal_basis": "consent",
    }
    clients = [
        portal("es"),
        portal("rs", id_token_signed_response_alg="RS256", audience=[API]),
        portal("signed", userinfo_signed_response_alg="RS256"),
        portal(
            "answered",
            profile="fapi2_message_signing",
            token_endpoint_auth_method="private_key_jwt",
            jwks={"keys": [public_jwk()]},
            authorization_signed_response_alg="PS256",
        ),
        client(client_id="api", resources=[API], introspection_signed_response_alg="RS256", **machine),
        client(client_id="other-api", resources=["https://other.example.gov.vn"], **machine),
    ]

    def names(purpose: Purpose, algorithm: str) -> list[str]:
        return [one.client_id for one in relying_clients(clients, purpose, algorithm)]

    assert names(Purpose.ID_TOKEN, "ES256") == ["es", "signed", "answered"]
    assert names(Purpose.ID_TOKEN, "PS256") == ["answered"], "whose answers are always signed"
    assert names(Purpose.ID_TOKEN, "RS256") == names(Purpose.LOGOUT, "RS256") == ["rs"]
    assert names(Purpose.USERINFO, "RS256") == ["signed"]
    assert names(Purpose.ACCESS_TOKEN, "ES256") == ["api"]
    assert names(Purpose.ACCESS_TOKEN, "RS256") == []
    assert names(Purpose.INTROSPECTION, "ES256") == []
    assert names(Purpose.INTROSPECTION, "RS256") == ["api"]

"""Whatever officers, clocks and rotation do: the rules of the life of keys hold after every step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Executable, create_engine, delete, insert
from sqlalchemy.engine import Connection
from sqlalchemy.pool import StaticPool

from keys import policy
from keys.actions import Action, Activate, Generate, Officers, Publish, Retire, Revoke
from keys.changes import approve, propose
from keys.ground import Ground, load_ground
from keys.history import NOBODY, InvalidHistory, replay
from keys.key_log import InvalidLog
from keys.keyring import Keyring, load_keyring, refresh_keyring
from keys.lifecycle import Plan
from keys.officers import OfficerKey
from keys.policy import Purpose, State
from keys.seal import KeyEncryptionKey
from keys.tables import key_log, metadata
from tests.support.installation import ISSUER, OFFICERS, first_actions, rotation

NOW = 1_800_000_000
KEK = KeyEncryptionKey.of(b"k" * 32)
KEYS = {"id_token": ("ES256",), "access_token": ("EdDSA",), "encryption": ("ECDH-ES",)}
KINDS = sorted((purpose, alg) for purpose, algorithms in KEYS.items() for alg in algorithms)
LIMITS = {
    "pending_lifetime": policy.FETCHED_SECONDS,
    "active_lifetime": 86400,
    "retiring_lifetime": policy.RETIRING_LIFETIME,
}
STRANGER = OfficerKey.generate()
JUMPS = (1, 59, 60, 899, 900, 960, 3600, 86399, 86400, policy.RETIRING_LIFETIME, 30 * 86400, 500 * 86400)

T = TypeVar("T")


class MemoryDatabase:
    """The tables of this room in memory, with all their constraints."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self._engine)

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Mapping[str, Any]]:
        """All rows."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query, values).mappings()]

    def keep(self, plan: Plan) -> None:
        """One write: every statement touches a row, or none of them is done."""
        with self._engine.begin() as connection:
            for statement in plan.statements():
                assert connection.execute(statement.query, statement.values).rowcount == 1

    def put(self, entries: Sequence[bytes], checkpoint: str) -> None:
        """Another log in the place of the one that there is."""
        with self._engine.begin() as connection:
            connection.execute(delete(key_log))
            self._insert(connection, entries, checkpoint)

    def _insert(self, connection: Connection, entries: Sequence[bytes], checkpoint: str) -> None:
        last = len(entries) - 1
        for position, entry in enumerate(entries):
            connection.execute(
                insert(key_log).values(
                    position=position, entry=entry, checkpoint=checkpoint if position == last else None
                )
            )

    def close(self) -> None:
        """Forget everything."""
        self._engine.dispose()


class KeyLife(RuleBasedStateMachine):
    """Officers who approve anything, rotators with any clock, and a worker that follows."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.db = MemoryDatabase()
        self.now = NOW
        self.worker: Keyring

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def ground(self) -> Ground:
        return self.do(load_ground(self.db, KEK, ISSUER))

    def teardown(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.db.close()

    @initialize()
    def ceremony(self) -> None:
        plan = Plan(self.ground(), KEK, self.now)
        change = propose(ISSUER, first_actions(self.now, keys=KEYS, **LIMITS), self.now)
        self.do(plan.carry_out(change, [approve(change, key) for key in OFFICERS[:2]], proposed=False))
        self.do(plan.rotate())
        self.db.keep(plan)
        self.worker = self.do(load_keyring(self.db, KEK, ISSUER, self.now))

    @rule(seconds=st.sampled_from(JUMPS), back=st.booleans())
    def clock_jumps(self, seconds: int, back: bool) -> None:  # noqa: FBT001 - drawn by name
        self.now = max(NOW - 86400, self.now + (-seconds if back else seconds))

    @rule()
    def rotates(self) -> None:
        plan = Plan(self.ground(), KEK, self.now)
        self.do(plan.rotate())
        self.keep(plan)

    def keep(self, plan: Plan) -> None:
        if not plan.empty:
            assert replay(plan.entries, self.ground().history) == plan.history
            self.db.keep(plan)

    def tried(self, actions: Sequence[Action], signers: Sequence[OfficerKey]) -> None:
        """Carry out a change; one that a rule forbids leaves everything as it was."""
        ground = self.ground()
        plan = Plan(ground, KEK, self.now)
        change = propose(ISSUER, actions, max(self.now, ground.history.last_at))
        approvals = [approve(change, key) for key in signers]
        try:
            self.do(plan.carry_out(change, approvals, proposed=False))
        except InvalidHistory:
            assert self.ground().history == ground.history
            return
        assert len(set(signers) & set(OFFICERS)) >= policy.QUORUM
        assert STRANGER not in signers
        self.keep(plan)

    @rule(data=st.data())
    def officers_approve(self, data: st.DataObject) -> None:
        kid = st.sampled_from([*self.ground().history.keys, "nobody"])
        action = st.one_of(
            st.builds(Publish, kid),
            st.builds(Activate, kid),
            st.builds(Retire, kid),
            st.builds(Revoke, kid, st.just("stolen"), st.just(NOW - 86400)),
            st.builds(
                lambda kind, publish: Generate(kind[0], kind[1], "software", publish=publish),
                st.sampled_from(KINDS),
                st.booleans(),
            ),
            st.just(Officers(tuple(key.officer for key in OFFICERS))),
            st.builds(lambda: rotation(self.now, keys=KEYS, **LIMITS)),
        )
        self.tried(data.draw(st.lists(action, min_size=1, max_size=3)), OFFICERS[:2])

    @rule(kind=st.sampled_from(KINDS), what=st.sampled_from(["activate", "revoke", "revoke both"]))
    def officers_hurry(self, kind: tuple[str, str], what: str) -> None:
        history = self.ground().history
        active, waiting = history.active(kind), history.waiting(kind)
        assert active is not None
        if what == "activate":
            actions: list[Action] = [Activate(key.kid) for key in waiting[:1]]
        else:
            doomed = [active, *waiting] if what == "revoke both" else [active]
            actions = [Revoke(key.kid, "stolen", 0) for key in doomed]
        if actions:
            self.tried(actions, OFFICERS[1:])

    @rule(signers=st.lists(st.sampled_from([*OFFICERS, STRANGER]), max_size=3), data=st.data())
    def somebody_tries(self, signers: list[OfficerKey], data: st.DataObject) -> None:
        kid = data.draw(st.sampled_from(list(self.ground().history.keys)))
        self.tried([Revoke(kid, "stolen", 0)], signers)

    @rule()
    def worker_follows(self) -> None:
        self.worker = self.do(refresh_keyring(self.db, KEK, self.worker, self.now))

    @precondition(lambda self: self.ground().history.size > 1)
    @rule(
        where=st.integers(0, 10**6),
        bits=st.integers(1, 255),
        how=st.sampled_from(["flip", "flip", "drop", "double", "swap", "cut"]),
    )
    def log_is_edited(self, where: int, bits: int, how: str) -> None:
        ground = self.ground()
        assert ground.log is not None
        entries = list(ground.entries)
        at = where % len(entries)
        if how == "flip":
            changed = bytearray(entries[at])
            changed[where % len(changed)] ^= bits
            entries[at] = bytes(changed)
        elif how == "drop":
            del entries[at]
        elif how == "double":
            entries.insert(at, entries[at])
        elif how == "swap":
            other = (at + 1) % len(entries)
            entries[at], entries[other] = entries[other], entries[at]
        else:
            entries = entries[: max(1, at)]
        self.db.put(entries, ground.log.checkpoint)
        with pytest.raises((InvalidLog, InvalidHistory)):
            self.ground()
        self.db.put(ground.entries, ground.log.checkpoint)

    @invariant()
    def one_key_of_each_kind_signs(self) -> None:
        if not hasattr(self, "worker"):
            return
        keyring = self.do(load_keyring(self.db, KEK, ISSUER, self.now))
        history = keyring.ground.history
        assert keyring.ground.refused == ()
        signing = sorted(key.kind for key in history.keys.values() if key.state is State.ACTIVE)
        assert signing == KINDS
        for purpose, alg in KINDS:
            if purpose != "encryption":
                kid = keyring.signer(Purpose(purpose), alg).kid
                assert history.keys[kid].state is State.ACTIVE

    @invariant()
    def nothing_signs_that_portals_cannot_have_fetched(self) -> None:
        if not hasattr(self, "worker"):
            return
        history = self.ground().history
        for entry in map(orjson.loads, self.ground().entries):
            if entry["type"] == "activated" and entry["replaces"] != NOBODY:
                key = history.keys[entry["kid"]]
                assert key.published_at is not None
                assert entry["at"] >= key.published_at + policy.FETCHED_SECONDS

    @invariant()
    def what_is_shown_is_what_the_log_says(self) -> None:
        if not hasattr(self, "worker"):
            return
        keyring = self.do(load_keyring(self.db, KEK, ISSUER, self.now))
        shown = {key["kid"] for key in orjson.loads(keyring.jwks().body)["keys"]}
        for kid, key in keyring.ground.history.keys.items():
            if key.state in {State.RETIRED, State.REVOKED} or key.published_at is None:
                assert kid not in shown
            if key.state is State.ACTIVE:
                assert kid in shown


KeyLife.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestKeyLife = KeyLife.TestCase

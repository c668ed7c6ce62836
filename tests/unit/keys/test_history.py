"""What the fold over the key log believes, entry by entry, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from keys import policy
from keys.actions import Action, Activate, Generate, Officers, Publish, Retire, Revoke
from keys.backends.software import SoftwareSigner
from keys.changes import Ceremony, Change, approve, propose
from keys.documents import canonical
from keys.encryption import DecryptionKey
from keys.history import History, InvalidHistory, replay
from keys.officers import OfficerKey
from keys.policy import State
from keys.tiles import ENTRY_OCTETS
from tests.support.custody import generated_entry
from tests.support.installation import ISSUER, OFFICERS, first_actions, rotation

NOW = 1_800_000_000
KIND = ("id_token", "ES256")
KEYS = {"id_token": ("ES256",), "encryption": ("ECDH-ES",)}
Documents = dict[str, Any]


class Log:
    """A log that is written entry by entry, as nobody but a careless or evil program would."""

    def __init__(self, **limits: Any) -> None:
        self.history = History()
        self.at = NOW
        self.by = self.change(*first_actions(NOW, **{"keys": KEYS, **limits}))

    def enter(self, document: Documents) -> None:
        self.history = self.history.after(canonical(document))

    def change(self, *actions: Action, installation: str = ISSUER, **members: Any) -> str:
        change = propose(installation, actions, self.at)
        self.enter({**_entry(change, self.at), **members})
        return change.change_id

    def generate(self, by: str | None = None, **members: Any) -> str:
        signer = SoftwareSigner.generate("ES256")
        self.enter({**generated_entry(signer, self.at, by or self.by), **members})
        return signer.kid

    def happen(self, kind: str, kid: str, by: str | None = None, **members: Any) -> None:
        self.enter({"type": kind, "at": self.at, "kid": kid, "by": by or self.by, **members})

    def activate(self, kid: str, by: str | None = None) -> None:
        before = self.history.active(self.history.keys[kid].kind)
        self.happen("activated", kid, by, replaces=before.kid if before else "")

    def begin(self) -> tuple[str, str]:
        """An active key and its published successor, as rotation makes them."""
        first = self.generate()
        self.happen("published", first)
        self.activate(first)
        second = self.generate()
        self.happen("published", second)
        return first, second


def _entry(change: Change, at: int, *keys: OfficerKey) -> Documents:
    approvals = [approve(change, key).document() for key in keys or OFFICERS[:2]]
    return {"type": "change", "at": at, "change": change.document(), "approvals": approvals}


def test_a_log_is_followed_from_anywhere() -> None:
    change = propose(ISSUER, first_actions(NOW, keys=KEYS), NOW)
    signer = SoftwareSigner.generate("ES256")
    documents = (
        _entry(change, NOW),
        generated_entry(signer, NOW, change.change_id),
        {"type": "published", "at": NOW, "kid": signer.kid, "by": change.change_id},
        {"type": "activated", "at": NOW, "kid": signer.kid, "replaces": "", "by": change.change_id},
    )
    entries = [canonical(document) for document in documents]
    whole = replay(entries)
    assert whole.active(KIND) is not None
    for size in range(len(entries) + 1):
        assert replay(entries[size:], replay(entries[:size])) == whole
    assert (whole.size, whole.last_at, whole.installation) == (4, NOW, ISSUER)


def test_the_log_begins_with_officers_who_sign_it_themselves() -> None:
    officers = Officers(tuple(key.officer for key in OFFICERS))
    begun = propose(ISSUER, [officers], NOW)
    assert len(History().after(canonical(_entry(begun, NOW))).officers) == 3
    stranger = OfficerKey.generate()
    signer = SoftwareSigner.generate("ES256")
    for document in (
        _entry(propose(ISSUER, [rotation(NOW)], NOW), NOW),
        _entry(propose(ISSUER, [rotation(NOW), officers], NOW), NOW),
        _entry(begun, NOW, OFFICERS[0]),
        _entry(begun, NOW, OFFICERS[0], stranger),
        generated_entry(signer, NOW, begun.change_id),
    ):
        with pytest.raises(InvalidHistory, match="Entry 0"):
            History().after(canonical(document))


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"at":1}',
        b'{"at":1,"type":"x"}',
        b'{"at":-1,"type":"change"}',
        b'{"at":1.0,"type":"change"}',
        b'{"at":9,"change":[1],"approvals":[],"type":"change"}',
        b'{"approvals":[],"at":1900000000,"change":{},"type":"change"}',
        b'{"approvals":[],"at":1900000000,"change":[1],"type":"change"}',
        b'{"approvals":[],"at":1900000000,"change":null,"type":"change"}',
        b'{"at":1900000000,"by":1,"kid":[],"type":"revoked"}',
        b'{"alg":"ES256","at":1900000000,"backend":"software","by":"x","jwk":[],"kid":"k","purpose":"id_token","type":"generated"}',
        b'{"alg":"ES256","at":1900000000,"backend":"software","by":"x","jwk":{"kty":[]},"kid":"k","purpose":"id_token","type":"generated"}',
    ],
)
def test_rubbish_is_refused_in_one_sentence(octets: bytes) -> None:
    with pytest.raises(InvalidHistory, match=r"^Entry 1 of the key log is not allowed: .+\.?$"):
        Log().history.after(octets)


def test_an_entry_fits_a_tile() -> None:
    log = Log()
    change = propose(ISSUER, [Revoke("k", "x" * ENTRY_OCTETS, 0)], NOW)
    with pytest.raises(InvalidHistory, match="octets"):
        log.enter(_entry(change, NOW))


def test_time_does_not_run_backwards() -> None:
    log = Log()
    log.at -= 1
    with pytest.raises(InvalidHistory, match="older than the entry before"):
        log.generate()


def test_a_ceremony_is_held_on_the_log_that_it_was_meant_for() -> None:
    log = Log()
    officers = Officers(tuple(key.officer for key in OFFICERS))
    for size in (0, 2):
        change = propose(ISSUER, [officers], NOW, Ceremony("x", (), size))
        with pytest.raises(InvalidHistory, match=f"a log of {size} entries"):
            log.enter(_entry(change, NOW))
    log.enter(_entry(propose(ISSUER, [officers], NOW, Ceremony("x", (), 1)), NOW))


def test_rotation_is_approved_for_so_long_at_most() -> None:
    log = Log()
    longest = NOW + policy.ROTATION_APPROVAL_LIFETIME
    with pytest.raises(InvalidHistory, match="too long a time"):
        log.change(rotation(NOW, keys=KEYS, until=longest + 1))
    log.change(rotation(NOW, keys=KEYS, until=longest))


def _foreign(signer: SoftwareSigner, **jwk: Any) -> Documents:
    return {"jwk": {**signer.public_jwk(), **jwk}}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: {"kid": "x"},
        lambda _: {"alg": "EdDSA"},
        lambda _: {"alg": "RS256"},
        lambda _: {"purpose": "encryption"},
        lambda _: {"backend": "pkcs11"},
        lambda _: {"backend": "certified"},
        lambda _: {"certificate": "x"},
        lambda _: {"sealed": "x"},
        lambda _: _foreign(SoftwareSigner.generate("ES256")),
        lambda signer: _foreign(signer, kid="x"),
        lambda signer: _foreign(signer, alg="RS256"),
        lambda signer: _foreign(signer, d="AAAA"),
        lambda signer: _foreign(signer, y="A" * 43),
        lambda signer: _foreign(signer, kty="RSA"),
        lambda _: {"by": "x"},
        lambda _: {"by": ""},
    ],
)
def test_a_key_is_made_as_it_was_approved(spoil: Callable[[SoftwareSigner], Documents]) -> None:
    log = Log()
    signer = SoftwareSigner.generate("ES256")
    document = generated_entry(signer, NOW, log.by)
    with pytest.raises(InvalidHistory):
        log.enter({**document, **spoil(signer)})
    log.enter(document)
    with pytest.raises(InvalidHistory):
        log.enter(document)


def test_a_key_for_encryption_signs_nothing_and_the_other_way_round() -> None:
    log = Log(keys={**KEYS, "id_token": ("ES256", "ECDH-ES"), "encryption": ("ECDH-ES", "ES256")})
    opener, signer = DecryptionKey.generate("ECDH-ES"), SoftwareSigner.generate("ES256")
    for document in (
        generated_entry(opener, NOW, log.by),
        generated_entry(signer, NOW, log.by, "encryption"),
    ):
        with pytest.raises(InvalidHistory, match="does not serve its purpose"):
            log.enter(document)
    log.enter(generated_entry(opener, NOW, log.by, "encryption"))


def test_what_only_a_newer_version_knows_is_followed() -> None:
    log = Log(keys={**KEYS, "wallet": ("ES256",), "id_token": ("ES256", "ES256-NEW")})
    signer = SoftwareSigner.generate("ES256")
    log.enter(generated_entry(signer, NOW, log.by, "wallet"))
    newer = SoftwareSigner.generate("ES256")
    jwk = {**newer.public_jwk(), "alg": "ES256-NEW"}
    log.enter({**generated_entry(newer, NOW, log.by), "alg": "ES256-NEW", "jwk": jwk})
    log.happen("published", newer.kid)
    log.activate(newer.kid)
    assert log.history.active(("id_token", "ES256-NEW")) is not None


def test_rotation_by_the_book() -> None:
    log = Log()
    first, second = log.begin()
    log.at = NOW + policy.ACTIVE_LIFETIME
    log.activate(second)
    assert {kid: log.history.keys[kid].state for kid in (first, second)} == {
        first: State.RETIRING,
        second: State.ACTIVE,
    }
    log.at += policy.RETIRING_LIFETIME
    log.happen("retired", first)
    assert log.history.keys[first].retired_at == log.at


@pytest.mark.parametrize(
    ("at", "limits"),
    [
        (policy.ACTIVE_LIFETIME - 1, {}),
        (
            policy.FETCHED_SECONDS,
            {"pending_lifetime": policy.FETCHED_SECONDS + 1, "active_lifetime": policy.FETCHED_SECONDS},
        ),
        (policy.ACTIVE_LIFETIME, {"until": NOW + policy.ACTIVE_LIFETIME}),
        (policy.ACTIVE_LIFETIME, {"keys": {"encryption": ("ECDH-ES",)}}),
    ],
    ids=["not served", "not fetched", "approval over", "kind not covered"],
)
def test_rotation_before_its_time_or_beyond_its_limits(at: int, limits: dict[str, Any]) -> None:
    log = Log()
    _, second = log.begin()
    log.by = log.change(rotation(NOW, **{"keys": KEYS, **limits}))
    log.at = NOW + at
    with pytest.raises(InvalidHistory):
        log.activate(second)


def test_rotation_makes_one_successor_and_revokes_nothing() -> None:
    log = Log()
    first, second = log.begin()
    with pytest.raises(InvalidHistory, match="waiting already"):
        log.generate()
    with pytest.raises(InvalidHistory, match="does not allow it now"):
        log.happen("revoked", first)
    with pytest.raises(InvalidHistory, match="the key is active"):
        log.happen("retired", first)
    with pytest.raises(InvalidHistory, match="may yet sign"):
        log.happen("retired", second)


def test_a_former_approval_of_rotation_is_none() -> None:
    log = Log()
    log.change(rotation(NOW, keys=KEYS))
    with pytest.raises(InvalidHistory, match="does not allow it now"):
        log.generate()


def test_a_key_replaces_the_active_one_and_no_other() -> None:
    log = Log()
    first, second = log.begin()
    log.at = NOW + policy.ACTIVE_LIFETIME
    for replaces in ("", second, "x", None):
        with pytest.raises(InvalidHistory, match="is not the active one"):
            log.happen("activated", second, replaces=replaces)
    with pytest.raises(InvalidHistory, match="not published and waiting"):
        log.happen("activated", first, replaces=first)


def test_retiring_takes_its_time() -> None:
    log = Log()
    first, second = log.begin()
    log.at = NOW + policy.ACTIVE_LIFETIME
    log.activate(second)
    log.at += policy.RETIRING_LIFETIME - 1
    with pytest.raises(InvalidHistory, match="may be about"):
        log.happen("retired", first)


def test_an_action_allows_one_entry_at_once() -> None:
    log = Log()
    first, second = log.begin()
    by = log.change(Generate("id_token", "ES256", "software", publish=True))
    made = log.generate(by)
    with pytest.raises(InvalidHistory):
        log.generate(by)
    with pytest.raises(InvalidHistory):
        log.happen("published", second, by)
    log.happen("published", made, by)
    by = log.change(Revoke(first, "stolen", 0), Activate(second), Retire(made))
    log.at += 1
    for kind, kid in (("revoked", first), ("retired", made)):
        with pytest.raises(InvalidHistory, match="does not allow it now"):
            log.happen(kind, kid, by)


def test_the_actions_of_a_change_are_over_with_the_next() -> None:
    log = Log()
    first, second = log.begin()
    by = log.change(Revoke(first, "stolen", 0))
    log.change(Officers(tuple(key.officer for key in OFFICERS)))
    with pytest.raises(InvalidHistory, match="does not allow it now"):
        log.happen("revoked", first, by)
    by = log.change(Revoke(second, "stolen", 0))
    with pytest.raises(InvalidHistory, match="does not allow it now"):
        log.happen("revoked", first, by)


def test_after_a_revocation_one_successor_signs_at_once() -> None:
    log = Log()
    first, second = log.begin()
    by = log.change(Revoke(first, "stolen", 0))
    with pytest.raises(InvalidHistory):
        log.happen("activated", second, by, replaces=first)
    log.happen("revoked", first, by)
    log.activate(second, by)
    third = log.generate()
    log.happen("published", third)
    with pytest.raises(InvalidHistory):
        log.activate(third, by)


def test_a_retiring_key_that_is_revoked_has_no_successor() -> None:
    log = Log()
    first, second = log.begin()
    log.at = NOW + policy.ACTIVE_LIFETIME
    log.activate(second)
    third = log.generate()
    log.happen("published", third)
    by = log.change(Revoke(first, "stolen", 0))
    log.happen("revoked", first, by)
    with pytest.raises(InvalidHistory):
        log.activate(third, by)
    with pytest.raises(InvalidHistory, match="revoked before"):
        log.happen("revoked", first, by)


def test_early_activation_waits_for_the_portals() -> None:
    log = Log()
    _, second = log.begin()
    log.at = NOW + policy.FETCHED_SECONDS - 1
    by = log.change(Activate(second))
    with pytest.raises(InvalidHistory, match="may not have fetched"):
        log.activate(second, by)
    log.at += 1
    log.activate(second, log.change(Activate(second)))


def test_officers_retire_what_does_not_sign() -> None:
    log = Log()
    first, second = log.begin()
    by = log.change(Retire(first), Retire(second), Publish(second))
    with pytest.raises(InvalidHistory, match="the key is active"):
        log.happen("retired", first, by)
    with pytest.raises(InvalidHistory, match="not waiting to be published"):
        log.happen("published", second, by)
    log.happen("retired", second, by)

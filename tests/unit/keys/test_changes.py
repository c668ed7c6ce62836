"""Changes of keys as documents: one spelling, everything in them understood, signatures over all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from keys import base64url, policy
from keys.actions import (
    Action,
    Activate,
    Export,
    Generate,
    Officers,
    Publish,
    Retire,
    Revoke,
    Rotation,
    standard_rotation,
)
from keys.changes import (
    Approval,
    Ceremony,
    Change,
    NotApproved,
    approve,
    parse_change,
    propose,
    read_approval,
    read_change,
    signed_octets,
    valid_approvals,
    verify_approval,
    verify_approvals,
)
from keys.documents import InvalidDocument, canonical, read_canonical
from keys.officers import InvalidOfficerKey, OfficerKey
from tests.support.installation import ISSUER, OFFICERS

NOW = 1_800_000_000
KNOWN = {key.officer.kid: key.officer for key in OFFICERS}
ACTIONS: tuple[Action, ...] = (
    Officers(tuple(key.officer for key in OFFICERS)),
    standard_rotation(NOW),
    Generate("id_token", "ES256", "software", publish=True),
    Publish("k"),
    Activate("k"),
    Retire("k"),
    Export("k"),
    Revoke("k", "mất thiết bị", NOW),
)


def _change(*actions: Action, ceremony: Ceremony | None = None) -> Change:
    return propose(ISSUER, actions or ACTIONS, NOW, ceremony)


def _document(**changes: object) -> dict[str, Any]:
    return {**_change().document(), **changes}


@pytest.mark.parametrize("ceremony", [None, Ceremony("Lễ tạo khóa", ("Kiểm toán",), 0), Ceremony("x", (), 7)])
def test_a_change_is_read_as_it_was_spelled(ceremony: Ceremony | None) -> None:
    change = _change(ceremony=ceremony)
    octets = canonical(change.document())
    assert parse_change(octets) == change
    assert canonical(parse_change(octets).document()) == octets
    assert parse_change(octets).change_id == change.change_id


def test_two_changes_that_do_the_same_are_two() -> None:
    assert _change().change_id != _change().change_id


@pytest.mark.parametrize(
    "octets", [b"", b"{", b"[]", b"1", b"null", b'"a"', b"\xff", b'{"a":1}\n', b'{"b":1,"a":2}']
)
def test_other_spellings_are_refused(octets: bytes) -> None:
    with pytest.raises(InvalidDocument):
        read_canonical(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b'{"a":1,"a":1}',
        b'{ "a":1}',
        b'{"a":1.50}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":"\\u0061"}',
        b'{"a":"\\/"}',
        b'{"a":18446744073709551616}',
    ],
)
def test_there_is_one_spelling(octets: bytes) -> None:
    with pytest.raises(InvalidDocument, match="canonical spelling"):
        read_canonical(octets)


def test_every_single_changed_byte_makes_it_another_change_or_none() -> None:
    change = _change()
    octets, signature = canonical(change.document()), approve(change, OFFICERS[0])
    for position in range(len(octets)):
        for flipped in (1, 0x20, 0x80):
            edited = bytearray(octets)
            edited[position] ^= flipped
            try:
                other = parse_change(bytes(edited))
            except (InvalidDocument, InvalidOfficerKey):
                continue
            assert other.change_id != change.change_id
            with pytest.raises(NotApproved):
                verify_approval(other, signature, KNOWN)


@pytest.mark.parametrize(
    "changes",
    [
        {"installation": ""},
        {"installation": 1},
        {"actions": []},
        {"actions": {}},
        {"actions": ["revoke"]},
        {"actions": [{}]},
        {"actions": [{"action": "destroy"}]},
        {"actions": [{"action": ["revoke"]}]},
        {"actions": [{"action": "revoke", "kid": "k", "reason": "", "since": 1}]},
        {"actions": [{"action": "revoke", "kid": "k", "reason": "x", "since": -1}]},
        {"actions": [{"action": "revoke", "kid": "k", "reason": "x", "since": 1.0}]},
        {"actions": [{"action": "revoke", "kid": "k", "reason": "x", "since": True}]},
        {"actions": [{"action": "revoke", "kid": "k", "reason": "x", "since": 1, "quietly": True}]},
        {"actions": [{"action": "activate", "kid": None}]},
        {"actions": [{"action": "activate", "kid": "k", "since": 1}]},
        {
            "actions": [
                {"action": "generate", "purpose": "id_token", "alg": "ES256", "backend": "x", "publish": True}
            ]
        },
        {
            "actions": [
                {"action": "generate", "purpose": "a", "alg": "ES256", "backend": "software", "publish": 1}
            ]
        },
        {
            "actions": [
                {"action": "generate", "purpose": "a", "alg": None, "backend": "software", "publish": True}
            ]
        },
        {"nonce": ""},
        {"nonce": None},
        {"made_at": -1},
        {"made_at": "1"},
        {"made_at": NOW + 0.5},
        {"expires_at": NOW},
        {"expires_at": NOW + policy.CHANGE_LIFETIME + 1},
        {"made_at": True, "expires_at": 2},
        {"note": "x"},
        {"ceremony": []},
        {"ceremony": None},
        {"ceremony": {"title": "x", "witnesses": "A", "log_size": 0}},
        {"ceremony": {"title": "x", "witnesses": [""], "log_size": 0}},
        {"ceremony": {"title": "x", "witnesses": [], "log_size": 0, "place": "x"}},
    ],
    ids=repr,
)
def test_what_is_not_understood_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidDocument):
        read_change(_document(**changes))


@pytest.mark.parametrize("missing", ["installation", "actions", "nonce", "made_at", "expires_at"])
def test_nothing_may_be_missing(missing: str) -> None:
    document = _document()
    del document[missing]
    with pytest.raises(InvalidDocument):
        read_change(document)


def _officers(*jwks: dict[str, Any]) -> dict[str, Any]:
    return _document(actions=[{"action": "officers", "officers": list(jwks)}])


def test_who_may_be_officers() -> None:
    one, two = (dict(key.officer.jwk) for key in OFFICERS[:2])
    assert len(read_change(_officers(one, two)).actions) == 1
    for few in ((one,), (one, one), (one, two, one)):
        with pytest.raises(InvalidDocument, match="at least 2 officers"):
            read_change(_officers(*few))
    with pytest.raises(InvalidOfficerKey):
        read_change(_officers(one, {"kty": "OKP"}))
    with pytest.raises(InvalidOfficerKey):
        read_change(_officers(one, {**two, "d": two["x"]}))
    for smuggled in ({"name": "A"}, {"alg": "EdDSA"}, {"kid": "x"}):
        with pytest.raises(InvalidDocument, match="not spelled as it is understood"):
            read_change(_officers(one, {**two, **smuggled}))


Limit = Callable[[Rotation], Rotation]


@pytest.mark.parametrize(
    "limit",
    [
        lambda rotation: replace(rotation, pending_lifetime=policy.FETCHED_SECONDS - 1),
        lambda rotation: replace(rotation, active_lifetime=policy.FETCHED_SECONDS - 1),
        lambda rotation: replace(rotation, active_lifetime=policy.LONGEST_ACTIVE_LIFETIME + 1),
        lambda rotation: replace(rotation, retiring_lifetime=policy.RETIRING_LIFETIME - 1),
        lambda rotation: replace(rotation, backend="cloud"),
        lambda rotation: replace(rotation, backend="certified"),
        lambda rotation: replace(rotation, keys={}),
        lambda rotation: replace(rotation, in_memory={"encryption": ("ECDH-ES",)}),
        lambda rotation: replace(rotation, backend="pkcs11", in_memory={"encryption": ("ES256",)}),
        lambda rotation: replace(rotation, backend="pkcs11", in_memory={"wallet": ("ES256",)}),
    ],
)
def test_rotation_has_limits(limit: Limit) -> None:
    with pytest.raises(InvalidDocument):
        read_change(_change(limit(standard_rotation(NOW))).document())


@pytest.mark.parametrize("keys", [[], {"id_token": "ES256"}, {"id_token": [1]}, {"id_token": [""]}, None])
def test_rotation_names_its_keys(keys: object) -> None:
    document = {**standard_rotation(NOW).document(), "keys": keys}
    with pytest.raises(InvalidDocument, match="`keys`"):
        read_change(_document(actions=[document]))


def test_the_least_limits_are_allowed() -> None:
    least = replace(
        standard_rotation(NOW),
        pending_lifetime=policy.LEAST_LIFETIMES["pending_lifetime"],
        active_lifetime=policy.LEAST_LIFETIMES["active_lifetime"],
        retiring_lifetime=policy.LEAST_LIFETIMES["retiring_lifetime"],
    )
    assert read_change(_change(least).document()).actions == (least,)


def test_what_hardware_cannot_make_lives_in_memory() -> None:
    mixed = replace(standard_rotation(NOW), backend="pkcs11", in_memory={"encryption": ("ECDH-ES",)})
    assert read_change(_change(mixed).document()).actions == (mixed,)
    assert mixed.backend_of(("encryption", "ECDH-ES")) == "software"
    assert mixed.backend_of(("encryption", "RSA-OAEP-256")) == "pkcs11"
    assert mixed.backend_of(("id_token", "ES256")) == "pkcs11"


def test_two_officers_are_needed() -> None:
    change = _change()
    one, two = approve(change, OFFICERS[0]), approve(change, OFFICERS[1])
    verify_approvals(change, [one, two], KNOWN)
    verify_approvals(change, [one, two, one], KNOWN)
    for few in ([], [one], [one, one]):
        with pytest.raises(NotApproved, match="2 different officers"):
            verify_approvals(change, few, KNOWN)


def test_a_signature_that_is_none_spoils_the_others() -> None:
    change = _change()
    good = [approve(change, key) for key in OFFICERS[:2]]
    for bad in (
        Approval(OFFICERS[2].officer.kid, good[0].signature),
        Approval(OFFICERS[0].officer.kid, good[1].signature),
        Approval(OFFICERS[2].officer.kid, "not base64url!"),
        Approval(OFFICERS[2].officer.kid, ""),
        approve(change, OfficerKey.generate()),
        approve(_change(), OFFICERS[2]),
    ):
        with pytest.raises(NotApproved):
            verify_approvals(change, [*good, bad], KNOWN)
        assert valid_approvals(change, [bad, *good], KNOWN) == tuple(good)


def test_a_signature_is_over_the_document_in_its_context() -> None:
    change = _change()
    signature = base64url.decode(approve(change, OFFICERS[0]).signature)
    OFFICERS[0].officer.verify(signature, signed_octets(change))
    assert signed_octets(change).endswith(canonical(change.document()))
    assert not signed_octets(change).startswith(b"{")


@pytest.mark.parametrize(
    "document",
    [{}, {"officer": "a"}, {"officer": "a", "signature": 1}, {"officer": "a", "signature": "b", "at": 1}],
)
def test_an_approval_has_two_members(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        read_approval(document)
    assert read_approval({"officer": "a", "signature": "b"}) == Approval("a", "b")


def test_vietnamese_reasons_are_spelled_in_one_way() -> None:
    octets = canonical(_change(Revoke("k", "mất thiết bị", 0)).document())
    assert "mất thiết bị".encode() in octets
    escaped = octets.replace("ấ".encode(), b"\\u1ea5")
    assert orjson.loads(escaped) == orjson.loads(octets)
    with pytest.raises(InvalidDocument, match="canonical spelling"):
        parse_change(escaped)

"""User codes: easy to type in Viet Nam; polls that come too early; what devices may register."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from idp.errors import InvalidClientMetadata
from idp.oidc.client_metadata import read_client
from idp.oidc.device_code import (
    ALPHABET,
    InvalidUserCode,
    device_code_digest,
    new_device_code,
    new_user_code,
    print_user_code,
    read_user_code,
    throttle_path,
)
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.polling import grant_code_digest, is_too_early
from idp.store.device_codes import DeviceAuthorization
from tests.support.devices import KIOSK, SPA, TV
from tests.support.portals import REGISTRATIONS
from tests.support.provider import NOW


def _asked(digest: bytes, polled_at: int | None = None) -> DeviceAuthorization:
    """A device that waits."""
    return DeviceAuthorization(
        digest=digest,
        user_digest=b"",
        client_id="tv",
        request="{}",
        network="",
        interval=5,
        created_at=NOW,
        expires_at=NOW + 900,
        polled_at=polled_at,
    )


CODES = [new_user_code() for _ in range(500)]


def test_a_code_is_not_changed_by_a_vietnamese_keyboard() -> None:
    """Telex: DD is Đ, W is Ư; tones need a vowel; some turn a doubled consonant into two letters."""
    assert not set(ALPHABET) & set("ADEIOUWY")
    for code in CODES:
        assert len(code) == 8
        assert set(code) <= set(ALPHABET)
        assert all(one != next_one for one, next_one in pairwise(code)), code


def test_codes_differ_and_use_every_letter() -> None:
    assert len(set(CODES)) == len(CODES)
    assert set("".join(CODES)) == set(ALPHABET)
    assert len({new_device_code() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "typed",
    ["BCFG-HJKL", "bcfghjkl", "bcfg hjkl", " BCFG–HJKL ", "b.c.f.g.h.j.k.l", "BCFG\u00a0HJKL", "BCFG_HJKL"],
)
def test_a_code_is_read_as_people_type_it(typed: str) -> None:
    assert read_user_code(typed) == "BCFGHJKL"
    assert read_user_code(unicodedata.normalize("NFD", typed)) == "BCFGHJKL"


@pytest.mark.parametrize(
    "typed", ["", "BCFG-HJK", "BCFG-HJKLM", "BCFG-HJKĐ", "BCFG-HJKƯ", "ABCD-EFGH", "1234-5678", "x" * 100_000]
)
def test_anything_else_is_no_code(typed: str) -> None:
    with pytest.raises(InvalidUserCode):
        read_user_code(typed)


def test_a_printed_code_is_read_again() -> None:
    assert [read_user_code(print_user_code(code)) for code in CODES[:50]] == CODES[:50]
    assert print_user_code("BCFGHJKL") == "BCFG-HJKL"


def test_a_device_code_is_no_authorization_code() -> None:
    """Whoever holds it cannot burn the grant as if it were a code: what stands with the grant is another digest."""
    digest = device_code_digest("a-device-code")
    beside = grant_code_digest(_asked(digest))
    assert beside not in (digest, hashlib.sha256(b"a-device-code").digest())
    assert len(beside) == len(digest) == 32


def test_a_persons_tries_are_apart_from_the_neighbours() -> None:
    own, everybodys = throttle_path("account-1", "198.51.100.7"), throttle_path(None, "198.51.100.7")
    assert own[0].key != everybodys[0].key
    assert throttle_path("account-1", "203.0.113.1") == own
    assert throttle_path(None, "203.0.113.1") != everybodys


@pytest.mark.parametrize(
    ("polled_at", "early"), [(None, False), (NOW, True), (NOW - 3, True), (NOW - 4, False), (NOW - 5, False)]
)
def test_a_poll_is_early_within_its_interval(polled_at: int | None, *, early: bool) -> None:
    assert is_too_early(_asked(b"", polled_at), NOW) is early


@pytest.mark.parametrize("described", [TV, {**TV, "grant_types": [DEVICE_CODE, "authorization_code"]}])
def test_a_device_registers(described: Mapping[str, Any]) -> None:
    redirects = (
        {"redirect_uris": ["vn.example.tv:/cb"]} if "authorization_code" in described["grant_types"] else {}
    )
    client = read_client({**described, **redirects}, now=NOW)
    assert client.people_log_in
    assert client.origins == frozenset()


@pytest.mark.parametrize(
    ("described", "what"),
    [
        ({**SPA, "grant_types": ["authorization_code", DEVICE_CODE]}, "grant_types of a browser client"),
        ({**REGISTRATIONS["api"], "grant_types": [DEVICE_CODE]}, "grant_types of a machine client"),
        ({**TV, "scope": "procedures:read"}, "belong together"),
        ({**TV, "redirect_uris": ["vn.example.tv:/cb"]}, "redirect_uris"),
        ({**TV, "token_endpoint_auth_method": "client_secret_basic"}, "native"),
        ({**KIOSK, "grant_types": ["refresh_token"]}, "belong together|needs"),
        ({**TV, "key_set_addresses": ["192.0.2.0/24"]}, "key_set_addresses"),
    ],
)
def test_what_a_device_cannot_register(described: Mapping[str, Any], what: str) -> None:
    with pytest.raises(InvalidClientMetadata, match=what):
        read_client(described, now=NOW)

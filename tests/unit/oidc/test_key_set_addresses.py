"""`key_set_addresses`: which networks a client may register, and whose an address is."""

from __future__ import annotations

from typing import Any

import pytest

from idp.errors import InvalidClientMetadata
from idp.oidc.client_metadata import client_metadata, read_client
from idp.oidc.key_set_addresses import AddressBook
from tests.support.oidc_rules import NOW, client


@pytest.mark.parametrize(
    ("registered", "kept"),
    [
        (["203.0.113.7"], ("203.0.113.7",)),
        (["203.0.113.7/32"], ("203.0.113.7",)),
        (["203.0.113.0/28", "198.51.100.0/24"], ("203.0.113.0/28", "198.51.100.0/24")),
        (["2001:DB8:0::1"], ("2001:db8::1",)),
        (["2001:db8::/48"], ("2001:db8::/48",)),
        (["10.1.0.0/16"], ("10.1.0.0/16",)),
        ([], ()),
    ],
)
def test_one_spelling_is_kept(registered: list[str], kept: tuple[str, ...]) -> None:
    known = client(key_set_addresses=registered)
    assert known.key_set_addresses == kept
    assert read_client(client_metadata(known), now=NOW + 5) == known


@pytest.mark.parametrize(
    "registered",
    [
        "203.0.113.7",
        [7],
        [""],
        ["portal.example.gov.vn"],
        ["203.0.113.7:443"],
        ["203.0.113.7/28"],
        ["203.0.113.7/33"],
        ["0.0.0.0/0"],
        ["0.0.0.0/32"],
        ["::"],
        ["10.0.0.0/8"],
        ["2001::/16"],
        ["::ffff:203.0.113.7"],
        ["fe80::1%eth0"],
        ["224.0.0.1"],
        ["203.0.113.7", "203.0.113.7/32"],
        ["203.0.113.7", "203.0.113.7"],
        [f"203.0.113.{number}" for number in range(51)],
    ],
)
def test_what_is_refused(registered: Any) -> None:
    with pytest.raises(InvalidClientMetadata, match="key_set_addresses"):
        client(key_set_addresses=registered)


def test_an_app_has_no_address_of_its_own() -> None:
    native: dict[str, Any] = {
        "application_type": "native",
        "redirect_uris": ["vn.gov.example.app:/cb"],
        "post_logout_redirect_uris": [],
        "token_endpoint_auth_method": "none",
    }
    assert client(**native).kind == "native"
    with pytest.raises(InvalidClientMetadata, match="key_set_addresses"):
        client(**native, key_set_addresses=["203.0.113.7"])


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("203.0.113.7", "one"),
        ("::ffff:203.0.113.7", "one"),
        ("203.0.113.8", "wide"),
        ("203.0.114.1", ""),
        ("198.51.100.9", ""),  # registered by two
        ("2001:db8::5", "six"),
        ("2001:db9::5", ""),
        ("not an address", ""),
        ("", ""),
    ],
)
def test_whose_an_address_is(address: str, owner: str) -> None:
    book = AddressBook(
        [
            ("wide", ["203.0.113.0/24"]),
            ("one", ["203.0.113.7"]),
            ("first", ["198.51.100.9", "198.51.100.0/24"]),
            ("second", ["198.51.100.9"]),
            ("third", ["198.51.100.9"]),
            ("six", ["2001:db8::/48"]),
        ]
    )
    assert book.owner(address) == owner


def test_nobody_registered() -> None:
    assert AddressBook().owner("203.0.113.7") == ""

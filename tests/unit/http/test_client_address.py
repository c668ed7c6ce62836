"""Only our own proxies are believed, and only about the hop before them."""

from __future__ import annotations

import pytest

from idp.http.client_address import UNKNOWN, TrustedProxies, network_of

PROXIES = TrustedProxies(("10.0.0.0/8", "2001:db8:1::/48"))


def address(peer: str, *headers: tuple[str, str]) -> str:
    return PROXIES.client_address(peer, [(name.encode(), value.encode()) for name, value in headers])


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", [("x-forwarded-for", "192.0.2.1")], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        ("10.0.0.1", [("x-forwarded-for", "6.6.6.6, 192.0.2.1")], "192.0.2.1"),
        ("10.0.0.1", [("x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.0.0.2")], "192.0.2.1"),
        ("10.0.0.1", [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        ("10.0.0.1", [("x-forwarded-for", "192.0.2.1:4711")], "192.0.2.1"),
        ("10.0.0.1", [("x-forwarded-for", "[2001:db8::5]:4711")], "2001:db8::5"),
        ("10.0.0.1", [("x-forwarded-for", "2001:DB8:0::5")], "2001:db8::5"),
        ("10.0.0.1", [("x-forwarded-for", "::ffff:192.0.2.1")], "192.0.2.1"),
        ("::ffff:10.0.0.1", [("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        ("2001:db8:1::7", [("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        ("10.0.0.1", [("x-forwarded-for", "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        ("10.0.0.1", [("x-forwarded-for", "unknown")], "10.0.0.1"),
        ("10.0.0.1", [("x-forwarded-for", "192.0.2.1, <script>")], "10.0.0.1"),
        ("10.0.0.1", [("x-forwarded-for", "192.0.2.1, junk, 10.0.0.2")], "10.0.0.2"),
        ("10.0.0.1", [("forwarded", "for=192.0.2.1;proto=https;by=10.0.0.1")], "192.0.2.1"),
        ("10.0.0.1", [("forwarded", 'proto=https; For="[2001:db8::5]:4711"')], "2001:db8::5"),
        ("10.0.0.1", [("forwarded", "for=6.6.6.6, for=192.0.2.1, for=10.0.0.2")], "192.0.2.1"),
        ("10.0.0.1", [("forwarded", "for=_hidden")], "10.0.0.1"),
        ("10.0.0.1", [("forwarded", "proto=https")], "10.0.0.1"),
        ("10.0.0.1", [("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        # one of the two is the caller's invention, and we cannot know which
        ("10.0.0.1", [("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.1")], "10.0.0.1"),
    ],
)
def test_the_caller_is_the_nearest_hop_that_is_not_ours(
    peer: str, headers: list[tuple[str, str]], expected: str
) -> None:
    assert address(peer, *headers) == expected


def test_without_proxies_no_header_is_believed() -> None:
    headers = [(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"for=192.0.2.1")]
    assert TrustedProxies(()).client_address("127.0.0.1", headers) == "127.0.0.1"


@pytest.mark.parametrize(
    ("full", "cut"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::/48"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("not an address", UNKNOWN),
    ],
)
def test_addresses_are_cut_for_the_logs(full: str, cut: str) -> None:
    assert network_of(full) == cut

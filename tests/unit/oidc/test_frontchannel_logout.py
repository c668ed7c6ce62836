"""Which addresses the logout page loads, and which may be registered for it (Front-Channel Logout 1.0 §2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from idp.errors import InvalidClientMetadata
from idp.oidc.client import Client
from idp.oidc.client_metadata import read_client
from idp.oidc.frontchannel_logout import MOST_FRAMES, TakingPart, frames
from tests.support.oidc_rules import ISSUER, NOW, client, metadata
from tests.support.portals import REGISTRATIONS

PORTAL = "https://portal.example.gov.vn"


def fronted(client_id: str = "portal", path: str = "front", *, also_called: bool = False) -> Client:
    """A portal that is told by a frame, perhaps by us as well."""
    more: dict[str, Any] = {"backchannel_logout_uri": f"{PORTAL}/back"} if also_called else {}
    return client(client_id=client_id, frontchannel_logout_uri=f"{PORTAL}/{path}", **more)


def test_giant_numbers_of_portals_are_cut_with_those_first_whom_nothing_else_tells() -> None:
    many = [
        TakingPart(fronted(f"p{number}", f"p{number}", also_called=bool(number % 2)), "s")
        for number in range(60)
    ]

    def chosen(ended: list[TakingPart], asking: str) -> list[str]:
        return [urlsplit(one).path for one in frames(ended, asking=asking, issuer=ISSUER)]

    assert len(chosen(many, "p58")) == MOST_FRAMES
    assert chosen(many, "p58")[:3] == ["/p58", "/p0", "/p2"]
    assert chosen(many[:4], "p1") == ["/p0", "/p2", "/p1", "/p3"]


def test_a_query_that_is_registered_is_kept() -> None:
    (found,) = frames([TakingPart(fronted(path="f?from=sso"), "s")], asking="", issuer="https://i.example")
    assert found == f"{PORTAL}/f?from=sso&iss=https%3A%2F%2Fi.example&sid=s"


def test_who_has_no_address_or_is_disabled_is_left_out() -> None:
    disabled = read_client(metadata(frontchannel_logout_uri=f"{PORTAL}/front"), now=NOW, disabled_at=NOW)
    ended = [TakingPart(client(), "s"), TakingPart(disabled, "s")]
    assert frames(ended, asking="portal", issuer=ISSUER) == ()


@pytest.mark.parametrize(
    ("uri", "more"),
    [
        ("https://elsewhere.example.gov.vn/f", {}),
        (f"{PORTAL}:8443/f", {}),
        ("http://localhost/f", {}),
        (f"{PORTAL}/f#x", {}),
        (f"{PORTAL}@evil.example/f", {}),
        (f"{PORTAL}.evil.example/f", {}),
        ("javascript:alert(1)", {}),
        ("//portal.example.gov.vn/f", {}),
        ("http://[::1]:1/f", {"redirect_uris": ["http://[::1]:1/cb"]}),
    ],
)
def test_what_is_framed_is_the_portal_itself(uri: str, more: dict[str, Any]) -> None:
    """Scheme, host and port of a redirect address: not what somebody else may put into our page."""
    with pytest.raises(InvalidClientMetadata):
        client(frontchannel_logout_uri=uri, **more)


def test_the_port_that_goes_without_saying_may_be_said() -> None:
    assert client(frontchannel_logout_uri=f"{PORTAL}:443/f").frontchannel_logout_uri == f"{PORTAL}:443/f"


def test_an_app_has_no_page_to_be_framed() -> None:
    uris = {"redirect_uris": ["https://app.example/cb"], "frontchannel_logout_uri": "https://app.example/f"}
    with pytest.raises(InvalidClientMetadata, match="visit in a browser"):
        read_client({**REGISTRATIONS["app"], **uris}, now=NOW)

"""What clients register that ask people who are elsewhere (CIBA Core §4): contradictions of one with another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idp.errors import InvalidClientMetadata
from idp.oidc.client import Client
from idp.oidc.grant_types import CIBA

_MEMBERS: Final = (
    "backchannel_token_delivery_mode", "backchannel_client_notification_endpoint",
    "backchannel_authentication_request_signing_alg",
)  # fmt: skip


def _check_grant(client: Client) -> None:
    if CIBA in client.grant_types:
        return
    for name in _MEMBERS:
        if getattr(client, name):
            raise InvalidClientMetadata(f"{name} is for clients with the grant type {CIBA}")


def _check_delivery(client: Client) -> None:
    mode, address = client.backchannel_token_delivery_mode, client.backchannel_client_notification_endpoint
    if CIBA in client.grant_types and mode is None:
        raise InvalidClientMetadata(
            f"the grant type {CIBA} needs backchannel_token_delivery_mode: poll or ping"
        )
    if mode == "ping" and not address:
        raise InvalidClientMetadata("pings need backchannel_client_notification_endpoint: where they go to")
    if mode != "ping" and address:
        raise InvalidClientMetadata("backchannel_client_notification_endpoint is for pings")


def _check_keys(client: Client) -> None:
    """Every request is signed (FAPI-CIBA §5.2.2)."""
    if CIBA not in client.grant_types or client.jwks_uri:
        return
    if client.jwks is None or not client.jwks.keys:
        raise InvalidClientMetadata(
            f"the grant type {CIBA} needs jwks or jwks_uri with the key that requests are signed with"
        )


BACKCHANNEL_CHECKS: Final[tuple[Callable[[Client], None], ...]] = (
    _check_grant, _check_delivery, _check_keys,
)  # fmt: skip

"""What a client asks for that no browser came from: a device (RFC 8628 §3.1), a portal's counter (CIBA Core §7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from idp.oidc.authorization_request import READERS, AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.parameters import Parameters
from idp.oidc.resource import requested_resources

KNOWN_PARAMETERS: Final = frozenset(
    {"scope", "claims", "claims_locales", "acr_values", "ui_locales", "resource", "authorization_details"}
)
"""They mean what they mean at the authorization endpoint. Left out are those about the browser, which there is none of,
and about the person."""

_OF_BROWSERS: Final = frozenset({"code_challenge"})


def read_request_elsewhere(
    sent: Mapping[str, str], client: Client, issuer: str, *, prompt: str
) -> AuthorizationRequest:
    """What a proven client asks for; whatever was not `sent` has no value. `prompt` is ours to say, not the client's.

    Raises:
        InvalidScope, InvalidTarget, InvalidAuthorizationDetails, InvalidRequest: as at the authorization endpoint.
    """
    parameters = Parameters({**sent, "prompt": prompt}, {})
    values: dict[str, Any] = {
        name: read(parameters, client) for name, read in READERS.items() if name not in _OF_BROWSERS
    }
    return AuthorizationRequest(
        **values,
        client_id=client.client_id,
        redirect_uri="",
        response_mode="query",
        state=None,
        code_challenge=None,
        resources=requested_resources(parameters.get("resource", ""), client, issuer),
    )

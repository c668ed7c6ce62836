"""The device authorization request (RFC 8628 §3.1): what a device asks for, and the codes that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from idp.errors import UnauthorizedClient
from idp.oidc import device_code
from idp.oidc.authorization_request import READERS, AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.parameters import Parameters
from idp.oidc.resource import requested_resources

KNOWN_PARAMETERS: Final = frozenset(
    {"scope", "nonce", "claims", "claims_locales", "acr_values", "ui_locales", "resource"}
)
"""RFC 8628 §3.1 knows `scope`; the others mean what they mean at the authorization endpoint. Left out are those about
the browser, which the device has not, and about the person, whom it does not know."""

VERIFICATION_PATH: Final = "/device"

_ALWAYS: Final = {"prompt": "login consent"}
"""A device is let in once; a phisher counts on one thoughtless press. So the person always proves who they are and
always sees what is asked (RFC 8628 §5.4)."""
_OF_BROWSERS: Final = frozenset({"code_challenge"})


def read_device_request(form: Mapping[str, str], client: Client, issuer: str) -> AuthorizationRequest:
    """What a proven client asks for in a device's name.

    Raises:
        UnauthorizedClient: the client is not registered for devices.
        InvalidScope, InvalidTarget, InvalidRequest: as at the authorization endpoint.
    """
    if DEVICE_CODE not in client.grant_types:
        raise UnauthorizedClient(f"this client is not registered for the grant type {DEVICE_CODE}")
    sent = {name: value for name, value in form.items() if name in KNOWN_PARAMETERS}
    parameters = Parameters({**sent, **_ALWAYS}, {})
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


def device_response(issuer: str, code: str, user_code: str) -> dict[str, object]:
    """The answer (RFC 8628 §3.2)."""
    shown = device_code.print_user_code(user_code)
    return {
        "device_code": code,
        "user_code": shown,
        "verification_uri": f"{issuer}{VERIFICATION_PATH}",
        "verification_uri_complete": f"{issuer}{VERIFICATION_PATH}?user_code={shown}",
        "expires_in": device_code.LIFETIME,
        "interval": device_code.INTERVAL,
    }


def kept_errand(user_digest: bytes) -> str:
    """What an interaction keeps of a device: which one it is about, by the digest of its user code."""
    return orjson.dumps({"device": user_digest.hex()}).decode()


def read_kept_errand(text: str) -> bytes | None:
    """The digest of the user code that an interaction is about; None where it is about something else."""
    kept: dict[str, Any] = orjson.loads(text)
    device = kept.get("device")
    return bytes.fromhex(device) if isinstance(device, str) else None

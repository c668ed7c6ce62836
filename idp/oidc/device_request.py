"""The device authorization request (RFC 8628 §3.1): what a device asks for, and the codes that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from idp.errors import UnauthorizedClient
from idp.oidc import device_code, request_elsewhere
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.polling import INTERVAL

KNOWN_PARAMETERS: Final = request_elsewhere.KNOWN_PARAMETERS | {"nonce"}
"""RFC 8628 §3.1 knows `scope`; the others mean what they mean at the authorization endpoint."""

VERIFICATION_PATH: Final = "/device"

_PROMPT: Final = "login consent"
"""A device is let in once; a phisher counts on one thoughtless press. So the person always proves who they are and
always sees what is asked (RFC 8628 §5.4)."""


def read_device_request(form: Mapping[str, str], client: Client, issuer: str) -> AuthorizationRequest:
    """What a proven client asks for in a device's name.

    Raises:
        UnauthorizedClient: the client is not registered for devices.
        InvalidScope, InvalidTarget, InvalidAuthorizationDetails, InvalidRequest: as at the authorization endpoint.
    """
    if DEVICE_CODE not in client.grant_types:
        raise UnauthorizedClient(f"this client is not registered for the grant type {DEVICE_CODE}")
    sent = {name: value for name, value in form.items() if name in KNOWN_PARAMETERS}
    return request_elsewhere.read_request_elsewhere(sent, client, issuer, prompt=_PROMPT)


def device_response(issuer: str, code: str, user_code: str) -> dict[str, object]:
    """The answer (RFC 8628 §3.2)."""
    shown = device_code.print_user_code(user_code)
    return {
        "device_code": code,
        "user_code": shown,
        "verification_uri": f"{issuer}{VERIFICATION_PATH}",
        "verification_uri_complete": f"{issuer}{VERIFICATION_PATH}?user_code={shown}",
        "expires_in": device_code.LIFETIME,
        "interval": INTERVAL,
    }


def kept_errand(user_digest: bytes) -> str:
    """What an interaction keeps of a device: which one it is about, by the digest of its user code."""
    return orjson.dumps({"device": user_digest.hex()}).decode()


def read_kept_errand(text: str) -> bytes | None:
    """The digest of the user code that an interaction is about; None where it is about something else."""
    kept: dict[str, Any] = orjson.loads(text)
    device = kept.get("device")
    return bytes.fromhex(device) if isinstance(device, str) else None

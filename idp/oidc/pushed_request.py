"""Pushed authorization requests (RFC 9126): a client tells us itself what it asks for, and is given a name for it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from idp.errors import InvalidRequest
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.dpop import bound_key
from idp.oidc.sender import Sender
from idp.store.throttle import Bucket, Limit, bucket, subscriber

LIFETIME: Final = 90
"""Seconds until the browser must be here: it is sent at once (FAPI 2.0 Security Profile §5.3.2.2: less than 600)."""

PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
PUSHING: Final = Limit(interval_ms=2_000, burst=60)
"""Of a client that does not authenticate, from one subscriber: everybody can push in its name."""

_NAME: Final = re.compile(re.escape(PREFIX) + "([A-Za-z0-9_-]{43})")


def new_request_uri() -> str:
    """A fresh name: 256 random bits (RFC 9126 §2.2, §7.1)."""
    return PREFIX + secrets.token_urlsafe(32)


def is_pushed(request_uri: str) -> bool:
    """Whether it is a name of ours, and no address of a request object (RFC 9101 §5.2)."""
    return request_uri.startswith(PREFIX)


def request_digest(request_uri: str) -> bytes | None:
    """What the store keeps of a name; None for one that was never given."""
    found = _NAME.fullmatch(request_uri)
    return None if found is None else hashlib.sha256(found[1].encode()).digest()


def bind(request: AuthorizationRequest, request_uri: str, sender: Sender) -> AuthorizationRequest:
    """The request with its name, and with the key of the proof that it was pushed with (RFC 9449 §10.1).

    Raises:
        InvalidDpopProof: `dpop_jkt` names another key than the proof.
    """
    digest = request_digest(request_uri)
    if digest is None:
        raise AssertionError("a name that was not made here")
    return replace(request, pushed=digest.hex(), dpop_jkt=bound_key(request.dpop_jkt, sender.proof))


def check_pushed(client: Client) -> None:
    """Whether a client may send its request by the browser (RFC 9126 §6).

    Raises:
        InvalidRequest: it is registered to push them.
    """
    if client.require_pushed_authorization_requests:
        raise InvalidRequest(
            "this client pushes its authorization requests: the browser brings client_id and the request_uri that the"
            " pushed authorization request endpoint gave (RFC 9126)"
        )


def pushing_path(client_id: str, address: str) -> Sequence[Bucket]:
    """The bucket of a push by whoever says that they are a public client."""
    return (bucket("pushing", PUSHING, client_id.encode(), subscriber(address)),)

"""The request that a browser brings by name only: its client pushed it before (RFC 9126 §4)."""

from __future__ import annotations

from starlette.requests import Request

from idp.endpoints.answering import dead_end
from idp.endpoints.surroundings import Surroundings
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.pushed_request import request_digest
from idp.store import pushed_requests
from idp.store.pushed_requests import PushedRequest


async def find_pushed(
    request: Request, here: Surroundings, client: Client, request_uri: str
) -> AuthorizationRequest:
    """What the client pushed. It may be opened again and again within its time, until it is answered.

    Raises:
        PageError: never given, another client's, answered before, or over; with the way back to the client.
    """
    digest = request_digest(request_uri)
    found = None if digest is None else await pushed_requests.find(here.context.db, digest)
    if found is None or (why := _fault(found, client, here.context.now)):
        detail = "no such request" if found is None else why
        raise dead_end(request, here, "invalid_request_uri", 400, client, detail=detail)
    return AuthorizationRequest.from_json(found.request)


def _fault(found: PushedRequest, client: Client, now: int) -> str:
    """Why it is not taken; empty where it is."""
    if found.client_id != client.client_id:
        return "another client's request"
    if found.used_at is not None:
        return "answered before"
    return "over" if found.expires_at <= now else ""

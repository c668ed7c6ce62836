"""Client registration (RFC 7591, OpenID Connect Registration 1.0) and its management (RFC 7592)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.registration_body import read_object
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidSoftwareStatement, InvalidToken, OAuthError, UnapprovedSoftwareStatement
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.refusal import Refusal
from idp.http.responses import Answer
from idp.oidc.discovery import endpoint
from idp.oidc.registration import clients
from idp.oidc.registration.access import Managed, Voucher, prove_manager, prove_voucher
from idp.oidc.registration.clients import Registered
from idp.store import registrations
from idp.store.throttle import Bucket, Limit, bucket, subscriber, take_all

CONFIGURATION: Final = "/register/{client_id}"

REFUSED: Final = Limit(interval_ms=10_000, burst=30)
"""Wrong tokens and statements of one IPv4 address or IPv6 /64; the right ones work whatever strangers have tried."""
OPEN: Final = Limit(interval_ms=2_000, burst=60)
"""Registrations of one address where no token counts them: in a sandbox, and by a statement, which many may hold. A
conformance suite makes two in some seconds."""
MOST_WITHOUT_TOKEN: Final = 20_000
"""Clients that a sandbox holds (`motcua registration forget` makes room), or that one issuer vouches for."""
CHANGES: Final = Limit(interval_ms=20_000, burst=30)
"""Updates of one client: each has every worker read the clients anew, and may have us look at its addresses."""

_SCHEME: Final = "bearer "


async def post(request: Request, here: Surroundings) -> Answer:
    """Register a client: by an initial access token, a software statement, or in a sandbox by nothing."""
    bearer = _bearer(request)
    if not (bearer or here.context.settings.sandbox or await request.body()):
        raise InvalidToken
    sent = await read_object(request)
    voucher = await _voucher(here, bearer, sent)
    registered = await clients.register(here.context, here.shared.fetch, voucher, sent)
    note_client(request, registered.client.client_id)
    return _answer(here, registered, status=201)


async def get(request: Request, here: Surroundings) -> Answer:
    """What is registered (RFC 7592 §2.1)."""
    return _answer(here, clients.shown(await _managed(request, here)))


async def put(request: Request, here: Surroundings) -> Answer:
    """Put another registration in its place (RFC 7592 §2.2)."""
    managed = await _managed(request, here)
    await _take(here, bucket("register-change", CHANGES, managed.row["client_id"].encode()))
    sent = await read_object(request)
    registered = await clients.update(here.context, here.shared.fetch, managed, sent)
    here.shared.clients.forget()  # other workers hear of it within seconds
    return _answer(here, registered)


async def delete(request: Request, here: Surroundings) -> Answer:
    """Remove the client (RFC 7592 §2.3)."""
    await clients.remove(here.context, await _managed(request, here))
    here.shared.clients.forget()  # as above
    return responses.empty(204)


def _answer(here: Surroundings, registered: Registered, *, status: int = 200) -> Answer:
    base = endpoint(here.context.settings.issuer, "registration_endpoint")
    return responses.json(registered.response(f"{base}/{registered.client.client_id}"), status=status)


def _bearer(request: Request) -> str:
    header = request.headers.get("authorization", "")
    return header[len(_SCHEME) :].strip() if header.lower().startswith(_SCHEME) else ""


async def _voucher(here: Surroundings, bearer: str, sent: Mapping[str, Any]) -> Voucher:
    context = here.context
    try:
        voucher = await prove_voucher(context, bearer, sent.get("software_statement"))
    except (InvalidToken, InvalidSoftwareStatement, UnapprovedSoftwareStatement) as error:
        await _refused(here, error)
        raise
    if not bearer:
        await _take(here, bucket("register-open", OPEN, subscriber(context.address)))
        if await registrations.count(context.db, voucher.vouched_by) >= MOST_WITHOUT_TOKEN:
            raise Refusal(503, "busy", "too many clients are registered in this way: ask the operator")
    return voucher


async def _managed(request: Request, here: Surroundings) -> Managed:
    """The registration that the presented token manages."""
    bearer = _bearer(request)
    try:
        managed = await prove_manager(here.context, request.path_params["client_id"], bearer)
    except InvalidToken as error:
        await _refused(here, error)
        raise
    note_client(request, managed.row["client_id"])
    if managed.row["disabled_at"] is not None:
        raise Refusal(403, "invalid_request", "the operator has disabled this client")
    return managed


async def _refused(here: Surroundings, error: OAuthError) -> None:
    """Count and note who tries what is not theirs; a request without anything tries nothing."""
    if not error.description:
        return
    context = here.context
    await _take(here, bucket("register-wrong", REFUSED, subscriber(context.address)))
    await context.db.append(record(context, Kind.REGISTRATION_REFUSED, error.error, why=error.description))


async def _take(here: Surroundings, one: Bucket) -> None:
    wait_ms = await take_all(here.context.db, (one,), here.context.now * 1000)
    if wait_ms:
        headers = {"retry-after": str(-(-wait_ms // 1000))}
        raise Refusal(429, "busy", "too many requests of this kind: wait", headers=headers)

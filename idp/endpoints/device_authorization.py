"""The device authorization endpoint (RFC 8628 §3.1): a device without a browser asks for its two codes."""

from __future__ import annotations

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.context import Context
from idp.endpoints.authenticated import read_client_form
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.token import NOT_KEPT
from idp.errors import Unavailable
from idp.http import responses
from idp.http.refusal import Refusal
from idp.http.responses import Answer
from idp.oidc import device_code
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.device_request import KNOWN_PARAMETERS, device_response, read_device_request
from idp.store import device_codes
from idp.store.device_codes import DeviceAuthorization
from idp.store.throttle import take_all

TRIES = 3  # at finding a user code that nobody holds; one in a hundred thousand is taken in a busy hour


async def post(request: Request, here: Surroundings) -> Answer:
    """Authenticate the client, then hand out the codes."""
    sent = await read_client_form(request, here, KNOWN_PARAMETERS)
    client, context = sent.client, here.context
    asked = read_device_request(sent.form, client, context.settings.issuer)
    await _require_room(context, client)
    code, user_code = await _keep(context, client, asked)
    event = record(context, Kind.DEVICE_ASKED, client_id=client.client_id, scope=list(asked.scope))
    await context.db.append(event)
    return responses.json(device_response(context.settings.issuer, code, user_code), headers=NOT_KEPT)


async def _require_room(context: Context, client: Client) -> None:
    """Everybody who knows a public client's id can ask in its name: no faster than devices do."""
    wait = await take_all(
        context.db, device_code.asking_path(client.client_id, context.address), context.now * 1000
    )
    if wait:
        seconds = str(-(-wait // 1000))
        raise Refusal(
            429,
            "too_many_requests",
            "too many codes were asked for from this network",
            headers={"retry-after": seconds},
        )


async def _keep(context: Context, client: Client, asked: AuthorizationRequest) -> tuple[str, str]:
    """Keep the device under fresh codes: the device code and the user code."""
    for _ in range(TRIES):
        code, user_code = device_code.new_device_code(), device_code.new_user_code()
        kept = DeviceAuthorization(
            device_digest=device_code.device_code_digest(code),
            user_digest=device_code.user_code_digest(context.keyring, user_code),
            client_id=client.client_id,
            request=asked.to_json(),
            network=context.network,
            interval=device_code.INTERVAL,
            created_at=context.now,
            expires_at=context.now + device_code.LIFETIME,
        )
        if await device_codes.keep(context.db, kept):
            return code, user_code
    raise Unavailable("no free user code was found")

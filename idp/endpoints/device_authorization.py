"""The device authorization endpoint (RFC 8628 §3.1): a device without a browser asks for its two codes."""

from __future__ import annotations

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.context import Context
from idp.endpoints.authenticated import read_client_form
from idp.endpoints.pace import require_room
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.token import NOT_KEPT
from idp.errors import Unavailable
from idp.http import responses
from idp.http.responses import Answer
from idp.interaction.levels import check_reachable
from idp.oidc import device_code
from idp.oidc.authorization_details.granting import check_terms
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.device_request import KNOWN_PARAMETERS, device_response, read_device_request
from idp.oidc.polling import INTERVAL
from idp.store import device_codes
from idp.store.device_codes import DeviceAuthorization

TRIES = 3  # at finding a user code that nobody holds; one in a hundred thousand is taken in a busy hour


async def post(request: Request, here: Surroundings) -> Answer:
    """Authenticate the client, then hand out the codes."""
    sent = await read_client_form(request, here, KNOWN_PARAMETERS)
    client, context = sent.client, here.context
    asked = read_device_request(sent.form, client, context.settings.issuer)
    check_terms(asked.details, context.now)
    check_reachable(asked, context.settings.issuer)
    path = device_code.asking_path(client.client_id, context.address)
    await require_room(context, path, "too many codes were asked for from this network")
    code, user_code = await _keep(context, client, asked)
    event = record(context, Kind.DEVICE_ASKED, client_id=client.client_id, scope=list(asked.scope))
    await context.db.append(event)
    return responses.json(device_response(context.settings.issuer, code, user_code), headers=NOT_KEPT)


async def _keep(context: Context, client: Client, asked: AuthorizationRequest) -> tuple[str, str]:
    """Keep the device under fresh codes: the device code and the user code."""
    for _ in range(TRIES):
        code, user_code = device_code.new_device_code(), device_code.new_user_code()
        kept = DeviceAuthorization(
            digest=device_code.device_code_digest(code),
            user_digest=device_code.user_code_digest(context.keyring, user_code),
            client_id=client.client_id,
            request=asked.to_json(),
            network=context.network,
            interval=INTERVAL,
            created_at=context.now,
            expires_at=context.now + device_code.LIFETIME,
        )
        if await device_codes.keep(context.db, kept):
            return code, user_code
    raise Unavailable("no free user code was found")

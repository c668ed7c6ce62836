"""The token endpoint (RFC 6749 §3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from starlette.requests import Request

from idp.context import Context
from idp.endpoints.authenticated import read_client_form
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidRequest, UnauthorizedClient, UnsupportedGrantType
from idp.http import responses
from idp.http.responses import Answer
from idp.oidc.encrypted_answer import equip
from idp.oidc.grants import (
    authorization_code,
    ciba,
    client_credentials,
    device_code,
    refresh_token,
    token_exchange,
)
from idp.oidc.sender import ClientRequest, confirm

Redeem = Callable[[Context, ClientRequest], Awaitable[dict[str, object]]]

GRANT_TYPES: Final[Mapping[str, Redeem]] = MappingProxyType(
    {
        authorization_code.GRANT_TYPE: authorization_code.redeem,
        refresh_token.GRANT_TYPE: refresh_token.redeem,
        client_credentials.GRANT_TYPE: client_credentials.redeem,
        device_code.GRANT_TYPE: device_code.redeem,
        ciba.GRANT_TYPE: ciba.redeem,
        token_exchange.GRANT_TYPE: token_exchange.redeem,
    }
)
KNOWN: Final = frozenset(
    {
        "grant_type", "scope", "resource", "authorization_details", "code", "redirect_uri", "code_verifier",
        "refresh_token", "device_code", "auth_req_id", *token_exchange.PARAMETERS,
    }
)  # fmt: skip
NOT_KEPT: Final = MappingProxyType({"cache-control": "no-store", "pragma": "no-cache"})


async def post(request: Request, here: Surroundings) -> Answer:
    """Authenticate the client, then redeem what its grant type names."""
    asked = await read_client_form(request, here, KNOWN)
    client = asked.client
    grant_type = asked.form.get("grant_type")
    if grant_type is None:
        raise InvalidRequest("grant_type is missing")
    redeem = GRANT_TYPES.get(grant_type)
    if redeem is None:
        raise UnsupportedGrantType(f"grant_type must be one of {', '.join(GRANT_TYPES)}")
    if grant_type not in client.grant_types:
        raise UnauthorizedClient(f"this client is not registered for the grant type {grant_type}")
    confirm(client, asked.sender)  # first: whoever forgot to prove its key has used nothing up
    equipped = await equip(client, client.id_token_encryption, here.shared.client_keys)
    answer = await redeem(here.context, asked if equipped is client else replace(asked, client=equipped))
    here.shared.sightings.used(client.client_id, here.context.now)
    return responses.json(answer, headers=NOT_KEPT)

"""The grant type `urn:openid:params:grant-type:ciba` (CIBA Core §10.1, §11)."""

from __future__ import annotations

from typing import Final

from idp.context import Context
from idp.errors import InvalidGrant, InvalidRequest
from idp.oidc.backchannel_request import auth_req_id_digest
from idp.oidc.grant_types import CIBA
from idp.oidc.grants.approved_elsewhere import redeem_approved
from idp.oidc.sender import ClientRequest
from idp.store import backchannel_requests

GRANT_TYPE: Final = CIBA
TOLD: Final = "urn:openid:params:jwt:claim:auth_req_id"


async def redeem(context: Context, asked: ClientRequest) -> dict[str, object]:
    """The token response for a request that a person agreed to; the ID token says which one it was (§10.3.1).

    Raises:
        InvalidRequest: `auth_req_id` is missing.
        InvalidGrant: it is unknown or another client's.
        OAuthError, SignerUnavailable, NoActiveKey, an outage of a database: as `redeem_approved`.
    """
    auth_req_id = asked.form.get("auth_req_id")
    if not auth_req_id:
        raise InvalidRequest("auth_req_id is required for this grant type")
    found = await backchannel_requests.find(context.db, auth_req_id_digest(auth_req_id))
    if found is None or found.client_id != asked.client.client_id:
        raise InvalidGrant("the auth_req_id is unknown, or was issued to another client")
    return await redeem_approved(context, asked, found, grant_type=GRANT_TYPE, told={TOLD: auth_req_id})

"""The grant type `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4, §3.5)."""

from __future__ import annotations

from typing import Final

from idp.context import Context
from idp.errors import InvalidGrant, InvalidRequest
from idp.oidc.device_code import device_code_digest
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.grants.approved_elsewhere import redeem_approved
from idp.oidc.sender import ClientRequest
from idp.store import device_codes

GRANT_TYPE: Final = DEVICE_CODE


async def redeem(context: Context, asked: ClientRequest) -> dict[str, object]:
    """The token response for a device that a person let in.

    Raises:
        InvalidRequest: `device_code` is missing.
        InvalidGrant: the code is unknown or another client's.
        OAuthError, SignerUnavailable, NoActiveKey, an outage of a database: as `redeem_approved`.
    """
    code = asked.form.get("device_code")
    if not code:
        raise InvalidRequest("device_code is required for this grant type")
    device = await device_codes.find(context.db, device_code_digest(code))
    if device is None or device.client_id != asked.client.client_id:
        raise InvalidGrant("the device code is unknown, or was issued to another client")
    return await redeem_approved(context, asked, device, grant_type=GRANT_TYPE)

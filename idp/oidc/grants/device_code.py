"""The grant type `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4, §3.5).

1. find the device, whose client must be asking  2. answer what a device is told while it waits, or in the end
3. use up the code: of many at once one goes on  4. find the person as the registers state them now  5. issue
6. where registers or keys cannot be reached now, the code is given back: the device asks again, and that is no replay
"""

from __future__ import annotations

from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    InvalidRequest,
    OAuthError,
    SlowDown,
)
from idp.oidc import device_code
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.grants.first_tokens import first_tokens, is_for_a_while
from idp.oidc.grants.recording import refused
from idp.oidc.sender import ClientRequest
from idp.store import device_codes, grants
from idp.store.database import NothingChanged
from idp.store.device_codes import APPROVED, DENIED, USED, DeviceAuthorization

GRANT_TYPE: Final = DEVICE_CODE


async def redeem(context: Context, asked: ClientRequest) -> dict[str, object]:
    """The token response for a device that a person let in.

    Raises:
        InvalidRequest: `device_code` is missing.
        AuthorizationPending, SlowDown: nobody has answered yet.
        AccessDenied, ExpiredToken: nobody will.
        InvalidTarget: a resource beyond the authorization (RFC 8707 §2.2).
        InvalidGrant: the code is unknown, used, another client's, or what it gave is revoked.
        SignerUnavailable, NoActiveKey, an outage of a database: nothing can be issued now.
    """
    client = asked.client
    code = asked.form.get("device_code")
    if not code:
        raise InvalidRequest("device_code is required for this grant type")
    device = await device_codes.find(context.db, device_code.device_code_digest(code))
    if device is None or device.client_id != client.client_id:
        raise InvalidGrant("the device code is unknown, or was issued to another client")
    grant_id = await _approved(context, device)
    try:
        await _use(context, device, grant_id)
        first = await first_tokens(context, asked, grant_id, grant_type=GRANT_TYPE)
    except OAuthError as error:
        await context.db.append(refused(context, client, error, grant_type=GRANT_TYPE, grant_id=grant_id))
        raise
    except Exception as error:
        if is_for_a_while(error):
            await context.db.write(
                device_codes.give_back(device.device_digest), grants.give_back_code(grant_id)
            )
        raise
    await context.db.append(*first.kept)
    return first.response


async def _approved(context: Context, asked: DeviceAuthorization) -> str:
    """The grant that waits for the device; else the error that says why there is none."""
    if asked.state == USED and asked.grant_id is not None:
        raise await _replayed(context, asked, asked.grant_id)
    if asked.expires_at <= context.now:
        raise ExpiredToken(f"the device code has expired: it works for {device_code.LIFETIME} seconds")
    if asked.state == DENIED:
        raise AccessDenied("the person refused this device")
    if asked.state != APPROVED or asked.grant_id is None:
        raise await _polled(context, asked)
    return asked.grant_id


async def _polled(context: Context, asked: DeviceAuthorization) -> OAuthError:
    """RFC 8628 §3.5: a poll before its time makes all further ones wait longer."""
    early = too_early(asked, context.now)
    interval = min(asked.interval + device_code.SLOWER, device_code.SLOWEST) if early else asked.interval
    await context.db.append(device_codes.note_poll(asked.device_digest, interval, context.now))
    if early:
        return SlowDown(f"ask every {interval} seconds")
    return AuthorizationPending("the person has not answered yet")


def too_early(asked: DeviceAuthorization, now: int) -> bool:
    """Whether a poll comes before its interval is over; a second is allowed for, since times are whole seconds."""
    return asked.polled_at is not None and now - asked.polled_at < asked.interval - 1


async def _use(context: Context, asked: DeviceAuthorization, grant_id: str) -> None:
    """Use up the code, once; whoever comes second at the same moment holds a copy of it."""
    digest = device_code.grant_code_digest(asked.device_digest)
    try:
        await context.db.write(
            device_codes.use(asked.device_digest, context.now), grants.burn(digest, context.now)
        )
    except NothingChanged:
        raise await _replayed(context, asked, grant_id) from None


async def _replayed(context: Context, asked: DeviceAuthorization, grant_id: str) -> InvalidGrant:
    """As for an authorization code (RFC 6749 §4.1.2): what a code gave that is used twice is revoked."""
    event = record(
        context,
        Kind.TOKEN,
        "code_replay",
        client_id=asked.client_id,
        grant_id=grant_id,
        grant_type=GRANT_TYPE,
    )
    await context.db.write(grants.revoke(grant_id, "code_replay", context.now), event)
    return InvalidGrant("the device code was used before; everything that it gave is revoked")

"""When a person has to say that they began this themselves, since the client cannot show that it is who it says.

A device shows a code to whoever looks at it, and anybody may send that code on (RFC 8628 §5.4). An app's own scheme,
or a port of this machine, can be taken by another app (RFC 8252 §8.6); an https address that the app has claimed
cannot.
"""

from __future__ import annotations

import hashlib

from idp.interaction.steps import Confirmation
from idp.oidc.client import Client
from idp.oidc.redirect_uri import RedirectTarget
from idp.store.awaiting import Awaiting
from idp.store.device_codes import DeviceAuthorization
from idp.store.sessions import Session


def wanted_confirmation(client: Client, target: RedirectTarget | Awaiting) -> Confirmation | None:
    """What has to be confirmed before this client is answered there."""
    if isinstance(target, DeviceAuthorization):
        return Confirmation.DEVICE
    if isinstance(target, Awaiting):
        return Confirmation.PORTAL
    if client.rules.silent_only_when_claimed and not target.redirect_uri.startswith("https://"):
        return Confirmation.APP
    return None


def confirmation_mark(session: Session) -> str:
    """Stands in the form of the page: for whose session it was made. Somebody else's press counts for nothing."""
    return hashlib.sha256(b"confirmation\0" + session.session_id.encode()).hexdigest()

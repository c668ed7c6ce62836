"""An interaction about a device that waits elsewhere: what it is for, and what the person reads in the end."""

from __future__ import annotations

from starlette.requests import Request

from idp.endpoints.own_pages import DEVICE
from idp.endpoints.showing import client_card, locale_of, show
from idp.endpoints.surroundings import Surroundings
from idp.errors import PageError
from idp.http.responses import Answer
from idp.interaction.conversation import Errand
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.client import Client
from idp.oidc.redirect_uri import check_enabled
from idp.pages.device_views import DeviceDone
from idp.store import device_codes
from idp.store.device_codes import WAITING


async def find_device_errand(here: Surroundings, client: Client, user_digest: bytes) -> Errand:
    """What a waiting device asks for.

    Raises:
        PageError: it waits no longer, or its client is disabled.
    """
    check_enabled(client, here.context.now)
    asked = await device_codes.find_by_user_code(here.context.db, user_digest)
    if asked is None or asked.state != WAITING or asked.expires_at <= here.context.now:
        raise PageError("device_code_over", 410, detail="the device waits no longer", way_on=DEVICE)
    return Errand(client, asked, AuthorizationRequest.from_json(asked.request))


def show_device_done(request: Request, here: Surroundings, errand: Errand, *, approved: bool) -> Answer:
    """The last page: the device hears of it when it asks next."""
    card = client_card(errand.client, locale_of(request, here, errand))
    return show(request, here, DeviceDone(client=card, approved=approved), at=DEVICE, errand=errand)

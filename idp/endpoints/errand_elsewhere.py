"""An interaction about what waits elsewhere: what it is for, and what the person reads in the end."""

from __future__ import annotations

from starlette.requests import Request

from idp.endpoints.own_pages import DEVICE, REQUESTS
from idp.endpoints.showing import client_card, locale_of, show
from idp.endpoints.surroundings import Surroundings
from idp.errors import PageError
from idp.http.responses import Answer
from idp.interaction.conversation import Errand
from idp.oidc import backchannel_request, device_request
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.client import Client
from idp.pages.device_views import DeviceDone
from idp.pages.request_views import PortalDone
from idp.store import backchannel_requests, device_codes
from idp.store.awaiting import Awaiting
from idp.store.device_codes import DeviceAuthorization
from idp.store.interactions import Interaction


async def find_errand_elsewhere(
    here: Surroundings, client: Client, interaction: Interaction
) -> Errand | None:
    """What a waiting device or portal asks for; None where the interaction is about a redirect.

    Raises:
        PageError: it waits no longer.
    """
    kept, db = interaction.request, here.context.db
    asked: Awaiting | None
    if (user_digest := device_request.read_kept_errand(kept)) is not None:
        asked = await device_codes.find_by_user_code(db, user_digest)
        over = PageError("device_code_over", 410, detail="the device waits no longer", way_on=DEVICE)
    elif (digest := backchannel_request.read_kept_errand(kept)) is not None:
        asked = await backchannel_requests.find(db, digest)
        over = PageError("request_over", 410, detail="the portal waits no longer", way_on=REQUESTS)
    else:
        return None
    if asked is None or not asked.waits(here.context.now):
        raise over
    return Errand(client, asked, AuthorizationRequest.from_json(asked.request))


def told_elsewhere(awaiting: Awaiting) -> dict[str, str]:
    """What the audit notes of an approval beside the grant."""
    if isinstance(awaiting, DeviceAuthorization):
        return {"device_network": awaiting.network}
    return {"asked_by": "portal"}


def show_done_elsewhere(request: Request, here: Surroundings, errand: Errand, *, approved: bool) -> Answer:
    """The last page: the client hears of it when it asks next."""
    card = client_card(errand.client, locale_of(request, here, errand))
    if isinstance(errand.target, DeviceAuthorization):
        return show(request, here, DeviceDone(client=card, approved=approved), at=DEVICE, errand=errand)
    return show(request, here, PortalDone(client=card, approved=approved), at=REQUESTS, errand=errand)

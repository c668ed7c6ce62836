"""What the pages show that ask a person whether they began this themselves."""

from __future__ import annotations

from idp.endpoints.showing import client_card
from idp.endpoints.surroundings import Surroundings
from idp.interaction.confirming import confirmation_mark
from idp.interaction.conversation import Errand
from idp.interaction.steps import Situation
from idp.pages.device_views import AppConfirm, DeviceConfirm
from idp.pages.i18n import Locale
from idp.pages.request_views import PortalConfirm
from idp.pages.views import View
from idp.store.backchannel_requests import BackchannelRequest
from idp.store.device_codes import DeviceAuthorization


def confirmation(here: Surroundings, path: str, errand: Errand, situation: Situation, locale: Locale) -> View:
    """The page for a device or a portal elsewhere, or for an app on this device."""
    session, person = situation.session, situation.person
    if session is None or person is None:
        raise AssertionError("nobody is asked without a session")
    action, card, shown = f"{path}/confirm", client_card(errand.client, locale), confirmation_mark(session)
    if isinstance(errand.target, BackchannelRequest):
        return PortalConfirm(
            action=action,
            client=card,
            person_name=person.name,
            binding_message=errand.target.binding_message,
            asked_at=errand.target.created_at,
            shown=shown,
        )
    if not isinstance(errand.target, DeviceAuthorization):
        return AppConfirm(action=action, client=card, person_name=person.name, shown=shown)
    return DeviceConfirm(
        action=action,
        client=card,
        person_name=person.name,
        asked_at=errand.target.created_at,
        network=errand.target.network,
        same_network=errand.target.network == here.context.network,
        shown=shown,
    )

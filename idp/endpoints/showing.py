"""How endpoints show a page: in the person's language, with a form token bound to the browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.requests import Request

from idp.endpoints.surroundings import Surroundings
from idp.errors import PageError
from idp.http import csrf, responses
from idp.http.cookies import fresh_cookie
from idp.http.forms import Parameters, read_form
from idp.http.language import PARAMETER, chosen_language, language_of, other_language, path_of, same_page
from idp.http.responses import Answer
from idp.http.security_headers import form_action_source
from idp.interaction.conversation import Errand
from idp.oidc.client import Client
from idp.oidc.end_session import KNOWN_PARAMETERS
from idp.oidc.redirect_uri import with_query
from idp.pages.i18n import Locale
from idp.pages.views import ClientCard, View
from idp.store.backchannel_requests import BackchannelRequest
from idp.store.device_codes import DeviceAuthorization

_REPEATED: Final = frozenset({"before", "done", "interaction", "user_code", "watch"}) | KNOWN_PARAMETERS
"""Parameters of our own pages, and of the logout endpoint, that a language switch leads back with."""


def locale_of(
    request: Request, here: Surroundings, errand: Errand | None = None, *, ui_locales: Sequence[str] = ()
) -> Locale:
    """The language of a page, with the wish of the portal where there is one."""
    wished = ui_locales if errand is None else errand.request.ui_locales
    return language_of(request, here.shared.cookies, " ".join(wished))


def show(
    request: Request,
    here: Surroundings,
    view: View,
    *,
    at: str = "",
    status: int = 200,
    errand: Errand | None = None,
    leads_to: str = "",
    ui_locales: Sequence[str] = (),
) -> Answer:
    """A page with its form token; `at` is the page's own address, which the language switch leads back to.

    `leads_to` is a registered address that the answer to its form may redirect to; of an errand it is the portal's.
    """
    shared = here.shared
    locale = locale_of(request, here, errand, ui_locales=ui_locales)
    digest, fresh = shared.cookies.browser_digest(request), None
    if digest is None:
        fresh = fresh_cookie()
        digest = fresh.digest
    other = other_language(locale)
    again = "" if at else same_page(request, other, _REPEATED)
    target = leads_to if errand is None else errand.leads_to
    origin = form_action_source(target) if target else ""
    answer = responses.page(
        shared.pages,
        view,
        locale,
        status=status,
        csrf_token=csrf.csrf_token(here.context.keyring, digest),
        switch_url=again or with_query(at or path_of(request), ((PARAMETER, other),)),
        form_action_origin=origin,
    )
    if fresh is not None:
        shared.cookies.keep_browser(answer, fresh)
    if chosen_language(request) is not None:
        shared.cookies.keep_language(answer, locale)
    return answer


async def read_own_form(request: Request, here: Surroundings) -> tuple[Parameters, bytes]:
    """The fields of one of our own forms, and the digest of the browser that sent it.

    Raises:
        PageError: the form does not come from our page in this browser.
    """
    form = await read_form(request)
    digest = here.shared.cookies.browser_digest(request)
    csrf.require_csrf(request, form, here.context.keyring, digest, issuer=here.shared.settings.issuer)
    if digest is None:
        raise PageError("cookies_required", 403)
    return form, digest


def field(form: Parameters, name: str) -> str:
    """A field's value; empty when it is missing or came twice."""
    values = [value for key, value in form if key == name]
    return values[0] if len(values) == 1 else ""


def errand_card(errand: Errand, locale: Locale) -> ClientCard:
    """How the client is named that a person was sent by, or that waits elsewhere."""
    return replace(
        client_card(errand.client, locale),
        on_device=isinstance(errand.target, DeviceAuthorization),
        at_portal=isinstance(errand.target, BackchannelRequest),
    )


def client_card(client: Client, locale: Locale) -> ClientCard:
    """How a client is named on pages; a name that is the same in both languages is Vietnamese."""
    return ClientCard(
        name=client.names[locale],
        agency=client.owner,
        name_lang="vi" if client.names[locale] == client.names["vi"] else locale,
        logo_url=client.logo,
        policy_url=client.policy_uri,
        tos_url=client.tos_uri,
    )

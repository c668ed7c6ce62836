"""What a person is shown once a session has ended, and what their browser tells portals meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from idp.endpoints.showing import client_card, locale_of
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.language import PARAMETER, chosen_language, other_language
from idp.http.responses import Answer
from idp.http.security_headers import content_security_policy, form_action_source
from idp.oidc.client import Client
from idp.oidc.end_session import LogoutRequest, LogoutTarget, logout_location
from idp.oidc.frontchannel_logout import TakingPart, frames
from idp.oidc.redirect_uri import with_query
from idp.pages import views
from idp.pages.i18n import Locale


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for logout, and where the browser may return to."""

    request: LogoutRequest
    client: Client | None
    target: LogoutTarget | None


def answer_logout(
    request: Request, here: Surroundings, asking: Asking, ended: Sequence[TakingPart]
) -> Answer:
    """Back to the portal at once; over a page where there is nowhere to return to, or portals to tell on the way."""
    framed = frames(ended, asking=asking.request.client_id, issuer=here.context.settings.issuer)
    if asking.target is not None and not framed:
        return responses.see_other(logout_location(asking.target))
    locale = locale_of(request, here, ui_locales=asking.request.ui_locales)
    location = "" if asking.target is None else logout_location(asking.target)
    client = asking.client
    home = "" if client is None or client.is_stopped(here.context.now) else client.client_uri
    view = views.LoggedOut(
        told=_names(locale, (one.client for one in ended if _is_told(one.client))),
        portals=_names(locale, (one.client for one in ended if not _is_told(one.client))),
        frames=framed,
        client=None if client is None else client_card(client, locale),
        return_url=location or home,
        returns=bool(location),
    )
    answer = responses.page(
        here.shared.pages,
        view,
        locale,
        switch_url=with_query(request.url.path, ((PARAMETER, other_language(locale)),)),
        headers=_policy(framed) | (responses.refresh(location) if location else {}),
    )
    if chosen_language(request) is not None:
        here.shared.cookies.keep_language(answer, locale)
    return answer


def _policy(framed: Iterable[str]) -> dict[str, str]:
    """The page's policy: it shows frames of exactly these portals."""
    origins = tuple(dict.fromkeys(map(form_action_source, framed)))
    return {"content-security-policy": content_security_policy(frame_origins=origins)}


def _is_told(client: Client) -> bool:
    """Whether the outbox tells it; what a frame does in a browser without third-party cookies nobody can promise."""
    return bool(client.backchannel_logout_uri) and client.disabled_at is None


def _names(locale: Locale, clients: Iterable[Client]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(client_card(client, locale).name for client in clients))

"""The answer to an authorization request, back to the client; or a page with the way back to it, where it has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from idp.endpoints.showing import client_card, locale_of
from idp.endpoints.surroundings import Surroundings
from idp.errors import OAuthError, PageError
from idp.http import responses
from idp.http.responses import Answer
from idp.interaction.conversation import Errand
from idp.oidc.authorization_response import AuthorizationResponse, failure, location, secured
from idp.oidc.client import Client
from idp.oidc.encrypted_answer import equip
from idp.oidc.redirect_uri import RedirectTarget, with_query

ANSWERED: Final = "already_finished"


async def equipped(request: Request, here: Surroundings, errand: Errand) -> Errand:
    """The errand with the key of its client at hand that the answer is encrypted with, if it is (JARM §3).

    Raises:
        PageError: its key cannot be had, so that it cannot be told anything.
    """
    target = errand.target
    if not isinstance(target, RedirectTarget) or not target.signed:
        return errand
    return replace(errand, client=await _equipped(request, here, errand.client))


async def _equipped(request: Request, here: Surroundings, client: Client) -> Client:
    try:
        return await equip(client, client.authorization_encryption, here.shared.client_keys)
    except OAuthError as error:
        why = error.description
        raise dead_end(request, here, "unanswerable", error.status, client, detail=why) from error


async def refusal(
    request: Request, here: Surroundings, client: Client, target: RedirectTarget, error: OAuthError
) -> AuthorizationResponse:
    """The answer with an error, as it is sent.

    Raises:
        PageError: as `equipped`.
    """
    if target.signed:
        client = await _equipped(request, here, client)
    return await secured(failure(target, error), client, here.context.keyring, here.context.now)


def answer_client(
    request: Request, here: Surroundings, response: AuthorizationResponse, errand: Errand | None = None
) -> Answer:
    """Send an authorization response where its target says and how."""
    if response.target.by_form:
        return responses.form_post(here.shared.pages, locale_of(request, here, errand), response)
    return responses.see_other(location(response))


def dead_end(
    request: Request, here: Surroundings, page: str, status: int, client: Client, *, detail: str = ""
) -> PageError:
    """A page for somebody whom a client sent and who can be sent back with nothing but the way there."""
    name = client_card(client, locale_of(request, here)).name
    place = client.redirect_uris[0] if client.redirect_uris else ""
    back = home(client, place, here.context.settings.issuer)
    return PageError(page, status, detail=detail, back_url=back, client_name=name)


def answered_before(request: Request, here: Surroundings, errand: Errand) -> PageError:
    """For another tab, or a second click: what was asked has its answer already."""
    locale = locale_of(request, here, errand)
    return PageError(
        ANSWERED,
        409,
        detail="one request was answered twice",
        back_url=home(errand.client, errand.leads_to, here.context.settings.issuer),
        client_name=client_card(errand.client, locale).name,
    )


def home(client: Client, leads_to: str, issuer: str) -> str:
    """Where the portal begins a login anew (OpenID Connect Core §4); else its own address, or the host of answers."""
    if not leads_to:  # a device that waits elsewhere
        return client.client_uri
    if client.initiate_login_uri:
        return with_query(client.initiate_login_uri, (("iss", issuer),))
    parts = urlsplit(leads_to)
    host = f"{parts.scheme}://{parts.netloc}/" if parts.scheme in {"https", "http"} else ""
    return client.client_uri or host

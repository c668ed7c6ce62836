"""One interaction, opened for one request: whose it is, for which portal, and how it goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints import interaction_views, own_pages
from idp.endpoints.answering import ANSWERED, answer_client, answered_before, equipped, home, refusal
from idp.endpoints.authorization import agreed_claims
from idp.endpoints.errand_elsewhere import find_errand_elsewhere, show_done_elsewhere, told_elsewhere
from idp.endpoints.interaction_views import Desk, Typed
from idp.endpoints.showing import client_card, locale_of, read_own_form, show
from idp.endpoints.surroundings import Surroundings
from idp.errors import OAuthError, PageError
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.forms import Parameters
from idp.http.responses import Answer
from idp.interaction.approval_elsewhere import approve_elsewhere
from idp.interaction.conversation import Errand, find_session, look, progress_of, with_contacts
from idp.interaction.issue import Settled, issue_code, use_pushed
from idp.interaction.steps import Issue, Refuse, Situation, Step, Stop, next_step
from idp.oidc.authorization_request import AuthorizationRequest, prove_target_again
from idp.oidc.redirect_uri import check_enabled
from idp.store import database, interactions
from idp.store.awaiting import Awaiting
from idp.store.database import NothingChanged
from idp.store.interactions import Interaction

logger = logging.getLogger("motcua.interaction")

UNTYPED: Final = Typed()


@dataclass(frozen=True, slots=True)
class Talk:
    """A request within an interaction; `errand` is None where the person came to our own pages."""

    request: Request
    here: Surroundings
    interaction: Interaction
    errand: Errand | None

    @property
    def path(self) -> str:
        """The interaction's own address, which every step leads back to."""
        return f"/interaction/{self.interaction.interaction_id}"

    @property
    def client_id(self) -> str | None:
        """The portal's client id."""
        return None if self.errand is None else self.errand.client.client_id


async def open_talk(request: Request, here: Surroundings) -> Talk:
    """The interaction of this address, if it belongs to this browser and is not over.

    Raises:
        PageError: it does not, or is; the page explains it and offers the way on.
    """
    interaction = await interactions.find(here.context.db, request.path_params["interaction_id"])
    browser = here.shared.cookies.browser_digest(request)
    if browser is None:
        raise PageError("cookies_required", 400, detail="interaction without browser cookie")
    if interaction is None or interaction.browser_digest != browser:
        raise PageError("stale_interaction", 404, detail="no such interaction in this browser", way_on="/")
    errand = await _errand(here, interaction)
    if errand is not None:
        note_client(request, errand.client.client_id)
    talk = Talk(request, here, interaction, errand)
    _require_open(talk)
    return talk


async def open_form(request: Request, here: Surroundings) -> tuple[Talk, Parameters]:
    """The interaction and the form that was sent to it.

    Raises:
        PageError: as `open_talk`, or the form does not come from our page in this browser.
    """
    form, _ = await read_own_form(request, here)
    return await open_talk(request, here), form


async def _errand(here: Surroundings, interaction: Interaction) -> Errand | None:
    if interaction.client_id is None:
        return None
    client = await here.shared.clients.find(interaction.client_id)
    if client is None:
        raise PageError("unknown_client", detail="the client of an interaction is gone")
    check_enabled(client, here.context.now)
    elsewhere = await find_errand_elsewhere(here, client, interaction)
    if elsewhere is not None:
        return elsewhere
    kept = AuthorizationRequest.from_json(interaction.request)
    return Errand(client, prove_target_again(client, kept, here.context.settings.issuer), kept)


def _require_open(talk: Talk) -> None:
    """A back button or a tab of yesterday leads here; the way on is the portal, or our own page."""
    finished = talk.interaction.finished_at is not None
    if not finished and talk.interaction.expires_at > talk.here.context.now:
        return
    page = "already_finished" if finished else "stale_interaction"
    if talk.errand is None:
        raise PageError(page, 410, way_on=own_pages.ACCOUNT)
    locale = locale_of(talk.request, talk.here, talk.errand)
    name = client_card(talk.errand.client, locale).name
    back = home(talk.errand.client, talk.errand.leads_to, talk.here.context.settings.issuer)
    raise PageError(page, 410, back_url=back, client_name=name)


async def situation_of(talk: Talk, cookie_digest: bytes | None = None) -> Situation:
    """Where the person stands; `cookie_digest` is the session cookie about to be set, if there is one."""
    digest = cookie_digest or talk.here.shared.cookies.session_digest(talk.request)
    session = await find_session(talk.here.context, talk.errand, digest)
    own = own_pages.demands_of(talk.interaction)
    situation = await look(talk.here.context, talk.errand, session, progress_of(talk.interaction), own)
    return await with_contacts(talk.here.context, situation)


async def go_on(talk: Talk, situation: Situation, *, after_form: bool = True) -> Answer:
    """Answer the portal where everything is settled; else show the next page, or lead to it after a form."""
    step = next_step(situation)
    if isinstance(step, Issue):
        return await _finish(talk, situation, step)
    if isinstance(step, Refuse):
        return await fail(talk, step.error)
    if after_form:
        return responses.see_other(talk.path)
    if isinstance(step, Stop):
        await _note_stop(talk, situation, step)
    return show_step(talk, situation, step)


async def go_on_with_cookie(talk: Talk, cookie_digest: bytes) -> Answer:
    """Go on at once with the session cookie that the answer will set.

    Should that fail, the browser is led back by address, so that it keeps its new session; there it is told.
    """
    try:
        return await go_on(talk, await situation_of(talk, cookie_digest))
    except PageError:
        return responses.see_other(talk.path)
    except Exception:
        logger.exception("the step after a login failed")
        return responses.see_other(talk.path)


def show_step(
    talk: Talk, situation: Situation, step: Step, *, typed: Typed = UNTYPED, status: int = 200
) -> Answer:
    """The page of a step, perhaps with what is wrong about the form that was sent."""
    locale = locale_of(talk.request, talk.here, talk.errand)
    desk = Desk(talk.here, talk.path, talk.errand, situation, locale)
    view = interaction_views.view_of(desk, step, typed)
    return show(talk.request, talk.here, view, at=talk.path, status=status, errand=talk.errand)


async def _finish(talk: Talk, situation: Situation, step: Issue) -> Answer:
    if talk.errand is None:
        return await _lead_to_own_page(talk)
    settled = Settled(step.acting_for, agreed_claims(situation), talk.interaction)
    return await settle(talk, talk.errand, situation, settled)


async def settle(talk: Talk, errand: Errand, situation: Situation, settled: Settled) -> Answer:
    """Give the client what it came for: a code by redirect, or its approval where it waits elsewhere.

    Raises:
        PageError: it was answered in the meantime, or cannot be answered.
    """
    context, target = talk.here.context, errand.target
    try:
        if isinstance(target, Awaiting):
            await approve_elsewhere(context, errand, situation, settled, **told_elsewhere(target))
            return show_done_elsewhere(talk.request, talk.here, errand, approved=True)
        response = await issue_code(
            context, await equipped(talk.request, talk.here, errand), situation, settled
        )
    except NothingChanged as nothing:
        raise answered_before(talk.request, talk.here, errand) from nothing
    return answer_client(talk.request, talk.here, response, errand)


async def _lead_to_own_page(talk: Talk) -> Answer:
    await end(talk)
    return responses.see_other(own_pages.address_of(talk.interaction))


async def fail(talk: Talk, error: OAuthError, *events: database.Step) -> Answer:
    """End the interaction with an error for the portal, also where it waits elsewhere; `events` belong to it."""
    errand = talk.errand
    if errand is None:
        await end(talk, error, *events)
        return responses.see_other("/")
    target, now = errand.target, talk.here.context.now
    if isinstance(target, Awaiting):
        await end(talk, error, target.answers.deny(target.digest, now), *events)
        return show_done_elsewhere(talk.request, talk.here, errand, approved=False)
    response = await refusal(talk.request, talk.here, errand.client, target, error)
    await end(talk, error, *use_pushed(errand.request, now), *events)
    return answer_client(talk.request, talk.here, response, errand)


async def end(talk: Talk, error: OAuthError | None = None, *events: database.Step) -> None:
    """Finish the interaction, once.

    Raises:
        PageError: it was finished in the meantime.
    """
    context = talk.here.context
    steps = [interactions.finish(talk.interaction.interaction_id, context.now), *events]
    if error is not None:
        steps.append(record(context, Kind.AUTHORIZATION, error.error, client_id=talk.client_id))
    try:
        await context.db.write(*steps)
    except NothingChanged as nothing:
        if talk.errand is not None:
            raise answered_before(talk.request, talk.here, talk.errand) from nothing
        raise PageError(ANSWERED, 409, detail="interaction finished twice", way_on="/") from nothing


async def _note_stop(talk: Talk, situation: Situation, step: Stop) -> None:
    session = situation.session
    event = record(
        talk.here.context,
        Kind.AUTHORIZATION,
        step.reason,
        account_id=None if session is None else session.account_id,
        client_id=talk.client_id,
    )
    await talk.here.context.db.append(event)

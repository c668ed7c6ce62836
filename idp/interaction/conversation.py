"""From a request and a browser to the situation that decides the next step: everything that has to be looked up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from idp.context import Context
from idp.interaction.asked import asked
from idp.interaction.backchannel import is_about
from idp.interaction.confirming import wanted_confirmation
from idp.interaction.levels import least_level, wished_level
from idp.interaction.steps import Demands, Progress, Situation
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.claims.contacts import find_contacts
from idp.oidc.client import Client
from idp.oidc.hint import verify_hint
from idp.oidc.redirect_uri import RedirectTarget
from idp.oidc.subject import pairwise_subject
from idp.registers.business import find_representations
from idp.registers.calendar import today
from idp.registers.population import find_person
from idp.registers.standing import Standing, standing
from idp.registers.types import Representation
from idp.store import sessions
from idp.store.awaiting import Awaiting
from idp.store.backchannel_requests import BackchannelRequest
from idp.store.interactions import Interaction
from idp.store.sessions import Session

PLAIN: Final = Demands()
"""A login, whenever it was and however strong."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a portal sent the person for: a proven target and the request that goes with it.

    The target is where the browser is led back to, or what waits elsewhere: a device (RFC 8628), a portal (CIBA).
    """

    client: Client
    target: RedirectTarget | Awaiting
    request: AuthorizationRequest

    @property
    def leads_to(self) -> str:
        """The address that the browser is led back to in the end; empty where the answer goes elsewhere."""
        return self.target.redirect_uri if isinstance(self.target, RedirectTarget) else ""


def demands(context: Context, errand: Errand | None, own: Demands = PLAIN) -> Demands:
    """What the request demands; our own pages demand a login, and what is `own` to them."""
    if errand is None:
        return own
    request = errand.request
    return Demands(
        prompt=request.prompt,
        max_age=request.max_age,
        least_level=least_level(request, context.settings.issuer),
        wished_level=wished_level(request, context.settings.issuer),
        organisation=request.asks_organisation,
        organisation_required=request.requires_organisation,
        details=request.details,
        asked=asked(request, errand.client),
        confirmation=wanted_confirmation(errand.client, errand.target),
    )


def progress_of(interaction: Interaction | None) -> Progress:
    """How far the person got within an interaction."""
    if interaction is None:
        return Progress()
    return Progress(
        interaction.session_id, interaction.acting_for, confirmed=interaction.confirmed_at is not None
    )


async def find_session(
    context: Context, errand: Errand | None, cookie_digest: bytes | None
) -> Session | None:
    """The browser's live session, with what it settled for this client."""
    if cookie_digest is None:
        return None
    client_id = "" if errand is None else errand.client.client_id
    return await sessions.find(context.db, cookie_digest, context.now, client_id=client_id)


async def look(
    context: Context,
    errand: Errand | None,
    session: Session | None,
    progress: Progress,
    own: Demands = PLAIN,
) -> Situation:
    """Gather what decides the next step; the registers are asked only where there is somebody to ask for.

    Raises:
        InvalidRequest: `id_token_hint` is not an ID token of ours for this client.
    """
    wanted = demands(context, errand, own)
    hinted = None if errand is None else _hinted_subject(context, errand)
    if session is None:
        return Situation(wanted, progress, context.now)
    day = today(context.now)
    person = await find_person(context.registers, session.register_record_id)
    return Situation(
        wanted,
        progress,
        context.now,
        session=session,
        person=person,
        standing=Standing.MISSING if person is None else standing(person, day),
        other_person_hinted=errand is not None
        and await _is_for_other_person(context, errand, session, hinted),
        representations=await _representations(context, session) if wanted.organisation else (),
    )


async def with_contacts(context: Context, situation: Situation) -> Situation:
    """The same with how the person can be reached, where the request asks for it: the pages show what is given."""
    asked, session = situation.demands.asked, situation.session
    if asked is None or session is None:
        return situation
    return replace(situation, contacts=await find_contacts(context, session.account_id, asked.claims))


async def _representations(context: Context, session: Session) -> tuple[Representation, ...]:
    found = await find_representations(context.registers, session.register_record_id, today(context.now))
    return tuple(found)


def _hinted_subject(context: Context, errand: Errand) -> str | None:
    """Whom `id_token_hint` names. It is verified also where nobody is here yet: a bad one is the client's mistake."""
    hint = errand.request.unverified_id_token_hint
    if not hint:
        return None
    client_id = errand.client.client_id
    return verify_hint(context.keyring, hint, issuer=context.settings.issuer, client_id=client_id).subject


async def _is_for_other_person(
    context: Context, errand: Errand, session: Session, hinted: str | None
) -> bool:
    """As `_hints_other_person`, or by what a portal's own request says, which came before the person did (CIBA)."""
    if isinstance(errand.target, BackchannelRequest):
        return not await is_about(context, errand.target, session)
    return _hints_other_person(context, errand, session, hinted)


def _hints_other_person(context: Context, errand: Errand, session: Session, hinted: str | None) -> bool:
    """Whether `id_token_hint`, or a `sub` asked for by value, names somebody else (OpenID Connect Core §3.1.2.2)."""
    named = {hinted, errand.request.required_sub} - {None}
    if not named:
        return False
    return named != {pairwise_subject(context.keyring, errand.client.sector, session.account_id)}

"""Our own pages that need a login: what each demands of it, and the way back from them to a portal's request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import orjson
from starlette.requests import Request

from idp.assurance import AuthenticationLevel
from idp.endpoints.beginning import begin_interaction
from idp.endpoints.interaction_views import stopped_by
from idp.endpoints.showing import show
from idp.endpoints.surroundings import Surroundings
from idp.http.responses import Answer
from idp.interaction.conversation import PLAIN, find_session, look
from idp.interaction.steps import Demands, Issue, Progress, Stop, next_step
from idp.oidc.client import Client
from idp.registers.types import Person
from idp.store import interactions
from idp.store.interactions import Interaction
from idp.store.sessions import Session

ACCOUNT: Final = "/account"
DEVICE: Final = "/device"
REQUESTS: Final = "/account/requests"
AUTHENTICATOR: Final = "/account/authenticator"
FRESH_SECONDS: Final = 10 * 60
"""How old a login may be for what changes the ways of logging in."""

OWN_PAGES: Final[Mapping[str, Demands]] = MappingProxyType(
    {
        ACCOUNT: PLAIN,
        DEVICE: PLAIN,
        REQUESTS: PLAIN,
        # A wish is asked of whoever has an authenticator, and of nobody else.
        AUTHENTICATOR: Demands(max_age=FRESH_SECONDS, wished_level=AuthenticationLevel.TWO),
    }
)
"""Path -> demands; an interaction without a client leads to one of them."""

BACK: Final = "interaction"
"""The parameter and the field that name the portal's request which waits meanwhile."""
_INTERACTION_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in as the page demands."""

    session: Session
    person: Person


@dataclass(frozen=True, slots=True)
class WayBack:
    """The request of a portal that waits in this browser; `leads_to` is where its answer goes, if to a browser."""

    interaction_id: str
    client: Client
    leads_to: str

    @property
    def path(self) -> str:
        """Where it goes on."""
        return f"/interaction/{self.interaction_id}"


async def enter(request: Request, here: Surroundings, page: str, *, back: str = "") -> SignedIn | Answer:
    """Who is signed in; else the answer that leads to the login and then to the page, or says why nobody can go on."""
    session = await find_session(here.context, None, here.shared.cookies.session_digest(request))
    situation = await look(here.context, None, session, Progress(), OWN_PAGES[page])
    step = next_step(situation)
    if isinstance(step, Stop):
        return show(request, here, stopped_by(request, here, page, None, step.reason), at=page, status=403)
    if not isinstance(step, Issue) or session is None or situation.person is None:
        kept = orjson.dumps({"page": page, "back": back if _INTERACTION_ID.fullmatch(back) else ""})
        return await begin_interaction(request, here, None, kept.decode())
    return SignedIn(session, situation.person)


def demands_of(interaction: Interaction) -> Demands:
    """What the page demands that an interaction without a client leads to."""
    return PLAIN if interaction.client_id is not None else OWN_PAGES.get(_kept(interaction)["page"], PLAIN)


def address_of(interaction: Interaction) -> str:
    """The address of that page."""
    kept = _kept(interaction)
    page = kept["page"] if kept["page"] in OWN_PAGES else ACCOUNT
    back = kept.get("back", "")
    return f"{page}?{BACK}={back}" if back else page


def _kept(interaction: Interaction) -> dict[str, str]:
    kept: dict[str, str] = orjson.loads(interaction.request)
    return kept


async def find_way_back(request: Request, here: Surroundings, interaction_id: str) -> WayBack | None:
    """The portal's request of this id, if it waits in this browser; None for anything else."""
    browser = here.shared.cookies.browser_digest(request)
    if browser is None or not _INTERACTION_ID.fullmatch(interaction_id):
        return None
    found = await interactions.find(here.context.db, interaction_id)
    if found is None or found.browser_digest != browser or found.client_id is None:
        return None
    if found.finished_at is not None or found.expires_at <= here.context.now:
        return None
    client = await here.shared.clients.find(found.client_id)
    if client is None:
        return None
    return WayBack(interaction_id, client, leads_to=_kept(found).get("redirect_uri", ""))

"""The whole state machine of a login: given what is known, what comes next. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from idp.assurance import REACHABLE_LEVELS, AccountLevel, AuthenticationLevel
from idp.errors import (
    AccessDenied,
    ConsentRequired,
    InteractionRequired,
    InvalidAuthorizationDetails,
    LoginRequired,
    OAuthError,
    UnmetAuthenticationRequirements,
)
from idp.interaction.asked import Asked, covered
from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.granting import check_terms, find_lack, grant_details, needed_level
from idp.registers.standing import OrganisationStanding, Standing, organisation_standing
from idp.registers.types import Person, Representation
from idp.store.contacts import Contacts
from idp.store.sessions import Session

ORGANISATION_CLAIM = "vn_organisation"
FRESH_LOGIN = frozenset({"login", "select_account"})
"""Values of `prompt` that a login of earlier does not answer."""
ONESELF = ""  # `acting_for` of a person who acts for nobody else


class WhyLogin(StrEnum):
    """Why a person has to prove who they are, now."""

    NO_SESSION = "no_session"
    ASKED_BY_CLIENT = "asked_by_client"
    TOO_LONG_AGO = "too_long_ago"
    OTHER_PERSON = "other_person"


class Confirmation(StrEnum):
    """What a person has to say that they began themselves."""

    DEVICE = "device"
    APP = "app"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Demands:
    """What the request demands; the defaults are those of our own pages."""

    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    least_level: int = 1
    wished_level: int = 1
    organisation: bool = False
    organisation_required: bool = False
    details: tuple[Detail, ...] = ()
    asked: Asked | None = None
    confirmation: Confirmation | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What the person has done within this interaction."""

    session_id: str | None = None
    acting_for: str | None = None
    consented: bool = False
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides the next step; `contacts` are only shown, and there only where a page may show them."""

    demands: Demands
    progress: Progress
    now: int
    session: Session | None = None
    person: Person | None = None
    standing: Standing | None = None
    other_person_hinted: bool = False
    representations: tuple[Representation, ...] = field(default=())
    contacts: Contacts = field(default_factory=dict)

    @property
    def fresh(self) -> bool:
        """Whether the person proved who they are within this interaction."""
        return self.session is not None and self.progress.session_id == self.session.session_id


@dataclass(frozen=True, slots=True)
class Login:
    """Ask who the person is."""

    why: WhyLogin


@dataclass(frozen=True, slots=True)
class AskSecondFactor:
    """Ask for the code of the person's authenticator app."""


@dataclass(frozen=True, slots=True)
class LackSecondFactor:
    """Tell how to get an authenticator app: the request needs one, and the person has none."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody can go on: the reason is an id of `idp.pages.wording.StopReason`."""

    reason: str


@dataclass(frozen=True, slots=True)
class ChooseRepresentation:
    """Ask for whom the person acts."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Show who asks for what and why; ask where consent is the basis."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class Confirm:
    """Ask whether the person began this themselves."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the client with an error: no step of the person could change it."""

    error: OAuthError


@dataclass(frozen=True, slots=True)
class Issue:
    """Everything is settled; `acting_for` is an organisation's record id or `ONESELF`."""

    acting_for: str


Step: TypeAlias = (
    Login
    | AskSecondFactor
    | LackSecondFactor
    | Stop
    | ChooseRepresentation
    | AskConsent
    | Confirm
    | Refuse
    | Issue
)


def _login(situation: Situation) -> Step | None:
    """OpenID Connect Core §3.1.2.3: when the person must be authenticated (again)."""
    demands, session = situation.demands, situation.session
    if session is None:
        return Login(WhyLogin.NO_SESSION)
    if situation.fresh:
        return None
    if "create" in demands.prompt:  # Initiating User Registration 1.0 §4.1: with the account that was created
        return Login(WhyLogin.NO_SESSION)
    if demands.prompt & FRESH_LOGIN or demands.max_age == 0:  # §3.1.2.1: equivalent
        return Login(WhyLogin.ASKED_BY_CLIENT)
    if demands.max_age is not None and situation.now - session.auth_time > demands.max_age:
        return Login(WhyLogin.TOO_LONG_AGO)
    return Login(WhyLogin.OTHER_PERSON) if situation.other_person_hinted else None


def _other_person(situation: Situation) -> Step | None:
    """OpenID Connect Core §3.1.2.1 `id_token_hint`: another person than the hinted one logged in."""
    if situation.other_person_hinted:
        return Refuse(LoginRequired("Another person is logged in than the id_token_hint names."))
    return None


def _stop(situation: Situation) -> Step | None:
    """Decree 69/2024 Art. 15: death, a locked or expired card, a locked account."""
    if situation.session is not None and situation.session.account_locked:
        return Stop("account_locked")
    if situation.standing is not None and situation.standing is not Standing.OK:
        return Stop(situation.standing.value)
    return None


def _second_factor(situation: Situation) -> Step | None:
    """The level asked for: never a higher `acr` than achieved (OpenID Connect Core §5.5.1.1, RFC 9470 §5).

    What is essential is asked of everybody. A wish, and what the person wants asked at every login, is for those who
    have an authenticator; `prompt=none` allows no page for a wish, so it is passed over.
    """
    session, demands = situation.session, situation.demands
    if session is None:
        return None
    wanted = demands.least_level
    if session.second_factor:
        wished = AuthenticationLevel.ONE if "none" in demands.prompt else demands.wished_level
        always = AuthenticationLevel.TWO if session.second_factor_always else AuthenticationLevel.ONE
        wanted = max(wanted, wished, always)
    if session.authentication_level >= wanted:
        return None
    return AskSecondFactor() if session.second_factor else LackSecondFactor()


def acting_for(situation: Situation) -> str | None:
    """The choice in force: made in this interaction, or earlier in this session for this client; None if neither."""
    if not situation.demands.organisation:
        return ONESELF
    available = {r.organisation.record_id for r in usable(situation)}
    if not situation.demands.organisation_required:
        available.add(ONESELF)
    # `select_account` is how a portal lets the person act for somebody else than before.
    asks_anew = "select_account" in situation.demands.prompt
    remembered = None if situation.session is None or asks_anew else situation.session.acting_for
    for choice in (situation.progress.acting_for, remembered):
        if choice in available:
            return choice
    return None if situation.representations or situation.demands.organisation_required else ONESELF


def is_dissolved(representation: Representation) -> bool:
    """Whether nobody can act for the organisation any more."""
    return organisation_standing(representation.organisation) is OrganisationStanding.DISSOLVED


def fitting(situation: Situation) -> tuple[Representation, ...]:
    """The representations in which what is asked could be granted: of the organisation named, with the powers."""
    details = situation.demands.details
    return tuple(r for r in situation.representations if find_lack(details, r) is None)


def usable(situation: Situation) -> tuple[Representation, ...]:
    """The representations that can be chosen: a dissolved organisation cannot be acted for."""
    return tuple(r for r in fitting(situation) if not is_dissolved(r))


def acted_for(situation: Situation) -> Representation | None:
    """The representation in which the person acts; None for oneself, or while it is not chosen."""
    chosen = acting_for(situation)
    return next((r for r in situation.representations if r.organisation.record_id == chosen), None)


def _level(situation: Situation) -> Step | None:
    """What an account of this level cannot grant, its holder cannot be asked for."""
    session, needed = situation.session, needed_level(situation.demands.details)
    if session is not None and AccountLevel(session.ial).value < needed.value:
        return Stop("account_level_low")
    return None


def _representation(situation: Situation) -> Step | None:
    if acting_for(situation) is not None:
        return None
    if usable(situation):
        return ChooseRepresentation()
    if situation.representations:
        return Stop("organisation_dissolved" if fitting(situation) else "mandate_lacking")
    return Refuse(AccessDenied("This person represents no organisation, and the request requires one."))


def asked_now(situation: Situation) -> Asked | None:
    """What is asked of a person who acts for whom they chose.

    Whoever acts for an organisation cannot hide which one: its identity stands in every token. Whoever acts for
    themselves is not asked about any.
    """
    asked, chosen = situation.demands.asked, acting_for(situation)
    if asked is not None and situation.demands.details:
        asked = replace(asked, details=granted_details(situation), acting_for=chosen or ONESELF)
    if asked is None or ORGANISATION_CLAIM not in asked.claims:
        return asked
    if chosen == ONESELF:
        rest = tuple(claim for claim in asked.claims if claim != ORGANISATION_CLAIM)
        return replace(asked, claims=rest, essential=asked.essential - {ORGANISATION_CLAIM})
    return replace(asked, essential=asked.essential | {ORGANISATION_CLAIM})


def granted_details(situation: Situation) -> tuple[Detail, ...]:
    """What the person grants when they agree, in the capacity that they chose; nothing before they did."""
    details = situation.demands.details
    return () if acting_for(situation) is None else grant_details(details, acted_for(situation))


def _consent(situation: Situation) -> Step | None:
    session, asked = situation.session, asked_now(situation)
    if (
        asked is None
        or not (asked.claims or asked.details)
        or session is None
        or situation.progress.consented
    ):
        return None
    if "consent" in situation.demands.prompt or not covered(session, asked):
        return AskConsent(asked)
    return None


def _elsewhere(situation: Situation) -> Step | None:
    """RFC 8628 §5.4, CIBA Core §8: nobody came here from where it was begun, so they are asked whether it was them."""
    asks = situation.demands.confirmation in {Confirmation.DEVICE, Confirmation.PORTAL}
    return Confirm() if asks and not situation.progress.confirmed else None


def _app(situation: Situation) -> Step | None:
    """RFC 8252 §8.6: an app that another could pass itself off as is answered after a page, never in silence."""
    progress = situation.progress
    pressed = situation.fresh or progress.consented or progress.confirmed or progress.acting_for is not None
    return Confirm() if situation.demands.confirmation is Confirmation.APP and not pressed else None


def _reachable(situation: Situation) -> Step | None:
    """A level that nobody can reach is refused before anybody logs in for it."""
    if situation.demands.least_level > max(REACHABLE_LEVELS):
        return Refuse(UnmetAuthenticationRequirements("The requested acr is not among acr_values_supported."))
    return None


def _in_time(situation: Situation) -> Step | None:
    """RFC 9396 §5: what is over, also by now, and what is asked for too long."""
    try:
        check_terms(situation.demands.details, situation.now)
    except InvalidAuthorizationDetails as error:
        return Refuse(error)
    return None


RULES: tuple[Callable[[Situation], Step | None], ...] = (
    _reachable,
    _in_time,
    _login,
    _other_person,
    _stop,
    _second_factor,
    _elsewhere,
    _level,
    _representation,
    _consent,
    _app,
)


def next_step(situation: Situation) -> Step:
    """The first rule that wants something, in the order of the table; else the answer can be issued."""
    for rule in RULES:
        step = rule(situation)
        if step is not None:
            return step
    return Issue(acting_for(situation) or ONESELF)


def unmet() -> OAuthError:
    """What the client is told where the person has no authenticator (OpenID Connect Unmet Authentication 1.0 §2)."""
    return UnmetAuthenticationRequirements("The requested acr cannot be reached by this person.")


def silent_error(step: Step) -> OAuthError:
    """The error that `prompt=none` gives in the place of a page (OpenID Connect Core §3.1.2.6)."""
    if isinstance(step, Refuse):
        return step.error
    if isinstance(step, LackSecondFactor):
        return unmet()
    if isinstance(step, Login | AskSecondFactor):
        return LoginRequired("The person has to log in, and prompt=none allows no page.")
    if isinstance(step, AskConsent):
        return ConsentRequired("The person has to see what is asked, and prompt=none allows no page.")
    return InteractionRequired("The person has to decide something, and prompt=none allows no page.")

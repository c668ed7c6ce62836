"""What the pages of an interaction show: from a situation to a view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from idp.assurance import AccountLevel, AuthenticationLevel
from idp.endpoints.confirmation_views import confirmation
from idp.endpoints.showing import errand_card, locale_of
from idp.endpoints.surroundings import Surroundings
from idp.interaction.asked import Asked, mark
from idp.interaction.conversation import Errand
from idp.interaction.second_factor import session_mark
from idp.interaction.steps import (
    ONESELF,
    AskConsent,
    AskSecondFactor,
    ChooseRepresentation,
    Confirm,
    LackSecondFactor,
    Login,
    Situation,
    Step,
    Stop,
    WhyLogin,
    acted_for,
    acting_for,
    fitting,
    is_dissolved,
)
from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.detail_type import Lack
from idp.oidc.authorization_details.granting import find_lack
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.claims.release import Release, claim_values
from idp.oidc.client import Client
from idp.oidc.subject import pairwise_subject
from idp.pages import authenticator_views, views
from idp.pages.detail_lines import DetailFact, DetailLine
from idp.pages.forms import FieldProblem
from idp.pages.i18n import Locale
from idp.pages.views import ClaimLine, ClientCard, OrganisationChoice, View
from idp.pages.wording import LoginReason, OrganisationRole, StopReason, Unavailable
from idp.registers.calendar import today
from idp.registers.personal_code import is_personal_number
from idp.registers.types import IdentifierScheme, OrganisationType, Representation, RepresentativeRole

_REASONS = {
    WhyLogin.NO_SESSION: LoginReason.FIRST,
    WhyLogin.ASKED_BY_CLIENT: LoginReason.ASKED_BY_CLIENT,
    WhyLogin.TOO_LONG_AGO: LoginReason.TOO_LONG_AGO,
    WhyLogin.OTHER_PERSON: LoginReason.OTHER_PERSON,
}
_LACKS = {
    Lack.NO_ORGANISATION: Unavailable.NOT_NAMED,
    Lack.NOT_NAMED: Unavailable.NOT_NAMED,
    Lack.POWERS: Unavailable.POWERS_LACKING,
}


@dataclass(frozen=True, slots=True)
class Typed:
    """A form that comes back: what is wrong with it, and what need not be typed again."""

    problems: tuple[FieldProblem, ...] = ()
    personal_number: str = ""
    retry_at: int | None = None
    ticked: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """One page to be made: for which request, portal and situation."""

    here: Surroundings
    path: str
    errand: Errand | None
    situation: Situation
    locale: Locale

    @property
    def card(self) -> ClientCard | None:
        """The portal."""
        return None if self.errand is None else errand_card(self.errand, self.locale)

    @property
    def cancel(self) -> str:
        """Where the way back to the portal posts to."""
        return "" if self.errand is None else f"{self.path}/cancel"


def view_of(desk: Desk, step: Step, typed: Typed) -> View:
    """The page of a step."""
    errand = desk.errand
    match step:
        case Login():
            return _login(desk, step, typed)
        case AskSecondFactor():
            return _second_factor(desk, typed)
        case LackSecondFactor():
            return _second_factor_missing(desk)
        case Stop():
            return _stopped(desk, step.reason)
        case ChooseRepresentation() if errand is not None:
            return _representation(desk, errand, typed)
        case AskConsent() if errand is not None:
            return _asking(desk, errand, step.asked, typed)
        case Confirm() if errand is not None:
            return confirmation(desk.here, desk.path, errand, desk.situation, desk.locale)
        case _:
            raise AssertionError(f"{step} has no page")


def _login(desk: Desk, step: Login, typed: Typed) -> View:
    known = desk.situation.person if step.why in (WhyLogin.ASKED_BY_CLIENT, WhyLogin.TOO_LONG_AGO) else None
    ours = desk.errand is None and step.why is WhyLogin.TOO_LONG_AGO
    return views.Login(
        action=f"{desk.path}/login",
        client=desk.card,
        reason=LoginReason.STRONGER_NEEDED if ours else _REASONS[step.why],
        personal_number=typed.personal_number
        or _hinted_number(desk.errand)
        or ("" if known is None else known.personal_number),
        retry_at=typed.retry_at,
        cancel_action=desk.cancel,
        problems=typed.problems,
    )


def _hinted_number(errand: Errand | None) -> str:
    """A `login_hint` that can be a personal number; any other kind of hint is of no use here (Core §3.1.2.1)."""
    hint = "" if errand is None else errand.request.login_hint.strip()
    return hint if is_personal_number(hint) else ""


def _second_factor(desk: Desk, typed: Typed) -> View:
    if desk.situation.session is None:
        raise AssertionError("nobody is asked for a code without a session")
    return authenticator_views.SecondFactor(
        action=f"{desk.path}/second-factor",
        client=desk.card,
        person_name=_name(desk),
        asked=session_mark(desk.situation.session),
        retry_at=typed.retry_at,
        cancel_action=desk.cancel,
        problems=typed.problems,
    )


def _second_factor_missing(desk: Desk) -> View:
    interaction_id = desk.path.rpartition("/")[2]
    return authenticator_views.SecondFactorMissing(
        set_up_url=f"/account/authenticator?interaction={interaction_id}",
        client=desk.card,
        person_name=_name(desk),
        back_action=desk.cancel,
    )


def _stopped(desk: Desk, reason: str) -> View:
    """The organisation's name is told where it is the reason."""
    names = [r.organisation.legal_name for r in fitting(desk.situation)]
    return views.LoginStopped(
        reason=StopReason(reason),
        client=desk.card,
        organisation_name=names[0] if names else "",
        back_action=desk.cancel,
    )


def stopped_by(request: Request, here: Surroundings, path: str, errand: Errand | None, reason: str) -> View:
    """The page for somebody who gave the right password and cannot go on."""
    locale = locale_of(request, here, errand)
    return views.LoginStopped(
        reason=StopReason(reason),
        client=None if errand is None else errand_card(errand, locale),
        back_action="" if errand is None else f"{path}/cancel",
    )


def _representation(desk: Desk, errand: Errand, typed: Typed) -> View:
    return views.Representation(
        action=f"{desk.path}/representation",
        client=errand_card(errand, desk.locale),
        person_name=_name(desk),
        self_allowed=not desk.situation.demands.organisation_required,
        organisations=tuple(_choice(r, desk.situation) for r in desk.situation.representations),
        cancel_action=desk.cancel,
        problems=typed.problems,
    )


def _unavailable(representation: Representation, situation: Situation) -> Unavailable | None:
    if is_dissolved(representation):
        return Unavailable.DISSOLVED
    lack = find_lack(situation.demands.details, representation)
    return None if lack is None else _LACKS[lack]


def _choice(representation: Representation, situation: Situation) -> OrganisationChoice:
    organisation = representation.organisation
    return OrganisationChoice(
        record_id=organisation.record_id,
        legal_name=organisation.legal_name,
        code=_code(representation),
        role=_role(representation),
        unavailable=_unavailable(representation, situation),
    )


def _code(representation: Representation) -> str:
    """The identifier that people know an organisation by: its enterprise code where it has one."""
    identifiers = representation.organisation.identifiers
    known = [i.value for i in identifiers if i.scheme is IdentifierScheme.ENTERPRISE_CODE]
    return known[0] if known else (identifiers[0].value if identifiers else "")


def _role(representation: Representation) -> OrganisationRole:
    if representation.organisation.type is OrganisationType.HOUSEHOLD_BUSINESS:
        return OrganisationRole.OWNER
    if representation.representative.role is RepresentativeRole.HEAD:
        return OrganisationRole.HEAD
    return OrganisationRole.LEGAL_REPRESENTATIVE


def _asking(desk: Desk, errand: Errand, asked: Asked, typed: Typed) -> View:
    client, office = errand.client, acted_for(desk.situation)
    lines, details = _lines(desk, client, asked, office), tuple(map(detail_line, asked.details))
    organisation = "" if office is None else office.organisation.legal_name
    shown = shown_to(desk.situation, asked)
    if asked.basis == "consent":
        return views.Consent(
            action=f"{desk.path}/consent",
            client=errand_card(errand, desk.locale),
            person_name=_name(desk),
            claims=lines,
            purpose=_in(desk.locale, client.purpose),
            details=details,
            allowed=typed.allowed,
            organisation_name=organisation,
            shown=shown,
            ticked=typed.ticked,
            problems=typed.problems,
        )
    return views.Notice(
        action=f"{desk.path}/consent",
        client=errand_card(errand, desk.locale),
        person_name=_name(desk),
        claims=lines,
        purpose=_in(desk.locale, client.purpose),
        legal_reference=client.legal_reference,
        details=details,
        allowed=typed.allowed,
        organisation_name=organisation,
        shown=shown,
        cancel_action=desk.cancel,
        problems=typed.problems,
    )


def shown_to(situation: Situation, asked: Asked) -> str:
    """The mark of a page that asks this of the person who is there."""
    if situation.session is None:
        raise AssertionError("nobody is asked without a session")
    return mark(situation.session, asked, acting_for(situation) or ONESELF)


def _lines(desk: Desk, client: Client, asked: Asked, office: Representation | None) -> tuple[ClaimLine, ...]:
    """Each claim with the value that would be given, as the person reads it."""
    person, session = desk.situation.person, desk.situation.session
    if person is None or session is None:
        raise AssertionError("nobody is asked without a session")
    release = Release(
        subject=pairwise_subject(desk.here.context.keyring, client.sector, session.account_id),
        today=today(desk.situation.now),
        account_level=AccountLevel(session.ial),
        authentication_level=AuthenticationLevel(session.authentication_level),
        representation=office,
        contacts=desk.situation.contacts,
    )
    values = claim_values(person, asked.claims, release)
    return tuple(
        ClaimLine(claim=claim, value=readable(values.get(claim)), required=claim in asked.essential)
        for claim in asked.claims
    )


def detail_line(detail: Detail) -> DetailLine:
    """What a granted detail says, in the order in which its type is shown."""
    shown = TYPES[detail["type"]].shown
    facts = (DetailFact(member=member, values=_values(detail.get(member))) for member in shown)
    return DetailLine(type=detail["type"], facts=tuple(facts))


def _values(value: object) -> tuple[str, ...]:
    """What is not so need not be said; of a list, each."""
    if value is None or value is False:
        return ()
    return tuple(map(readable, value)) if isinstance(value, list) else (readable(value),)


def readable(value: object) -> str:
    """A claim's value as one line: of an object, the member that a person knows it by."""
    match value:
        case bool():
            return str(value).lower()
        case {"formatted": str(text)} | {"legal_name": str(text)} | {"value": str(text)}:
            return text
        case dict() | list() | None:
            return ""
        case _:
            return str(value)


def _in(locale: Locale, texts: Mapping[str, str]) -> str:
    """A text of the client's in this language, else in Vietnamese."""
    return texts.get(locale) or texts.get("vi", "")


def _name(desk: Desk) -> str:
    return "" if desk.situation.person is None else desk.situation.person.name

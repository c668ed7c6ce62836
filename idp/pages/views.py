"""One frozen dataclass a page: what it shows, typed. Templates only display.

Conventions: `..._action` is where a form posts to, `..._url` is where a link goes; times are epoch seconds; names and
addresses are shown as they are given. Every form also carries the hidden field `csrf_token`.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from idp.assurance import AccountLevel
from idp.pages.detail_lines import DetailLine
from idp.pages.errors import ERROR_PAGES, ErrorText
from idp.pages.forms import FieldProblem
from idp.pages.wording import (
    Basis,
    Done,
    HistoryEvent,
    LoginReason,
    OrganisationRole,
    StopReason,
    Unavailable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCard:
    """The portal that a person is on the way to, as it is registered.

    `logo_url` must be an address of our own (the strict content security policy loads nothing from elsewhere);
    `name_lang` is the language of `name` and `agency`. `on_device` and `at_portal` say
    that it waits elsewhere, on a device or at its own counter.
    """

    name: str
    agency: str
    name_lang: str = "vi"
    logo_url: str = ""
    policy_url: str = ""
    tos_url: str = ""
    on_device: bool = False
    at_portal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A page; `problems` are shown in its error summary and beside their fields."""

    template: ClassVar[str]
    problems: tuple[FieldProblem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Front(View):
    """`/`: what this is. `signed_in` shows the way to the account rather than to the sign-in."""

    template: ClassVar[str] = "front.html"
    signed_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(View):
    """Fields `personal_number` and `password`. Without `client` it leads to the account page.

    `retry_at` is when a throttled person may try again; `cancel_action` empty leaves the cancel button out.
    `personal_number` is what was typed, or, for a renewed sign-in, who is signed in.
    """

    template: ClassVar[str] = "login.html"
    action: str
    client: ClientCard | None = None
    reason: LoginReason = LoginReason.FIRST
    personal_number: str = ""
    retry_at: int | None = None
    cancel_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationChoice:
    """An organisation that a person may act for; `unavailable` shows it disabled with its reason."""

    record_id: str
    legal_name: str
    code: str
    role: OrganisationRole
    unavailable: Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation(View):
    """Radio `acting_for`: `self`, or the `record_id` of an organisation."""

    template: ClassVar[str] = "representation.html"
    action: str
    client: ClientCard
    person_name: str
    self_allowed: bool = True
    organisations: tuple[OrganisationChoice, ...] = ()
    chosen: str = ""
    cancel_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLine:
    """One piece of information that a portal asks for.

    `value` is what would be given: a `birthdate` in ISO form, `true` or `false`, a word of a closed list, else free
    text; empty when the registers hold nothing. `required` matters on the consent page only.
    """

    claim: str
    value: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(View):
    """A portal with a task given by law: button `decision=continue`. No agreement is asked for to the `claims`.

    What the portal may do in the person's name is not in the law: checkboxes `detail`, by the number of the line, all
    of them needed; `allowed` are those that were ticked. `shown` comes back with the answer and says what the page
    showed, to whom.
    """

    template: ClassVar[str] = "notice.html"
    action: str
    client: ClientCard
    person_name: str
    claims: tuple[ClaimLine, ...]
    purpose: str
    legal_reference: str
    details: tuple[DetailLine, ...] = ()
    allowed: tuple[str, ...] = ()
    organisation_name: str = ""
    shown: str = ""
    cancel_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(View):
    """Checkboxes `claim`, buttons `decision=allow` and `decision=deny`. Nothing is ticked beforehand (Law 91/2025).

    `ticked` are the claims the person had ticked when the form comes back with a problem; `details`, `allowed` and
    `shown` as for a notice.
    """

    template: ClassVar[str] = "consent.html"
    action: str
    client: ClientCard
    person_name: str
    claims: tuple[ClaimLine, ...]
    purpose: str = ""
    details: tuple[DetailLine, ...] = ()
    allowed: tuple[str, ...] = ()
    organisation_name: str = ""
    shown: str = ""
    ticked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginStopped(View):
    """A sign-in that cannot go on; `back_action` posts the way back to the portal."""

    template: ClassVar[str] = "login_stopped.html"
    reason: StopReason
    client: ClientCard | None = None
    organisation_name: str = ""
    back_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activate(View):
    """First step of activation: fields `personal_number` and `code`.

    On the way to a portal `interaction` names its request, which travels along, and `sign_in_url` is for whoever has
    an account already.
    """

    template: ClassVar[str] = "activate.html"
    action: str = "/activate"
    personal_number: str = ""
    retry_at: int | None = None
    interaction: str = ""
    sign_in_url: str = ""
    client: ClientCard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivatePassword(View):
    """Second step of activation: fields `password` and `password_again`, with the rules in words."""

    template: ClassVar[str] = "activate_password.html"
    action: str = "/activate/password"
    personal_number: str
    minimum_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated(View):
    """The account is ready; prints as a receipt. `number_ending` are the last four digits."""

    template: ClassVar[str] = "activated.html"
    name: str
    number_ending: str
    activated_at: int
    request_id: str = ""
    continue_url: str = "/account"
    client: ClientCard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine:
    """A session of the person; `device` is a short description such as `Chrome, Android`."""

    session_id: str
    device: str
    began_at: int
    seen_at: int
    current: bool = False
    portals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentLine:
    """An agreement in force."""

    consent_id: str
    client_name: str
    agency: str
    claims: tuple[str, ...]
    given_at: int
    details: tuple[DetailLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLine:
    """What a portal received, when it last did, and on what ground."""

    client_name: str
    agency: str
    claims: tuple[str, ...]
    basis: Basis
    last_at: int
    legal_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One event of the person's history of use."""

    at: int
    event: HistoryEvent
    client_name: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLine:
    """A way to reach the person: `claim` is `phone_number` or `email`."""

    claim: str
    value: str
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountActions:
    """Where the forms of the account page post to."""

    end_session: str = "/account/sessions/end"
    end_others: str = "/account/sessions/end-others"
    withdraw: str = "/account/consents/withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(View):
    """The person's own page. Forms: `session`, `consent` hold the id of the line; `older_url` pages the history."""

    template: ClassVar[str] = "account.html"
    name: str
    number_ending: str
    level: AccountLevel
    authenticator: bool = False
    contacts: tuple[ContactLine, ...] = ()
    sessions: tuple[SessionLine, ...] = ()
    consents: tuple[ConsentLine, ...] = ()
    releases: tuple[ReleaseLine, ...] = ()
    history: tuple[HistoryLine, ...] = ()
    requests: int = 0
    done: Done | None = None
    older_url: str = ""
    requests_url: str = "/account/requests"
    sign_out_url: str = "/logout"
    authenticator_url: str = "/account/authenticator"
    actions: AccountActions = field(default_factory=AccountActions)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutConfirm(View):
    """Buttons `decision=logout` and `decision=stay`; `hidden` are the parameters that must survive the question.

    `other_person` says that the portal meant somebody else than who is signed in here.
    """

    template: ClassVar[str] = "logout_confirm.html"
    action: str = "/logout"
    client: ClientCard | None = None
    person_name: str = ""
    other_person: bool = False
    hidden: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut(View):
    """The session has ended. `told` are the services that we tell of it, `portals` those that may not hear of it.

    `frames` are registered addresses of services, loaded unseen (Front-Channel Logout 1.0). `return_url` is the way on,
    if there is one; where the page `returns`, it leads there by itself as soon as all is loaded.
    """

    template: ClassVar[str] = "logged_out.html"
    told: tuple[str, ...] = ()
    portals: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    client: ClientCard | None = None
    return_url: str = ""
    returns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPost(View):
    """OAuth 2.0 Form Post Response Mode 1.0: the parameters travel in a form that sends itself.

    The one page with a script; its hash is `idp.pages.render.FORM_POST_SCRIPT_SHA256`.
    """

    template: ClassVar[str] = "form_post.html"
    redirect_uri: str
    parameters: tuple[tuple[str, str], ...]


BELOW: Final = "other-language"
"""Id of the part of an error page that repeats it in the other language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage(View):
    """An error page; `error` is a key of `ERROR_PAGES`.

    `back_url` is the portal's own address (registered, never from the request), `restart_url` one of ours where the
    person can begin again; `technical` adds a line for the portal's developer and must hold no personal data.
    `in_both_languages` puts the texts in the other language below, under the id `BELOW`: for answers to a form, which
    no link can ask for again.
    """

    template: ClassVar[str] = "error.html"
    error: str
    request_id: str
    back_url: str = ""
    restart_url: str = ""
    client_name: str = ""
    technical: str = ""
    in_both_languages: bool = False

    @property
    def text(self) -> ErrorText:
        """Texts of the error; `KeyError` for an unknown one."""
        return ERROR_PAGES[self.error]

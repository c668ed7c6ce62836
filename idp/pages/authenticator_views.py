"""Pages about the authenticator app: asked for at a login, lacking, and set up. As `idp.pages.views`."""

from dataclasses import dataclass
from typing import ClassVar

from idp.pages.views import ClientCard, View


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor(View):
    """Field `code`: six digits of the app. `asked` comes back with the answer and says whose code was asked for."""

    template: ClassVar[str] = "second_factor.html"
    action: str
    person_name: str
    asked: str
    client: ClientCard | None = None
    retry_at: int | None = None
    cancel_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorMissing(View):
    """The request needs an app that the person has not got: how to get one, and the way back (`decision=lacking`)."""

    template: ClassVar[str] = "second_factor_missing.html"
    set_up_url: str
    person_name: str
    client: ClientCard | None = None
    back_action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatorActions:
    """Where the forms of the authenticator page post to."""

    begin: str = "/account/authenticator/begin"
    confirm: str = "/account/authenticator/confirm"
    choose: str = "/account/authenticator/when"
    remove: str = "/account/authenticator/remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator(View):
    """The person's authenticator app: none, one waiting for its first code (`uri`), or one that counts (`added_at`).

    `uri` holds the secret and is drawn as a QR code; `secret` is the same to type. `interaction` names the portal's
    request that waits and travels with every form; `client` is that portal.
    """

    template: ClassVar[str] = "authenticator.html"
    uri: str = ""
    secret: str = ""
    added_at: int | None = None
    always: bool = False
    interaction: str = ""
    client: ClientCard | None = None
    actions: AuthenticatorActions = AuthenticatorActions()

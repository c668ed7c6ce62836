"""The authorization request (OpenID Connect Core §3.1.2.1): read once, in the order of one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

import orjson

from idp.errors import (
    InvalidRequest,
    OAuthError,
    PageError,
    RegistrationNotSupported,
    RequestNotSupported,
    RequestUriNotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from idp.oidc.authorization_details import request as authorization_details
from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.granting import acts_for_organisation
from idp.oidc.claims.parameter import ClaimRequest, ClaimsRequest, claims_as_json, read_claims
from idp.oidc.client import Client
from idp.oidc.dpop import bound_key
from idp.oidc.grant_types import AUTHORIZATION_CODE
from idp.oidc.parameters import Parameters, check_faultless, read_known
from idp.oidc.pkce import read_challenge
from idp.oidc.prompt import read_prompt
from idp.oidc.redirect_uri import RedirectTarget, ResponseMode, prove_target, response_modes
from idp.oidc.resource import requested_resources
from idp.oidc.scope import ORGANISATION, granted_scope, read_person_scope
from keys import policy

KNOWN_PARAMETERS: Final = frozenset(
    {
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode", "display", "prompt",
        "max_age", "ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values", "claims",
        "code_challenge", "code_challenge_method", "request", "request_uri", "registration", "resource", "dpop_jkt",
        "authorization_details",
    }
)  # fmt: skip

ADDRESS_PARAMETERS: Final = ("client_id", "redirect_uri", "response_mode", "state")
"""They say where and how to answer: when one of them is faulty, there is nobody to tell but the person."""

LIMITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "nonce": 1024,
        "id_token_hint": 8192,
        "claims": 8192,
        authorization_details.NAME: authorization_details.LONGEST,
        "request": policy.MAX_TOKEN_LENGTH,
        "registration": 65536,  # it is refused anyway, so let it be as long as it likes
    }
)
"""Characters, where it is not `MAX_VALUE_LENGTH`."""

DISPLAY_VALUES: Final = ("page", "popup", "touch", "wap")
MAX_AGE_LIMIT: Final = 1 << 31
MAX_LIST: Final = 10

_LISTS: Final = ("scope", "resources", "acr_values", "ui_locales", "claims_locales")
_SECONDS: Final = re.compile(r"[0-9]{1,10}")
_LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What a client asked for, believed as far as it can be: the hint is still unverified. `max_age` is in seconds.

    `authorization_details` are canonical JSON (RFC 9396), `dpop_jkt` is the key that the code will be bound to (RFC
    9449 §10), `pushed` the digest of the pushed request that it came by, in hexadecimal (RFC 9126); each empty where
    none.
    """

    client_id: str
    redirect_uri: str
    response_mode: ResponseMode
    state: str | None
    nonce: str | None
    scope: tuple[str, ...]
    resources: tuple[str, ...] = ()
    code_challenge: str | None
    prompt: frozenset[str]
    max_age: int | None
    acr_values: tuple[str, ...]
    claims: ClaimsRequest
    display: str
    ui_locales: tuple[str, ...]
    claims_locales: tuple[str, ...] = ()
    login_hint: str
    unverified_id_token_hint: str
    authorization_details: str = ""
    dpop_jkt: str = ""
    pushed: str = ""

    @property
    def acr_is_essential(self) -> bool:
        """Whether a login that reaches none of `wanted_acr_values` is an error (§5.5.1.1)."""
        return self._acr.essential

    @property
    def wanted_acr_values(self) -> tuple[str, ...]:
        """The `acr` values asked for: those of the `claims` parameter count before `acr_values` (§5.5.1.1)."""
        return tuple(value for value in self._acr.values if isinstance(value, str)) or self.acr_values

    @property
    def required_sub(self) -> str | None:
        """The `sub` that the person must turn out to have (§5.5.1, §3.1.2.2), or None for anybody."""
        for place in (self.claims.id_token, self.claims.userinfo):
            for value in place.get("sub", ClaimRequest()).values:
                return str(value)
        return None

    @property
    def asks_organisation(self) -> bool:
        """Whether the person is to choose for whom they act."""
        return ORGANISATION in self.scope or acts_for_organisation(self.details)

    @property
    def requires_organisation(self) -> bool:
        """Whether acting for oneself would be of no use to the client."""
        places = (self.claims.userinfo, self.claims.id_token)
        essential = any(place.get("vn_organisation", ClaimRequest()).essential for place in places)
        return (ORGANISATION in self.scope and essential) or acts_for_organisation(self.details)

    @property
    def details(self) -> tuple[Detail, ...]:
        """What else is asked for, by type (RFC 9396)."""
        return authorization_details.kept_details(self.authorization_details)

    @property
    def _acr(self) -> ClaimRequest:
        return self.claims.id_token.get("acr", ClaimRequest())

    def to_json(self) -> str:
        """The text to keep while the person is being asked; `from_json` reads it back."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        kept |= {"prompt": sorted(self.prompt), "claims": claims_as_json(self.claims)}
        return orjson.dumps(kept).decode("utf-8")

    @classmethod
    def from_json(cls, text: str) -> AuthorizationRequest:
        """The request that was kept."""
        kept: dict[str, Any] = orjson.loads(text)
        lists = {name: tuple(kept.get(name, ())) for name in _LISTS}  # older workers know fewer
        return cls(
            **kept | lists | {"prompt": frozenset(kept["prompt"]), "claims": read_claims(kept["claims"])}
        )


def read_parameters(pairs: Sequence[tuple[str, str]]) -> Parameters:
    """The parameters of an authorization request, by GET or POST.

    A fault in any other than `ADDRESS_PARAMETERS` waits for `read_authorization_request`, which can tell the client.

    Raises:
        PageError: a fault in a parameter that says where to answer.
    """
    parameters = read_known(pairs, KNOWN_PARAMETERS, LIMITS)
    for name in ADDRESS_PARAMETERS:
        if name in parameters.faults:
            page = {"client_id": "unknown_client", "redirect_uri": "redirect_uri_mismatch"}.get(
                name, "invalid_request"
            )
            raise PageError(page, detail=f"{name} {parameters.faults[name]}")
    return parameters


def prove_target_again(client: Client, request: AuthorizationRequest, issuer: str) -> RedirectTarget:
    """The target of a request that was kept; the registration may have changed since.

    Raises:
        PageError: as `prove_target`.
    """
    parameters = {
        "redirect_uri": request.redirect_uri,
        "response_mode": request.response_mode,
        "state": request.state or "",
    }
    return prove_target(client, parameters, issuer)


def _check_faultless(parameters: Parameters, _: Client) -> None:
    check_faultless(parameters)


def _refuse(name: str, error: type[OAuthError]) -> Callable[[Parameters, Client], None]:
    def refuse(parameters: Parameters, _: Client) -> None:
        if name in parameters:
            raise error(f"the parameter {name} is not supported; send every parameter by itself")

    return refuse


def _check_response_type(parameters: Parameters, client: Client) -> None:
    response_type = parameters.get("response_type")
    if response_type is None:
        raise InvalidRequest("response_type is missing")
    if response_type != "code":
        raise UnsupportedResponseType("response_type must be code")
    if AUTHORIZATION_CODE not in client.grant_types:
        raise UnauthorizedClient("this client is not registered for the grant type authorization_code")


def _check_response_mode(parameters: Parameters, client: Client) -> None:
    allowed = response_modes(client)
    if parameters.get("response_mode", "query") not in allowed:
        raise InvalidRequest(f"response_mode of this client must be one of {', '.join(allowed)}")


def _read_scope(parameters: Parameters, client: Client) -> tuple[str, ...]:
    scope = read_person_scope(parameters.get("scope", ""), client)
    return granted_scope(client, scope, read_prompt(parameters.get("prompt", "")))


def _read_challenge(parameters: Parameters, client: Client) -> str | None:
    return read_challenge(
        parameters.get("code_challenge", ""),
        parameters.get("code_challenge_method", ""),
        required=client.security.pkce,
    )


def _read_prompt(parameters: Parameters, _: Client) -> frozenset[str]:
    return read_prompt(parameters.get("prompt", ""))


def _read_max_age(parameters: Parameters, client: Client) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return client.default_max_age
    if _SECONDS.fullmatch(text) is None or int(text) >= MAX_AGE_LIMIT:
        raise InvalidRequest("max_age must be a whole number of seconds")
    return int(text)


def _read_acr_values(parameters: Parameters, client: Client) -> tuple[str, ...]:
    return tuple(parameters.get("acr_values", "").split()[:MAX_LIST]) or client.default_acr_values


def _read_claims(parameters: Parameters, _: Client) -> ClaimsRequest:
    return read_claims(parameters.get("claims", ""))


def _read_display(parameters: Parameters, _: Client) -> str:
    """A wish that we may not know: then it is a page."""
    display = parameters.get("display", "page")
    return display if display in DISPLAY_VALUES else "page"


def _read_locales(name: str) -> Callable[[Parameters, Client], tuple[str, ...]]:
    """Wishes: what is no language tag, or not spoken here, is passed over without an error (§3.1.2.1, §5.2)."""

    def read(parameters: Parameters, _: Client) -> tuple[str, ...]:
        tags = parameters.get(name, "").split()
        return tuple(tag for tag in tags if _LANGUAGE_TAG.fullmatch(tag))[:MAX_LIST]

    return read


def _read_details(parameters: Parameters, client: Client) -> str:
    text = parameters.get(authorization_details.NAME)
    if text is None:
        return ""
    resources = parameters.get("resource", "").split()
    return authorization_details.details_text(authorization_details.read_details(text, client, resources))


def _read_text(name: str) -> Callable[[Parameters, Client], str]:
    return lambda parameters, _: parameters.get(name, "")


CHECKS: Final[tuple[Callable[[Parameters, Client], None], ...]] = (
    _check_response_mode,
    _refuse(
        "request", RequestNotSupported
    ),  # where nobody has unfolded it (`idp.oidc.request_object.unfolding`)
    _refuse("request_uri", RequestUriNotSupported),
    _refuse("registration", RegistrationNotSupported),
    _check_faultless,
    _check_response_type,
)
"""What is refused before anything is read, in this order."""

READERS: Final[Mapping[str, Callable[[Parameters, Client], object]]] = MappingProxyType(
    {
        "prompt": _read_prompt,
        "scope": _read_scope,
        "code_challenge": _read_challenge,
        "max_age": _read_max_age,
        "claims": _read_claims,
        "authorization_details": _read_details,
        "acr_values": _read_acr_values,
        "display": _read_display,
        "ui_locales": _read_locales("ui_locales"),
        "claims_locales": _read_locales("claims_locales"),
        "login_hint": _read_text("login_hint"),
        "unverified_id_token_hint": _read_text("id_token_hint"),
        "nonce": lambda parameters, _: parameters.get("nonce"),
        "dpop_jkt": lambda parameters, _: bound_key(parameters.get("dpop_jkt", ""), None),
    }
)
"""Field of the request -> how it is read, in the order in which errors are found."""


def read_authorization_request(
    parameters: Parameters, client: Client, target: RedirectTarget
) -> AuthorizationRequest:
    """The request of a client whose target is proven.

    Raises:
        OAuthError: with the code of RFC 6749 §4.1.2.1, Core §3.1.2.6, RFC 8707 §2, RFC 9396 §5; send it to the target.
    """
    for check in CHECKS:
        check(parameters, client)
    values: dict[str, Any] = {name: read(parameters, client) for name, read in READERS.items()}
    return AuthorizationRequest(
        **values,
        resources=requested_resources(parameters.get("resource", ""), client, target.issuer),
        client_id=client.client_id,
        redirect_uri=target.redirect_uri,
        response_mode=target.response_mode,
        state=target.state,
    )

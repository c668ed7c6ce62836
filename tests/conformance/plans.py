"""The suite's plans that we mean to pass, in which variants, and what each module sees in the browser.

Which results are expected besides PASSED, and why, stands in `expected.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tests.conformance import browser
from tests.conformance.browser import Steps, Visitor

Configuration = dict[str, Any]

STATIC: Final = "static_client"
DYNAMIC: Final = "dynamic_client"

PORTAL: Final = "portal"
FAPI: Final = "fapi"
FAPI_CIBA: Final = "fapi-ciba"

_PLACES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        PORTAL: ("client", "client_secret_post", "client2"),
        FAPI: ("client", "client2"),
        FAPI_CIBA: ("client", "client2"),
    }
)
"""Where the configuration of a plan of each family holds its clients."""

PERSON: Final = "login_hint"
"""How the suite names the person in a CIBA request."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan in one variant; `alias` is the path under which the suite plays its client.

    `family`: whom its clients are, and so what is registered of them.
    """

    name: str
    alias: str
    variant: Mapping[str, str] = field(default_factory=dict)
    form_post: bool = False
    family: str = PORTAL

    @property
    def places(self) -> tuple[str, ...]:
        """Where its configuration holds clients that we register; none where the suite registers them itself."""
        static = self.family != PORTAL or self.variant.get("client_registration") == STATIC
        return _PLACES[self.family] if static else ()

    @property
    def wants_certificates(self) -> bool:
        """Whether its clients connect with a certificate: all those of FAPI-CIBA, which knows no DPoP."""
        told = self.variant.get("client_auth_type"), self.variant.get("sender_constrain")
        return self.family == FAPI_CIBA or "mtls" in told


def _variant(registration: str, **more: str) -> Mapping[str, str]:
    return MappingProxyType({"server_metadata": "discovery", "client_registration": registration, **more})


def _fapi(authentication: str, binding: str, *, signs: bool | None = None) -> Plan:
    """FAPI 2.0 Security Profile; with `signs` Message Signing, whose answers are signed, and whose requests may be."""
    variant = {
        "fapi_profile": "plain_fapi",
        "openid": "openid_connect",
        "authorization_request_type": "simple",
        "client_auth_type": authentication,
        "sender_constrain": binding,
    }
    name = "fapi2-security-profile-final-test-plan"
    alias = f"motcua-fapi2-{'key' if authentication == 'private_key_jwt' else 'mtls'}-{binding}"
    if signs is not None:
        name = "fapi2-message-signing-final-test-plan"
        method = "signed_non_repudiation" if signs else "unsigned"
        variant |= {"fapi_request_method": method, "fapi_response_mode": "jarm"}
        alias += "-signed-jarm" if signs else "-jarm"
    return Plan(name, alias, MappingProxyType(variant), family=FAPI)


def _ciba(mode: str, authentication: str) -> Plan:
    variant = {
        "fapi_ciba_profile": "plain_fapi",
        "client_registration": STATIC,
        "ciba_mode": mode,
        "client_auth_type": authentication,
    }
    alias = f"motcua-ciba-{mode}-{'key' if authentication == 'private_key_jwt' else 'mtls'}"
    return Plan("fapi-ciba-id1-test-plan", alias, MappingProxyType(variant), family=FAPI_CIBA)


PLANS: Final = (
    Plan("oidcc-basic-certification-test-plan", "motcua-basic", _variant(STATIC)),
    Plan("oidcc-basic-certification-test-plan", "motcua-basic-dynamic", _variant(DYNAMIC)),
    Plan("oidcc-config-certification-test-plan", "motcua-config"),
    Plan("oidcc-formpost-basic-certification-test-plan", "motcua-form", _variant(STATIC), form_post=True),
    Plan(
        "oidcc-formpost-basic-certification-test-plan",
        "motcua-form-dynamic",
        _variant(DYNAMIC),
        form_post=True,
    ),
    Plan(
        "oidcc-dynamic-certification-test-plan",
        "motcua-dynamic",
        MappingProxyType({"response_type": "code"}),
    ),
    Plan(
        "oidcc-rp-initiated-logout-certification-test-plan",
        "motcua-logout",
        MappingProxyType({"response_type": "code", "client_registration": DYNAMIC}),
    ),
    Plan(
        "oidcc-backchannel-rp-initiated-logout-certification-test-plan",
        "motcua-backchannel",
        MappingProxyType({"response_type": "code", "client_registration": DYNAMIC}),
    ),
    Plan(
        "oidcc-frontchannel-rp-initiated-logout-certification-test-plan",
        "motcua-frontchannel",
        MappingProxyType({"response_type": "code", "client_registration": DYNAMIC}),
    ),
    Plan(
        "oidcc-3rdparty-init-login-certification-test-plan",
        "motcua-third-party",
        MappingProxyType({"response_type": "code"}),
    ),
    _fapi("private_key_jwt", "dpop"),
    _fapi("private_key_jwt", "mtls"),
    _fapi("mtls", "mtls"),
    _fapi("mtls", "dpop"),
    _fapi("private_key_jwt", "dpop", signs=True),
    _fapi("private_key_jwt", "dpop", signs=False),
    _fapi("mtls", "mtls", signs=True),
    _ciba("poll", "private_key_jwt"),
    _ciba("poll", "mtls"),
    _ciba("ping", "private_key_jwt"),
    _ciba("ping", "mtls"),
)


def _error(path: str, error: str) -> Any:
    return lambda visitor: browser.error_shown(visitor, path, error)


def _logout_shown(visitor: Visitor) -> Steps:
    return browser.together(browser.login(visitor), browser.logout_shown(visitor))


def _logout_refused(error: str) -> Any:
    def steps(visitor: Visitor) -> Steps:
        return browser.together(browser.login(visitor), browser.error_shown(visitor, "/logout", error))

    return steps


def _shown(element: str) -> Any:
    return lambda visitor: browser.login_shown(visitor, seen=element)


_REFUSED_URI: Final = _error("/authorize", "invalid_request_uri")
_SP: Final = "fapi2-security-profile-final"


def _login_then(then: Any) -> Any:
    """A login at the first request, and something else at the next one."""

    def steps(visitor: Visitor) -> Steps:
        return browser.together(browser.login(visitor, times=1), then(visitor))

    return steps


OVERRIDES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        f"{_SP}-user-rejects-authentication": browser.refuse,
        f"{_SP}-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": browser.look_then_login,
        f"{_SP}-par-attempt-reuse-request_uri": _login_then(_REFUSED_URI),
        f"{_SP}-par-attempt-to-use-expired-request_uri": _REFUSED_URI,
        f"{_SP}-par-attempt-to-use-request_uri-for-different-client": _REFUSED_URI,
        "oidcc-prompt-login": browser.login_then_login_shown,
        "oidcc-max-age-1": browser.login_then_login_shown,
        "oidcc-ensure-registered-redirect-uri": _error("/authorize", "redirect_uri_mismatch"),
        "oidcc-ensure-redirect-uri-in-authorization-request": _error("/authorize", "redirect_uri_mismatch"),
        "oidcc-redirect-uri-query-mismatch": _error("/authorize", "redirect_uri_mismatch"),
        "oidcc-redirect-uri-query-added": _error("/authorize", "redirect_uri_mismatch"),
        "oidcc-ensure-request-object-with-redirect-uri": browser.login,
        "oidcc-registration-logo-uri": _shown("logo_uri"),
        "oidcc-registration-policy-uri": _shown("policy_uri"),
        "oidcc-registration-tos-uri": _shown("tos_uri"),
        "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": _logout_refused("logout_redirect_mismatch"),
        "oidcc-rp-initiated-logout-modified-id-token-hint": _logout_refused("invalid_logout_hint"),
        "oidcc-rp-initiated-logout-bad-id-token-hint": _logout_refused("invalid_logout_hint"),
        "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": _logout_refused(
            "logout_redirect_mismatch"
        ),
        "oidcc-rp-initiated-logout-no-id-token-hint": _logout_shown,
        "oidcc-rp-initiated-logout-no-params": _logout_shown,
        "oidcc-rp-initiated-logout-no-post-logout-redirect-uri": _logout_shown,
        "oidcc-rp-initiated-logout-only-state": _logout_shown,
    }
)
"""Modules that want to see a page of ours: what their browser does, by the suite's name of the module."""


def configuration(plan: Plan, visitor: Visitor, clients: Mapping[str, Any]) -> Configuration:
    """The configuration of a plan as the suite reads it; `clients` is its part that tells of the static ones."""
    steps = browser.together(browser.login(visitor), browser.logout(visitor))
    made: Configuration = {
        "alias": plan.alias,
        "description": f"Một Cửa: {plan.name}",
        "server": {"discoveryUrl": f"{visitor.issuer}/.well-known/openid-configuration"},
        "browser": steps,
        "override": {name: {"browser": make(visitor)} for name, make in OVERRIDES.items()},
    }
    if not plan.places:
        made["client"] = {"client_name": f"Bộ kiểm thử {plan.alias}"}
        made["client2"] = {"client_name": f"Bộ kiểm thử {plan.alias}, thứ hai"}
    made |= clients
    if plan.family != PORTAL:
        base = visitor.mtls if plan.wants_certificates else visitor.issuer
        made["resource"] = {"resourceUrl": f"{base}/userinfo"}
    if plan.family == FAPI_CIBA:
        _name_the_person(made, visitor)
    return made


def _name_the_person(made: Configuration, visitor: Visitor) -> None:
    """Whom a request is about, at which level, and who answers it in place of the person."""
    hint = {"hint_type": PERSON, "hint_value": visitor.personal_number}
    made["client"] = {**made.get("client", {}), **hint}
    made["client2"] = {**made.get("client2", {}), **hint, "acr_value": f"{visitor.issuer}/acr/1"}
    made["automated_ciba_approval_url"] = visitor.approval

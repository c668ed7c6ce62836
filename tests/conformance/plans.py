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


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan in one variant; `alias` is the path under which the suite plays its client."""

    name: str
    alias: str
    variant: Mapping[str, str] = field(default_factory=dict)
    form_post: bool = False

    @property
    def registers_itself(self) -> bool:
        """Whether the suite registers its clients at our registration endpoint."""
        return self.variant.get("client_registration") == DYNAMIC


def _variant(registration: str, **more: str) -> Mapping[str, str]:
    return MappingProxyType({"server_metadata": "discovery", "client_registration": registration, **more})


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


OVERRIDES: Final[Mapping[str, Any]] = MappingProxyType(
    {
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


def configuration(plan: Plan, visitor: Visitor, clients: Mapping[str, Mapping[str, Any]]) -> Configuration:
    """The configuration of a plan as the suite reads it; `clients` are the registered ones by their place in it."""
    steps = browser.together(browser.login(visitor), browser.logout(visitor))
    made: Configuration = {
        "alias": plan.alias,
        "description": f"Một Cửa: {plan.name}",
        "server": {"discoveryUrl": f"{visitor.issuer}/.well-known/openid-configuration"},
        "browser": steps,
        "override": {name: {"browser": make(visitor)} for name, make in OVERRIDES.items()},
    }
    if plan.registers_itself or "client_registration" not in plan.variant:
        made["client"] = {"client_name": f"Bộ kiểm thử {plan.alias}"}
        made["client2"] = {"client_name": f"Bộ kiểm thử {plan.alias}, thứ hai"}
    else:
        made |= {place: dict(client) for place, client in clients.items()}
    return made

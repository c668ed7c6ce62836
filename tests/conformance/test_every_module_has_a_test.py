"""Whoever does not run the suite runs its modules all the same: a test of ours, or a row, is named after each.

The lists are those of the suite, release 5.2.4, in the variants that `plans` names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.conformance import fapi_modules as fapi
from tests.conformance.expectations import EXPECTED
from tests.conformance.plans import OVERRIDES, PLANS

TESTS: Final = Path(__file__).parents[1]
FOLDERS: Final = (TESTS / "protocol", TESTS / "browser")

BASIC: Final = (
    "oidcc-server",
    "oidcc-response-type-missing",
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
    "oidcc-alternate-happy-flow",
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-post-request-succeeds",
    "oidcc-server-client-secret-post",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "oidcc-claims-essential",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
)
BASIC_REGISTERED: Final = (
    "oidcc-idtoken-signature",
    "oidcc-idtoken-unsigned",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
)
DYNAMIC: Final = (
    "oidcc-idtoken-rs256",
    "oidcc-idtoken-unsigned",
    "oidcc-userinfo-rs256",
    "oidcc-ensure-redirect-uri-in-authorization-request",
    "oidcc-redirect-uri-query-OK",
    "oidcc-redirect-uri-query-mismatch",
    "oidcc-redirect-uri-query-added",
    "oidcc-redirect-uri-regfrag",
    "oidcc-discovery-endpoint-verification",
    "oidcc-server",
    "oidcc-registration-logo-uri",
    "oidcc-registration-policy-uri",
    "oidcc-registration-tos-uri",
    "oidcc-registration-jwks-uri",
    "oidcc-registration-sector-uri",
    "oidcc-registration-sector-bad",
    "oidcc-server-rotate-keys",
    "oidcc-refresh-token-rp-key-rotation",
    "oidcc-request-uri-unsigned",
    "oidcc-request-uri-signed-rs256",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
)
LOGOUT: Final = (
    "oidcc-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-rp-initiated-logout",
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-no-state",
    "oidcc-rp-initiated-logout-only-state",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
)

STATIC_FILES: Final = ("test_oidc_basic_checklist", "test_oidc_basic_checklist_person")
DYNAMIC_FILE: Final = ("test_oidc_dynamic_checklist",)
LOGOUT_FILE: Final = ("test_oidc_logout_checklist",)
FAPI_FILES: Final = (
    "test_fapi2_checklist",
    "test_fapi2_checklist_refusals",
    "test_fapi2_checklist_tokens",
)
CIBA_FILES: Final = ("test_fapi_ciba", "test_fapi_ciba_refusals", "test_fapi_ciba_ping")

MODULES: Final[Mapping[str, Mapping[tuple[str, ...], tuple[str, ...]]]] = {
    "oidcc-basic-certification-test-plan": {STATIC_FILES: BASIC, DYNAMIC_FILE: BASIC_REGISTERED},
    "oidcc-formpost-basic-certification-test-plan": {STATIC_FILES: BASIC, DYNAMIC_FILE: BASIC_REGISTERED},
    "oidcc-config-certification-test-plan": {
        ("test_oidc_config_checklist",): ("oidcc-discovery-endpoint-verification",)
    },
    "oidcc-dynamic-certification-test-plan": {DYNAMIC_FILE: DYNAMIC},
    "oidcc-rp-initiated-logout-certification-test-plan": {LOGOUT_FILE: LOGOUT},
    "oidcc-frontchannel-rp-initiated-logout-certification-test-plan": {
        LOGOUT_FILE: (
            "oidcc-frontchannel-logout-discovery-endpoint-verification",
            "oidcc-frontchannel-rp-initiated-logout",
        )
    },
    "oidcc-backchannel-rp-initiated-logout-certification-test-plan": {
        LOGOUT_FILE: (
            "oidcc-backchannel-logout-discovery-endpoint-verification",
            "oidcc-backchannel-rp-initiated-logout",
        )
    },
    "oidcc-3rdparty-init-login-certification-test-plan": {
        ("test_oidc_registration",): (
            "oidcc-3rd_party-init-login",
            "oidcc-3rd_party-init-login-nohttps",
        )
    },
    "fapi2-security-profile-final-test-plan": {FAPI_FILES: fapi.SECURITY_PROFILE},
    "fapi2-message-signing-final-test-plan": {FAPI_FILES: fapi.MESSAGE_SIGNING},
    "fapi-ciba-id1-test-plan": {CIBA_FILES: fapi.FAPI_CIBA},
}
"""Plan -> files of tests -> the modules that are found there."""

NO_MODE: Final = {"oidcc-idtoken-unsigned"}
"""Ends at registration, before there is an answer that could come by a form."""

_ROWS: Final = [
    pytest.param(files, module, id=f"{plan}-{module}")
    for plan, places in MODULES.items()
    for files, modules in places.items()
    for module in modules
]


def name_of(module: str) -> str:
    """The name of its test."""
    return f"test_{fapi.short(module).replace('-', '_').lower()}"


@cache
def written_in(file: str) -> Mapping[str, frozenset[str]]:
    """The tests of a file, each with the fixtures that it asks for."""
    found: dict[str, frozenset[str]] = {}
    for folder in FOLDERS:
        for path in folder.glob(f"{file}.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found[node.name] = frozenset(argument.arg for argument in node.args.args)
    return found


@cache
def rows_in(file: str) -> frozenset[str]:
    """The names of the rows in the tables of a file."""
    calls = (
        node
        for folder in FOLDERS
        for path in folder.glob(f"{file}.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.param"
    )
    named = (keyword.value for call in calls for keyword in call.keywords if keyword.arg == "id")
    return frozenset(str(value.value) for value in named if isinstance(value, ast.Constant))


def is_tested_in(file: str, module: str) -> bool:
    """Whether a test of a file, or a row of a table there, has the name of a module."""
    return name_of(module) in written_in(file) or fapi.short(module) in rows_in(file)


def _all_modules() -> Iterator[str]:
    for places in MODULES.values():
        for modules in places.values():
            yield from modules


@pytest.mark.parametrize(("files", "module"), _ROWS)
def test_a_module_has_a_test(files: tuple[str, ...], module: str) -> None:
    assert any(is_tested_in(file, module) for file in files), f"{name_of(module)} in {files}"


@pytest.mark.parametrize("module", [*BASIC, *(name for name in BASIC_REGISTERED if name not in NO_MODE)])
def test_a_module_of_the_basic_plan_is_run_with_form_post_too(module: str) -> None:
    """`suite` and `mode` are fixtures with a parameter for each response mode."""
    files = STATIC_FILES if module in BASIC else DYNAMIC_FILE
    asked = [written_in(file)[name_of(module)] for file in files if name_of(module) in written_in(file)]
    assert all(fixtures & {"suite", "mode"} for fixtures in asked)


def test_every_plan_that_is_run_is_listed() -> None:
    assert {plan.name for plan in PLANS} == MODULES.keys()


@pytest.mark.parametrize(
    ("modules", "count"),
    [
        ((*BASIC, *BASIC_REGISTERED), 38),
        (DYNAMIC, 23),
        (LOGOUT, 11),
        (fapi.SECURITY_PROFILE, 56),
        (fapi.MESSAGE_SIGNING, 70),
        (fapi.FAPI_CIBA, 43),
    ],
)
def test_control_the_lists_are_whole(modules: tuple[str, ...], count: int) -> None:
    assert len(set(modules)) == len(modules) == count


def test_what_is_said_of_modules_is_said_of_modules_of_the_plans() -> None:
    known = set(_all_modules())
    assert known >= OVERRIDES.keys()
    assert known >= {name.rpartition("/")[2] for name in EXPECTED}


def test_control_a_name_that_no_test_has_is_missed() -> None:
    assert not any(is_tested_in(file, "oidcc-implicit-server") for file in STATIC_FILES)
    assert not any(is_tested_in(file, f"{fapi.FAPI2}nothing-of-the-sort") for file in FAPI_FILES)

"""The configurations are what the suite can read, and name what our pages really have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from idp.oidc.client_metadata import read_client
from idp.pages.errors import ERROR_PAGES
from tests.conformance.browser import Visitor
from tests.conformance.expectations import EXPECTED, Verdict, judge
from tests.conformance.plans import FAPI_CIBA, OVERRIDES, PLANS, PORTAL, STATIC, Plan, configuration
from tests.conformance.static_clients import Ground, in_configuration, make_client
from tests.conformance.suite import Module, Outcome
from tests.support.certificates import root
from tests.support.persons import NOW

ISSUER = "https://sso.example.gov.vn"
SUITE = "https://suite.example"
MTLS = "https://mtls.example.gov.vn"
APPROVAL = "http://127.0.0.1:9301/?auth_req_id={auth_req_id}&action={action}"
VISITOR = Visitor(ISSUER, SUITE, "001184000017", "a password", MTLS, APPROVAL)
GROUND = Ground(SUITE, NOW, root())
PLACED = [pytest.param(plan, place, id=f"{plan.alias}-{place}") for plan in PLANS for place in plan.places]
TEMPLATES = Path(__file__).parents[2] / "idp" / "pages" / "templates"
NAMED = re.compile(r'id="([a-z_-]+)"|"(personal_number|password)"')
PLAYED = {"submission_complete"}  # the suite's own page


def commands(steps: list[Any]) -> list[list[Any]]:
    """Everything that is typed, pressed or looked for."""
    return [command for visit in steps for task in visit["tasks"] for command in task.get("commands", [])]


def ids_of_our_pages() -> set[str]:
    """What the templates call their elements."""
    found = NAMED.findall("".join(file.read_text(encoding="utf-8") for file in TEMPLATES.glob("*.html")))
    return {one or other for one, other in found}


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.alias)
def test_every_step_is_at_an_element_that_our_pages_have(plan: Plan) -> None:
    made = configuration(plan, VISITOR, {})
    steps = [*made["browser"], *(one for each in made["override"].values() for one in each["browser"])]
    named = {command[2] for command in commands(steps)} - PLAYED
    missing = {name for name in named if not name.startswith("claim-")} - ids_of_our_pages()
    assert not missing


@pytest.mark.parametrize("module", OVERRIDES)
def test_an_error_that_a_module_shall_see_is_a_page_of_ours(module: str) -> None:
    shown = [command[4] for command in commands(OVERRIDES[module](VISITOR)) if command[2] == "error-code"]
    assert set(shown) <= ERROR_PAGES.keys()


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.alias)
def test_a_configuration_is_json_and_has_the_clients_that_the_suite_does_not_register(plan: Plan) -> None:
    clients = {place: make_client(GROUND, plan, place) for place in plan.places}
    made = json.loads(json.dumps(configuration(plan, VISITOR, in_configuration(clients))))
    assert made["server"]["discoveryUrl"] == f"{ISSUER}/.well-known/openid-configuration"
    static = plan.family != PORTAL or plan.variant.get("client_registration") == STATIC
    assert ("client_id" in made.get("client", {})) == static
    assert ({"mtls", "mtls2"} <= made.keys()) == plan.wants_certificates
    assert ("automated_ciba_approval_url" in made) == (plan.family == FAPI_CIBA)
    if plan.family != PORTAL:
        assert made["resource"]["resourceUrl"].startswith(MTLS if plan.wants_certificates else ISSUER)


@pytest.mark.parametrize(("plan", "place"), PLACED)
def test_the_static_clients_can_be_registered(plan: Plan, place: str) -> None:
    made = make_client(GROUND, plan, place)
    client = read_client(made.metadata, now=NOW)
    assert client.client_id == made.told["client_id"]
    assert (client.token_endpoint_auth_method == "private_key_jwt") == (
        plan.variant.get("client_auth_type") == "private_key_jwt"
    )
    by_dpop = plan.variant.get("sender_constrain") == "dpop"
    assert client.dpop_bound_access_tokens == by_dpop
    assert client.tls_client_certificate_bound_access_tokens == (plan.wants_certificates and not by_dpop)


@pytest.mark.parametrize(
    "plan", [plan for plan in PLANS if plan.family != PORTAL], ids=lambda plan: plan.alias
)
def test_the_two_clients_have_keys_of_their_own_and_private_ones_only_in_the_configuration(
    plan: Plan,
) -> None:
    made = [make_client(GROUND, plan, place) for place in plan.places]
    registered = [key for client in made for key in client.metadata["jwks"]["keys"]]
    told = [key for client in made for key in client.told["jwks"]["keys"]]
    assert len({key["kid"] for key in registered}) == len(registered)
    assert [key["alg"] for key in told] == ["PS256", "ES256"]
    assert all("d" in key for key in told)
    assert not any("d" in key for key in registered)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ("PASSED", Verdict.AS_EXPECTED),
        ("REVIEW", Verdict.AS_EXPECTED),
        ("WARNING", Verdict.WORSE),
        ("SKIPPED", Verdict.WORSE),
        ("FAILED", Verdict.WORSE),
        ("UNKNOWN", Verdict.WORSE),
    ],
)
def test_whatever_is_not_written_down_must_pass(result: str, verdict: Verdict) -> None:
    assert judge(PLANS[0], Outcome(Module("a-module", {}), result, "", ())) is verdict


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_expected_besides_has_a_reason(name: str) -> None:
    expected = EXPECTED[name]
    assert expected["result"] in {"WARNING", "SKIPPED", "FAILED"}
    assert len(expected["why"]) > 20
    assert judge(PLANS[0], Outcome(Module(name, {}), "PASSED", "", ())) is Verdict.BETTER

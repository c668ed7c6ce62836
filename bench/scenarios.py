"""The scenarios: what one flow of each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from bench.plan import Load, Plan
from bench.target import DISCOVERY, BenchClient, Running


def _discovery(plan: Plan, _running: Running) -> None:
    plan.get("discovery", DISCOVERY, must="authorization_endpoint")


def _jwks(plan: Plan, running: Running) -> None:
    plan.get("jwks", running.path_of("jwks_uri"), must='"keys"')


def _client_credentials(plan: Plan, client: BenchClient) -> None:
    body = urlencode({"grant_type": "client_credentials", "scope": client.scope, **client.token})
    plan.post("token", "token_endpoint", client, body)
    plan.capture("access_token")


def _logged_in(plan: Plan, client: BenchClient, *captured: str) -> None:
    """Everybody logs in once before the clock starts."""
    plan.signs(client)
    plan.phase("prelude")
    plan.forget_cookies()
    plan.authorize("log in", client)
    plan.redeem("first token", client, *captured)
    plan.phase("loop")


def _refresh(plan: Plan, client: BenchClient) -> None:
    _logged_in(plan, client, "access_token", "refresh_token")
    plan.post(
        "refresh",
        "token_endpoint",
        client,
        "grant_type=refresh_token&refresh_token={{refresh_token|u}}",
    )
    plan.capture("refresh_token", "access_token")


def _single_sign_on(plan: Plan, client: BenchClient) -> None:
    _logged_in(plan, client, "id_token", "access_token")
    plan.authorize("authorize", client, prompt="none")
    plan.redeem("token", client, "id_token", "access_token")


def _hops(plan: Plan, client: BenchClient) -> None:
    plan.hop_by_hop()
    _single_sign_on(plan, client)
    plan.userinfo(client)


def _login(plan: Plan, client: BenchClient) -> None:
    plan.phase("loop")
    plan.forget_cookies()
    plan.authorize("authorize and log in", client)
    plan.redeem("token", client, "id_token", "access_token")


def _userinfo(plan: Plan, client: BenchClient) -> None:
    _logged_in(plan, client, "access_token")
    plan.userinfo(client)


def _introspect(plan: Plan, client: BenchClient) -> None:
    _logged_in(plan, client, "access_token")
    plan.post("introspect", "introspection_endpoint", client, "token={{access_token|u}}")
    plan.must('"active":true')


_DOCUMENTS: Final[Mapping[str, Callable[[Plan, Running], None]]] = MappingProxyType(
    {"discovery": _discovery, "jwks": _jwks}
)
_FLOWS: Final[Mapping[str, tuple[Callable[[Plan, BenchClient], None], str]]] = MappingProxyType(
    {
        "cc_rs256": (_client_credentials, "cc_rs256"),
        "cc_es256": (_client_credentials, "cc_es256"),
        "refresh": (_refresh, "refresh"),
        "sso": (_single_sign_on, "web"),
        "sso_es256": (_single_sign_on, "web_es256"),
        "fapi_sso": (_single_sign_on, "fapi"),
        "login": (_login, "web"),
        "userinfo": (_userinfo, "web"),
        "introspect": (_introspect, "web"),
        "hops": (_hops, "web_es256"),
        "fapi_hops": (_hops, "fapi"),
    }
)
CLIENTS: Final[Mapping[str, str]] = MappingProxyType({name: client for name, (_, client) in _FLOWS.items()})
"""Scenario -> the client that it is played with."""
SCENARIOS: Final = (*_DOCUMENTS, *_FLOWS)
"""Their names, in the order of the tables."""

HOPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "hops": ("authorize", "token", "userinfo"),
        "fapi_hops": ("par", "authorize", "token", "userinfo"),
    }
)
"""Scenarios that are measured hop by hop, and their hops; `SCENARIO.HOP` names one in the tables."""


def rows_of(scenario: str) -> tuple[str, ...]:
    """What the tables show of a scenario: itself, or its hops."""
    return tuple(f"{scenario}.{hop}" for hop in HOPS.get(scenario, ())) or (scenario,)


def write_plan(scenario: str, running: Running, load: Load) -> str:
    """The plan file of one scenario for a running target."""
    plan = Plan(running, load)
    if scenario in _DOCUMENTS:
        _DOCUMENTS[scenario](plan, running)
    else:
        write, client = _FLOWS[scenario]
        write(plan, running.target.clients[client])
    return plan.text()

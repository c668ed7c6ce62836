"""Scenarios, written as the plans that `opload` plays."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

from bench.target import DISCOVERY, REDIRECT_URI, BenchClient, Running

_PRELUDE_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Load:
    """How hard: connections at once, and seconds to warm up and to measure. `once` plays one flow instead."""

    connections: int
    seconds: float
    warm_up: float
    once: bool = False


class Plan:
    """Lines of a plan file: a head, then steps with what each sends and expects."""

    def __init__(self, running: Running, load: Load) -> None:
        self._running = running
        host, port = running.host, running.port
        self._lines = [
            f"host {host}",
            f"port {port}",
            f"hosthdr {host}:{port}",
            f"conns {load.connections}",
            f"duration {load.seconds}",
            f"warmup {load.warm_up}",
            f"prelude_timeout {_PRELUDE_SECONDS}",
            "common ",
            f"origin http://{host}:{port}",
        ]
        if load.once:
            self._lines.append("once 1")
        self._people(load.connections)

    def text(self) -> str:
        """The plan file."""
        return "\n".join(self._lines) + "\n"

    def phase(self, name: str) -> None:
        """What follows is played once (`prelude`) or again and again (`loop`)."""
        self._add("phase", name)

    def forget_cookies(self) -> None:
        """The virtual person takes a fresh browser."""
        self._lines.append("clear ")

    def get(self, name: str, path: str, *, must: str, bearer: str = "") -> None:
        """One GET whose answer must contain a text."""
        self._add("req", name)
        self._add("path", path)
        if bearer:
            self._add("header", f"Authorization: Bearer {bearer}")
        self._add("must", must)

    def post(self, name: str, endpoint: str, client: BenchClient, body: str) -> None:
        """One POST of a form by an authenticated client."""
        credentials = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
        self._add("req", name)
        self._add("method", "POST")
        self._add("path", self._running.path_of(endpoint))
        self._add("header", f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}")
        self._add("header", "Content-Type: application/x-www-form-urlencoded")
        self._add("body", body)

    def capture(self, *members: str) -> None:
        """Keep members of the JSON answer as variables; a flow without them has failed."""
        self._add("expect", "200")
        for member in members:
            self._add("capture", f"{member} json {member}")

    def must(self, text: str) -> None:
        """The answer to the last request must contain this."""
        self._add("must", text)

    def authorize(self, name: str, client: BenchClient, **more: str) -> None:
        """An authorization request with PKCE, followed through all pages to the redirect URI."""
        query = urlencode(
            {
                "client_id": client.client_id,
                "response_type": "code",
                "redirect_uri": REDIRECT_URI,
                "scope": client.scope,
                "code_challenge_method": "S256",
                **client.authorize,
                **more,
            }
        )
        path = self._running.path_of("authorization_endpoint")
        variables = "state={{rand}}&nonce={{rand}}&code_challenge={{challenge}}"
        self._add("nav", name)
        self._add("path", f"{path}?{query}&{variables}")
        self._add("done", REDIRECT_URI)
        for rule in self._running.target.pages:
            self._add("rule", f"body {rule.page}")
            for field, value in rule.fields.items():
                self._add("set", f"{field} {value}")

    def redeem(self, name: str, client: BenchClient, *captured: str) -> None:
        """The token request for the code that the authorization brought."""
        body = urlencode({"grant_type": "authorization_code", "redirect_uri": REDIRECT_URI})
        self.post(
            name, "token_endpoint", client, f"{body}&code={{{{code|u}}}}&code_verifier={{{{verifier}}}}"
        )
        self.capture(*captured)

    def _people(self, count: int) -> None:
        people = self._running.target.people
        self._lines.append("rowvars username,password,verifier,challenge")
        for number in range(count):
            person = people[number % len(people)]
            verifier = _base64url(secrets.token_bytes(32))
            challenge = _base64url(hashlib.sha256(verifier.encode()).digest())
            row = (person.username, person.password, verifier, challenge)
            self._lines.append("row " + "\t".join(map(_escaped, row)))

    def _add(self, key: str, value: str) -> None:
        self._lines.append(f"{key} {_escaped(value)}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


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
    plan.phase("prelude")
    plan.forget_cookies()
    plan.authorize("log in", client)
    plan.redeem("first token", client, *captured)
    plan.phase("loop")


def _refresh(plan: Plan, running: Running) -> None:
    client = running.target.clients["refresh"]
    _logged_in(plan, client, "refresh_token")
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


def _login(plan: Plan, running: Running) -> None:
    client = running.target.clients["web"]
    plan.phase("loop")
    plan.forget_cookies()
    plan.authorize("authorize and log in", client)
    plan.redeem("token", client, "id_token", "access_token")


def _userinfo(plan: Plan, running: Running) -> None:
    _logged_in(plan, running.target.clients["web"], "access_token")
    plan.get("userinfo", running.path_of("userinfo_endpoint"), must='"sub"', bearer="{{access_token}}")


def _introspect(plan: Plan, running: Running) -> None:
    client = running.target.clients["web"]
    _logged_in(plan, client, "access_token")
    plan.post("introspect", "introspection_endpoint", client, "token={{access_token|u}}")
    plan.must('"active":true')


SCENARIOS: Final[Mapping[str, Callable[[Plan, Running], None]]] = MappingProxyType(
    {
        "discovery": _discovery,
        "jwks": _jwks,
        "cc_rs256": lambda plan, running: _client_credentials(plan, running.target.clients["cc_rs256"]),
        "cc_es256": lambda plan, running: _client_credentials(plan, running.target.clients["cc_es256"]),
        "refresh": _refresh,
        "sso": lambda plan, running: _single_sign_on(plan, running.target.clients["web"]),
        "sso_es256": lambda plan, running: _single_sign_on(plan, running.target.clients["web_es256"]),
        "login": _login,
        "userinfo": _userinfo,
        "introspect": _introspect,
    }
)
"""Name -> what writes its steps; the order is that of the tables."""


def write_plan(scenario: str, running: Running, load: Load) -> str:
    """The plan file of one scenario for a running target."""
    plan = Plan(running, load)
    SCENARIOS[scenario](plan, running)
    return plan.text()

"""What one scenario is made of, written as the plans that `opload` plays."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from bench.client_keys import Key, base64url
from bench.target import REDIRECT_URI, BenchClient, Running

_PRELUDE_SECONDS: Final = 120
_SLOTS_A_SECOND: Final = 16
"""Of a measurement hop by hop: flows of each connection that make a hop together, so that it takes about a second."""
_PAR: Final = "pushed_authorization_request_endpoint"
_PROOFS: Final = {_PAR: "POST", "token_endpoint": "POST", "userinfo_endpoint": "GET"}
"""Endpoint -> the method of requests with a DPoP proof."""
_TIME: Final = re.compile(r'"(\{\{now[+\d]*\}\})"')
"""A time in claims: a number, not a text."""
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


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
        self._slots = max(1, round(load.seconds * _SLOTS_A_SECOND))
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

    def hop_by_hop(self) -> None:
        """All connections make the first step of many flows, then the second, and so on."""
        self._lines.append(f"slots {self._slots}")

    def signs(self, client: BenchClient) -> None:
        """Before the steps: what a client with keys signs, afresh for each request."""
        if client.keys is None:
            return
        issuer, key = str(self._running.discovery["issuer"]), client.keys.assertion
        claims = {"iss": client.client_id, "sub": client.client_id, "aud": issuer, "exp": "{{now+60}}"}
        self._jwt("assertion", key, {"alg": "ES256", "kid": key.thumbprint}, claims)
        key = client.keys.proof
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk}
        for endpoint, method in _PROOFS.items():
            claims = {"htm": method, "htu": str(self._running.discovery[endpoint]), "nonce": "{{dpop_nonce}}"}
            bound = {"ath": "{{access_token|h}}"} if endpoint == "userinfo_endpoint" else {}
            self._jwt(f"proof at {endpoint}", key, head, claims | bound)

    def get(self, name: str, path: str, *, must: str) -> None:
        """One GET whose answer must contain a text."""
        self._add("req", name)
        self._add("path", path)
        self._add("must", must)

    def userinfo(self, client: BenchClient) -> None:
        """One GET of the claims, with the access token."""
        self.get("userinfo", self._running.path_of("userinfo_endpoint"), must='"sub"')
        scheme = "Bearer" if client.keys is None else "DPoP"
        self._add("header", f"Authorization: {scheme} {{{{access_token}}}}")
        self._prove("userinfo_endpoint", client)

    def post(self, name: str, endpoint: str, client: BenchClient, body: str) -> None:
        """One POST of a form by an authenticated client."""
        self._add("req", name)
        self._add("method", "POST")
        self._add("path", self._running.path_of(endpoint))
        self._add("header", "Content-Type: application/x-www-form-urlencoded")
        if client.keys is None:
            credentials = f"{quote(client.client_id, safe='')}:{quote(client.client_secret, safe='')}"
            self._add("header", f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}")
        else:
            assertion = urlencode({"client_assertion_type": _ASSERTION_TYPE})
            body = f"{body}&{assertion}&client_assertion={{{{assertion}}}}"
        self._prove(endpoint, client)
        self._add("body", body)

    def capture(self, *members: str, status: int = 200) -> None:
        """Keep members of the JSON answer as variables; a flow without them has failed."""
        self._add("expect", str(status))
        for member in members:
            self._add("capture", f"{member} json {member}")

    def must(self, text: str) -> None:
        """The answer to the last request must contain this."""
        self._add("must", text)

    def authorize(self, name: str, client: BenchClient, **more: str) -> None:
        """An authorization request with PKCE, followed through all pages to the redirect URI.

        A client with keys pushes it first (RFC 9126), which is a hop of its own.
        """
        fixed = {
            "client_id": client.client_id,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": client.scope,
            "code_challenge_method": "S256",
            **client.authorize,
            **more,
        }
        query = f"{urlencode(fixed)}&state={{{{rand}}}}&nonce={{{{rand}}}}&code_challenge={{{{challenge}}}}"
        if client.keys is not None:
            self.post("par", _PAR, client, query)
            self.capture("request_uri", status=201)
            query = f"{urlencode({'client_id': client.client_id})}&request_uri={{{{request_uri|u}}}}"
        self._add("nav", name)
        self._add("path", f"{self._running.path_of('authorization_endpoint')}?{query}")
        self._add("done", REDIRECT_URI)
        self._add("capture", "iss redirect iss")
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
        self.capture("token_type", *captured)

    def _prove(self, endpoint: str, client: BenchClient) -> None:
        if client.keys is not None and endpoint in _PROOFS:
            self._add("header", f"DPoP: {{{{proof at {endpoint}}}}}")

    def _jwt(self, name: str, key: Key, head: Mapping[str, object], claims: Mapping[str, str]) -> None:
        text = json.dumps({**claims, "jti": "{{rand}}", "iat": "{{now}}"})
        self._add("jwt", name)
        self._add("key", key.pem)
        self._add("head", json.dumps(head))
        self._add("claims", _TIME.sub(r"\1", text))

    def _people(self, count: int) -> None:
        people = self._running.target.people
        self._lines.append("rowvars username,password,verifier,challenge")
        for number in range(count):
            person = people[number % len(people)]
            verifier = base64url(secrets.token_bytes(32))
            challenge = base64url(hashlib.sha256(verifier.encode()).digest())
            row = (person.username, person.password, verifier, challenge)
            self._lines.append("row " + "\t".join(map(_escaped, row)))

    def _add(self, key: str, value: str) -> None:
        self._lines.append(f"{key} {_escaped(value)}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")

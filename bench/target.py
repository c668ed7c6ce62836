"""What is measured: a provider, how it is started, who its clients and people are, and how its pages are filled in."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from bench.client_keys import ClientKeys
from bench.processes import BenchError, Command, Process

DISCOVERY: Final = "/.well-known/openid-configuration"
REDIRECT_URI: Final = "http://127.0.0.1:9/cb"
"""Where codes are sent; nobody listens there, and nobody has to."""
_START_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.003


@dataclass(frozen=True, slots=True)
class BenchClient:
    """A client: with keys one of FAPI 2.0 (`private_key_jwt`, DPoP, pushed requests), else with `client_secret_basic`.

    `token` and `authorize` are further parameters of its requests.
    """

    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    keys: ClientKeys | None = None
    token: Mapping[str, str] = field(default_factory=dict)
    authorize: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Login:
    """A person who can log in."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PageRule:
    """On a page that contains `page`, submit the form around that text with these fields; hidden ones are carried."""

    page: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A provider to be measured. `clients` has the keys cc_rs256, cc_es256, web, web_es256, refresh, fapi."""

    name: str
    about: str
    base_url: str
    server: Command
    clients: Mapping[str, BenchClient]
    people: Sequence[Login]
    pages: Sequence[PageRule]


class Running:
    """A target whose server runs, and what its discovery document says."""

    def __init__(self, target: Target, workers: int, cores: Iterable[int], log: Path) -> None:
        self.target = target
        self.workers = workers
        self._address = urlsplit(target.base_url)
        environment = {**target.server.environment, "WORKERS": str(workers)}
        arguments = [part.replace("{workers}", str(workers)) for part in target.server.arguments]
        self.process = Process(
            Command(arguments, environment, target.server.folder, target.server.account), cores, log
        )
        try:
            self.discovery = self._first_answer(log)
        except BenchError:
            self.process.stop()
            raise
        self.cold_start = time.perf_counter() - self.process.started_at

    @property
    def host(self) -> str:
        """Address it listens on."""
        return self._address.hostname or ""

    @property
    def port(self) -> int:
        """Port it listens on."""
        return self._address.port or 80

    def path_of(self, endpoint: str) -> str:
        """Path of an endpoint that discovery names, such as `token_endpoint`."""
        return urlsplit(str(self.discovery[endpoint])).path

    def get_json(self, path: str) -> Mapping[str, Any]:
        """A public document.

        Raises:
            OSError: nobody answers.
            BenchError: the answer is no success.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise BenchError(f"{self.target.name} answers {answer.status} at {path}.")
        return MappingProxyType(json.loads(body))

    def _first_answer(self, log: Path) -> Mapping[str, Any]:
        deadline = time.perf_counter() + _START_SECONDS
        while time.perf_counter() < deadline and not self.process.ended:
            try:
                return self.get_json(DISCOVERY)
            except OSError:
                time.sleep(_POLL_SECONDS)
        raise BenchError(f"{self.target.name} did not start; its own words are in {log}.")

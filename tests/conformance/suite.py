"""The suite's own interface: make a plan, run its modules, read how they ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx2

WAIT_MILLISECONDS: Final = 25_000
POLLS: Final = 20
"""How often a module is waited for before it is given up: eight minutes; one of them waits thirty seconds by itself."""

ENDS: Final = ("FINISHED", "INTERRUPTED")


@dataclass(frozen=True, slots=True)
class Module:
    """One test module of a plan, in one variant."""

    name: str
    variant: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a module ended: PASSED, WARNING, REVIEW, SKIPPED, FAILED, or UNKNOWN where it did not."""

    module: Module
    result: str
    address: str
    failures: tuple[str, ...]


class Suite:
    """A running suite. Its certificate is its own business: it stands on the tester's machine."""

    def __init__(self, address: str, token: str = "") -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.address = address.rstrip("/")
        self._http = httpx2.Client(
            base_url=self.address, headers=headers, verify=False, timeout=WAIT_MILLISECONDS / 1000 + 30
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def make_plan(
        self, name: str, variant: Mapping[str, str], configuration: Mapping[str, Any]
    ) -> tuple[str, Sequence[Module]]:
        """A plan's id and its modules, in their order."""
        made = self._http.post(
            "/api/plan",
            params={"planName": name, "variant": json.dumps(dict(variant))},
            json=dict(configuration),
        )
        body = _expect(made, 201)
        return body["id"], [Module(one["testModule"], one.get("variant") or {}) for one in body["modules"]]

    def begin(self, plan: str, module: Module) -> str:
        """Begin a module; its id."""
        asked = {"test": module.name, "plan": plan, "variant": json.dumps(dict(module.variant))}
        body = _expect(self._http.post("/api/runner", params=asked), 201)
        return str(body["id"])

    def wait(self, run: str, *states: str) -> str:
        """The state that the module has come to: one of those, or its end; empty when it does not come to one."""
        wanted = ",".join({*states, *ENDS})
        for _ in range(POLLS):
            asked: dict[str, str | int] = {"states": wanted, "timeoutMs": WAIT_MILLISECONDS}
            answer = self._http.get(f"/api/runner/{run}/wait-state", params=asked)
            if answer.status_code == 404:  # it has ended and is forgotten
                return str(self._info(run)["status"])
            if state := _expect(answer, 200).get("state"):
                return str(state)
        return ""

    def start(self, run: str) -> None:
        """Let a module go on that waits for it; `wait` tells whether it does.

        The suite answers with a picture of the module, which runs on meanwhile: now and then drawing it fails.
        """
        self._http.post(f"/api/runner/{run}")

    def outcome(self, run: str, module: Module) -> Outcome:
        """How a module ended, with what its log calls failures and warnings."""
        log = _expect(self._http.get(f"/api/log/{run}"), 200)
        failures = tuple(
            f"{one['result']}: {one.get('src', '')}: {one.get('msg', '')}"
            for one in log
            if one.get("result") in {"FAILURE", "WARNING"}
        )
        result = self._info(run).get("result") or "UNKNOWN"
        return Outcome(module, str(result), f"{self.address}/log-detail.html?log={run}", failures)

    def _info(self, run: str) -> Mapping[str, Any]:
        return dict(_expect(self._http.get(f"/api/info/{run}"), 200))


def _expect(answer: httpx2.Response, status: int) -> Any:
    if answer.status_code != status:
        raise SystemExit(f"The suite answered {answer.status_code} to {answer.url}: {answer.text[:400]}")
    return answer.json()

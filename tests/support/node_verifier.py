"""Tokens verified by programs in another language: `tests/support/node/verify.mjs`, installed by `.ci/node-modules`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pytest

_ROOT: Final = Path(__file__).parents[2]
_INSTALLED: Final = _ROOT / ".venv" / "node"
_PROGRAM: Final = _ROOT / "tests" / "support" / "node" / "verify.mjs"
_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Case:
    """A token, and what a portal expects of it."""

    token: str
    jwks: Mapping[str, Any]
    algorithm: str
    type: str
    audience: str
    private_jwk: Mapping[str, Any] | None = None
    """The portal's own key, where the token is encrypted for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a case: claims that were verified, or why not."""

    claims: Mapping[str, Any] | None
    header: Mapping[str, Any]
    by: tuple[str, ...]
    thumbprints: tuple[str, ...]
    refused: str
    envelope: Mapping[str, Any]
    """The header of the encryption, where there is one."""


def verify_in_node(cases: Sequence[Case], *, issuer: str, now: int) -> list[Answer]:
    """Have all of them verified by one run of Node."""
    if not (_INSTALLED / "node_modules" / "jose").is_dir():
        pytest.fail("The verifiers in JavaScript are not installed: run `.ci/node-modules`, or `make test`.")
    asked = {"issuer": issuer, "now": now, "cases": [asdict(case) for case in cases]}
    # Given as text, the program finds its packages from the folder in which it runs.
    run = subprocess.run(
        ["node", "--input-type=module", "--eval", _PROGRAM.read_text("utf-8")],
        input=json.dumps(asked),
        cwd=_INSTALLED,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [_answer(found) for found in json.loads(run.stdout)]


def _answer(found: Mapping[str, Any]) -> Answer:
    return Answer(
        claims=found.get("claims"),
        header=found.get("header", {}),
        by=tuple(found.get("by", ())),
        thumbprints=tuple(found.get("thumbprints", ())),
        refused=found.get("refused", ""),
        envelope=found.get("envelope", {}),
    )

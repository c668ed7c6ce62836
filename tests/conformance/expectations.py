"""What is expected of modules besides PASSED, and why; anything worse makes the run fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path
from typing import Final

from tests.conformance.plans import Plan
from tests.conformance.suite import Outcome

GOOD: Final = ("PASSED", "REVIEW")
"""REVIEW: passed, and somebody at the foundation looks at the picture of a page."""

EXPECTED: Final[Mapping[str, Mapping[str, str]]] = json.loads(
    (Path(__file__).parent / "expected.json").read_text(encoding="utf-8")
)
"""Module, or `plan alias/module` -> the result and why."""


class Verdict(Enum):
    """An outcome beside what was expected."""

    AS_EXPECTED = auto()
    BETTER = auto()
    WORSE = auto()


def judge(plan: Plan, outcome: Outcome) -> Verdict:
    """Compare one outcome with what is written down."""
    name = outcome.module.name
    expected = EXPECTED.get(f"{plan.alias}/{name}", EXPECTED.get(name))
    if outcome.result in GOOD:
        return Verdict.AS_EXPECTED if expected is None else Verdict.BETTER
    if expected is not None and outcome.result == expected["result"]:
        return Verdict.AS_EXPECTED
    return Verdict.WORSE

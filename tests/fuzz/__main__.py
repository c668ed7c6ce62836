"""A longer run with other requests each time: `python -m tests.fuzz [seconds] [seed]`.

It goes through all routes again and again, tells each failure with what leads to it, and goes on.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from idp.authentication.hashing import PasswordHasher
from keys.seal import create_kek_file
from tests.fuzz.running import Run, attempt_operation, attempt_rough, fuzzing, operations
from tests.support.ground import make_ground, remove_ground
from tests.support.installation import impress
from tests.support.provider import NOW, PASSWORD, Ground

DEFAULT_SECONDS: Final = 600
EACH: Final = 60
ROUGH: Final = 4_000


async def _ground(folder: Path) -> Ground:
    kek = create_kek_file(folder / "kek")
    impression = await impress(folder, kek, NOW - 86_400)
    hasher = PasswordHasher()
    verifier = await hasher.hash(PASSWORD)
    hasher.close()
    return Ground(folder / "kek", impression, verifier)


def _told(name: str, attempt: Callable[[], None]) -> bool:
    """Whether an attempt failed; if so, it is told."""
    try:
        attempt()
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding, and the run goes on
        print(f"\n--- {name}\n{traceback.format_exc(limit=-4)}")  # noqa: T201 - a program
        return True
    return False


def _round(run: Run, seed: int, end: float) -> int:
    """All routes once, or until the time is over; the number of failures."""
    failures = 0
    for name, operation in operations():
        if time.monotonic() > end:
            return failures
        failures += _told(name, partial(attempt_operation, run, name, operation, examples=EACH, seed=seed))
    return failures + _told("rough", partial(attempt_rough, run, examples=ROUGH, seed=seed))


def _table(answers: Counter[tuple[str, int]]) -> str:
    names = sorted({name for name, _ in answers})
    rows = (
        (
            name,
            " ".join(
                f"{status}:{answers[key]}" for key in sorted(answers) for status in [key[1]] if key[0] == name
            ),
        )
        for name in names
    )
    return "\n".join(f"{name:55} {row}" for name, row in rows)


def main(seconds: float, seed: int) -> int:
    """Fuzz for so long; the number of failures."""
    make_ground()
    end, failures, rounds = time.monotonic() + seconds, 0, 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            ground = asyncio.run(_ground(Path(folder)))
            with fuzzing(Path(folder), ground) as run:
                while time.monotonic() < end:
                    failures += _round(run, seed + rounds, end)
                    rounds += 1
                print(_table(run.answers))  # noqa: T201 - a program
                sent = sum(run.answers.values())
    finally:
        remove_ground()
    print(f"seed {seed}, rounds {rounds}, answers {sent}, failures {failures}")  # noqa: T201 - a program
    return failures


if __name__ == "__main__":
    given = [float(one) for one in sys.argv[1:]]
    chosen = int(given[1]) if len(given) > 1 else random.SystemRandom().randrange(1 << 32)
    sys.exit(min(1, main(given[0] if given else DEFAULT_SECONDS, chosen)))

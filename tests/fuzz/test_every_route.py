"""A bounded fuzz run over every route: always the same requests. `python -m tests.fuzz` sends others, for longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.fuzz.running import Run, attempt_operation, attempt_rough, fuzzing, operations
from tests.support.provider import Ground

EACH: Final = 12
ROUGH: Final = 600
OPERATIONS: Final = operations()


@pytest.fixture(scope="module")
def run(provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A provider under fire."""
    with fuzzing(tmp_path_factory.mktemp("fuzz"), provider_ground) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_every_route_answers_whatever_it_is_asked(run: Run, name: str, operation: Any) -> None:
    attempt_operation(run, name, operation, examples=EACH)


@pytest.mark.slow
def test_requests_of_no_document_are_answered(run: Run) -> None:
    attempt_rough(run, examples=ROUGH)

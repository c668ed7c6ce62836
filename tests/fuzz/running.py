"""A provider in this process, and a run of requests against all of its routes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from idp.jobs import schedule
from tests.fuzz import rough
from tests.fuzz.document import document
from tests.fuzz.judging import Judge
from tests.fuzz.live import Live
from tests.fuzz.sense import Parts, lay_over, senses
from tests.fuzz.wire import Got, Sent, exchange, following, sent_of
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.provider import Ground, Provider

NEVER = 1_000_000


@dataclass(slots=True)
class Run:
    """One provider under fire. `answers` counts what came back, by route or origin of the request, and by status."""

    provider: Provider
    live: Live
    judge: Judge
    runner: asyncio.Runner
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def renew(self) -> None:
        """Values that are worth something again."""
        self.runner.run(self.live.renew())

    def send(self, name: str, sent: Sent) -> None:
        """One request, the look at its answer, and at the page of ours that it leads to."""
        got = self._judged(name, sent)
        leads_on = None if got is None else following(sent, got)
        if leads_on is not None:
            self._judged(f"{name}, then", leads_on)

    def _judged(self, name: str, sent: Sent) -> Got | None:
        before = self.judge.written()
        try:
            got = self.runner.run(exchange(self.provider.transport().app, sent))
            if got is not None:
                self.answers[name, got.status] += 1
                self.judge.check(sent, got, wrote=self.judge.written() != before)
        except Exception as error:
            raise AssertionError(f"{sent} was answered so that it must not be: {error!r}") from error
        return got

    def send_case(self, name: str, case: Case[Any], sense: Parts, left_out: int) -> None:
        """A generated case with some sense in it, if any client could send it."""
        lay_over(case, sense, left_out)
        sent = sent_of(case, self.live)
        if sent is not None:
            self.send(name, sent)

    def send_rough(self, sent: Sent) -> None:
        """A request of no document."""
        fill = self.live.fill
        headers = tuple((name, fill(value, escaped=False)) for name, value in sent.headers)
        filled = replace(
            sent,
            path=fill(sent.path, escaped=True),
            query=fill(sent.query, escaped=True),
            headers=headers,
            body=fill(sent.body, escaped=True),
        )
        self.send("rough", filled)


@contextmanager
def _no_jobs() -> Iterator[None]:
    """Whatever is written is then written by a request."""
    with pytest.MonkeyPatch.context() as patch:
        for name in vars(schedule):
            if name.endswith("_SECONDS"):
                patch.setattr(schedule, name, NEVER)
        yield


@asynccontextmanager
async def _ready(folder: Path, ground: Ground) -> AsyncIterator[tuple[Provider, Live]]:
    async with provider_on_sqlite(folder, ground) as provider:
        live = Live(provider)
        await live.begin()
        yield provider, live


@contextmanager
def fuzzing(folder: Path, ground: Ground) -> Iterator[Run]:
    """A run on fresh databases, on an event loop of its own."""
    with _no_jobs(), asyncio.Runner() as runner:
        ready = _ready(folder, ground)
        provider, live = runner.run(ready.__aenter__())
        judge = Judge(provider)
        try:
            yield Run(provider, live, judge, runner)
        finally:
            judge.close()
            runner.run(ready.__aexit__(None, None, None))


def operations() -> list[tuple[str, Any]]:
    """Every route with each of its methods, by name."""
    schema = schemathesis.openapi.from_dict(document())
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [(f"{one.method.upper()} {one.path}", one) for one in found]


def attempt(
    strategy: st.SearchStrategy[Any], send: Callable[[Any], None], *, examples: int, seed: int | None = None
) -> None:
    """Send so many examples; the first that must not be is made small and told. Always the same ones without a seed."""

    @hypothesis.settings(
        max_examples=examples,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(strategy)
    def sends(example: Any) -> None:
        send(example)

    (sends if seed is None else hypothesis.seed(seed)(sends))()


def attempt_operation(run: Run, name: str, operation: Any, *, examples: int, seed: int | None = None) -> None:
    """What fits the document, and what does not."""
    run.renew()
    for mode, share in ((GenerationMode.POSITIVE, 2), (GenerationMode.NEGATIVE, 1)):
        drawn = st.tuples(
            operation.as_strategy(generation_mode=mode),
            st.sampled_from([*senses(operation.path) * 3, {}]),
            st.integers(0, 7),
        )
        attempt(
            drawn, lambda example: run.send_case(name, *example), examples=examples * share // 3, seed=seed
        )


def attempt_rough(run: Run, *, examples: int, seed: int | None = None) -> None:
    """What no document describes."""
    run.renew()
    attempt(rough.requests(), run.send_rough, examples=examples, seed=seed)

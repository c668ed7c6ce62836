"""Rounds: in each, every scenario is measured with every target in turn, so that noise hits all of them alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from bench.check import check
from bench.hashing import hash_cpu
from bench.load import Bench, Measurement, measure
from bench.plan import Load
from bench.processes import Memory, wait_for_quiet
from bench.store import Store
from bench.target import Running, Target

_LOGIN_FACTOR: Final = 2  # a login takes so long that its window is wider
_HASH_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Mode:
    """How many workers, and which cores server with store and client have."""

    workers: int
    server_cores: Sequence[int]
    client_cores: Sequence[int]


def modes_of(cores: Sequence[int]) -> Mapping[str, Mode]:
    """The modes on a machine with these cores; with a single one, server and client share it."""
    first, last = cores[:1], cores[-1:]
    return MappingProxyType({"1core": Mode(1, first, last), "2workers": Mode(2, cores[:2], cores[:2])})


@dataclass(frozen=True, slots=True)
class Wish:
    """What to measure: scenarios, how often, how long, and how many seconds to wait for a quiet machine."""

    scenarios: Sequence[str]
    rounds: int
    load: Load
    patience: float


@dataclass(slots=True)
class Outcome:
    """What was measured in one mode: by target and scenario one measurement a round; by target memory and start."""

    measured: dict[str, dict[str, list[Measurement]]] = field(default_factory=dict)
    hashes: list[float] = field(default_factory=list)
    idle: dict[str, list[Memory]] = field(default_factory=dict)
    loaded: dict[str, list[Memory]] = field(default_factory=dict)
    starts: dict[str, list[float]] = field(default_factory=dict)


def run_rounds(bench: Bench, store: Store, targets: Sequence[Target], mode: Mode, wish: Wish) -> Outcome:
    """All rounds of one mode."""
    outcome = Outcome()
    store.process.move_to(mode.server_cores)
    for number in range(wish.rounds):
        with _all_running(bench, targets, mode) as servers:
            for running in servers:
                name = running.target.name
                outcome.starts.setdefault(name, []).append(running.cold_start)
                outcome.idle.setdefault(name, []).append(running.process.memory())
                if number == 0:
                    check(bench, running, wish.scenarios)
            for scenario in wish.scenarios:
                _measure_all(bench, servers, scenario, wish, outcome)
                if scenario == "login":
                    outcome.hashes.append(hash_cpu(_HASH_SECONDS, mode.server_cores))
            for running in servers:
                outcome.loaded.setdefault(running.target.name, []).append(running.process.memory())
        store.tidy()
    return outcome


@contextmanager
def _all_running(bench: Bench, targets: Sequence[Target], mode: Mode) -> Iterator[list[Running]]:
    with ExitStack() as stack:
        servers = []
        for target in targets:
            log = bench.folder / f"{target.name}.log"
            running = Running(target, mode.workers, mode.server_cores, log)
            stack.callback(running.process.stop)
            servers.append(running)
        yield servers


def _measure_all(
    bench: Bench, servers: Sequence[Running], scenario: str, wish: Wish, outcome: Outcome
) -> None:
    load = wish.load
    if scenario == "login":
        load = Load(load.connections, load.seconds * _LOGIN_FACTOR, load.warm_up)
    for running in servers:
        wait_for_quiet(wish.patience)
        measured = outcome.measured.setdefault(running.target.name, {})
        for row, found in measure(bench, running, scenario, load).items():
            measured.setdefault(row, []).append(found)
            _tell(row, running.target.name, found)


def _tell(row: str, name: str, found: Measurement) -> None:
    print(
        f"  {row:19} {name:8} {found.flows_per_second:9,.1f}/s"
        f"  CPU {found.server_cpu:7,.0f} + {found.store_cpu:5,.0f} us"
        f"  p50 {found.p50:7.2f} ms  p99 {found.p99:7.2f} ms"
        f"  errors {found.errors}  others {found.foreign:4.0%}",
        flush=True,
    )

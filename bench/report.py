"""Tables and verdicts: our figures beside the peer's, and whether each target is met."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any, Final

from bench.load import Measurement
from bench.loading import Loading
from bench.rounds import Outcome
from bench.scenarios import HOPS, rows_of

OURS: Final = "motcua"
PEER: Final = "node-pg"
HIGHEST_RATIO: Final = 0.7
"""Our CPU per flow against the peer's."""
HIGHEST_LOGIN: Final = 1.15
"""CPU of a login against the hash alone."""
MOST_PSS_MIB: Final = 120.0
LONGEST_START: Final = 1.0
MOST_LOADER_MIB: Final = 300.0

_COMPARED: Final = ("cc_es256", "refresh", "sso", "sso_es256", "fapi_sso", "userinfo", "introspect")
"""Scenarios that have a target; of the others the ratio is told."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The peer's figures as they were taken on another day, perhaps on another machine."""

    peer: str
    machine: str
    cpu: Mapping[str, float]
    flows_per_second: Mapping[str, float]


def read_baseline() -> Baseline:
    """The figures kept in `baselines.json`."""
    text = Path(__file__).with_name("baselines.json").read_text(encoding="utf-8")
    kept: Mapping[str, Any] = json.loads(text)
    scenarios = kept["scenarios"]
    return Baseline(
        kept["peer"],
        kept["machine"],
        MappingProxyType({name: one["server_cpu"] + one["store_cpu"] for name, one in scenarios.items()}),
        MappingProxyType({name: one["flows_per_second"] for name, one in scenarios.items()}),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target: what is wanted, what was found."""

    what: str
    found: float
    wanted: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether it is met."""
        return self.found <= self.wanted

    def __str__(self) -> str:
        found, wanted = (f"{value:.2f}{self.unit}" for value in (self.found, self.wanted))
        return f"{'met    ' if self.met else 'NOT met'}  {self.what}: {found} (at most {wanted})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """CPU of one scenario, or of some together, by round; the kept figure where the peer did not run beside us."""

    ours: Sequence[float]
    peers: Sequence[float]

    @property
    def ratios(self) -> Sequence[float]:
        """Our CPU against the peer's."""
        return [mine / other for mine, other in zip(self.ours, self.peers, strict=True)]


def compare(outcome: Outcome, rows: Sequence[str], baseline: Baseline) -> Comparison:
    """What these rows cost together, with us and with the peer."""
    ours = _by_round(outcome, OURS, rows)
    if PEER in outcome.measured:
        return Comparison(ours, _by_round(outcome, PEER, rows))
    return Comparison(ours, [sum(baseline.cpu[row] for row in rows)] * len(ours))


def _by_round(outcome: Outcome, name: str, rows: Sequence[str]) -> list[float]:
    measured = [outcome.measured[name][row] for row in rows]
    return [sum(one.cpu for one in of_a_round) for of_a_round in zip(*measured, strict=True)]


def print_mode(name: str, outcome: Outcome, baseline: Baseline) -> None:
    """The table of one mode: medians over the rounds."""
    beside = PEER in outcome.measured
    print(f"\n## {name}\n")
    print(
        "CPU is microseconds a flow, server + store; ratios are CPU, ours / node-pg, median (lowest-highest)"
    )
    print(f"of rounds {'in which both took turns' if beside else 'against figures kept from another day'}.\n")
    print(
        "| scenario | ours /s | CPU | p50 / p99 ms | others | node-pg /s | CPU | kept /s | kept CPU | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for scenario, measured in outcome.measured[OURS].items():
        if "." in scenario:  # a hop
            continue
        peer = outcome.measured.get(PEER, {}).get(scenario, [])
        print(
            f"| {scenario} | {_rate(measured)} | {_cpu(measured)} | {_latency(measured)}"
            f" | {median(one.foreign for one in measured):.0%} | {_rate(peer)} | {_cpu(peer)}"
            f" | {baseline.flows_per_second[scenario]:,} | {baseline.cpu[scenario]:,}"
            f" | {_spread(compare(outcome, [scenario], baseline).ratios)} |"
        )
    errors = sum(one.errors for runs in outcome.measured[OURS].values() for one in runs)
    if errors:
        print(f"\n{errors} of our flows failed.")
    _print_hops(outcome, baseline)
    _print_memory(outcome)


def _print_hops(outcome: Outcome, baseline: Baseline) -> None:
    """CPU of each hop of a login with a session, plain and by FAPI 2.0."""
    measured = [scenario for scenario in HOPS if outcome.measured[OURS].keys() >= set(rows_of(scenario))]
    if not measured:
        return
    heads = "".join(f" {scenario}: ours | node-pg | ratio |" for scenario in measured)
    print(f"\n| CPU of a hop |{heads}\n|---|{'---|---|---|' * len(measured)}")
    hops = max((HOPS[scenario] for scenario in measured), key=len)
    for name, chosen in (*((hop, (hop,)) for hop in hops), ("together", hops)):
        cells = " | ".join(_hop_cells(outcome, baseline, scenario, chosen) for scenario in measured)
        print(f"| {name} | {cells} |")


def _hop_cells(outcome: Outcome, baseline: Baseline, scenario: str, hops: Sequence[str]) -> str:
    rows = [f"{scenario}.{hop}" for hop in hops if hop in HOPS[scenario]]
    if not rows:
        return "- | - | -"
    found = compare(outcome, rows, baseline)
    return f"{median(found.ours):,.0f} | {median(found.peers):,.0f} | {_spread(found.ratios)}"


def _print_memory(outcome: Outcome) -> None:
    print("\n| | PSS idle, MiB | PSS after load, MiB | processes | start, s |\n|---|---|---|---|---|")
    for name in outcome.measured:
        print(
            f"| {name} | {median(one.pss for one in outcome.idle[name]):.0f}"
            f" | {median(one.pss for one in outcome.loaded[name]):.0f} | {outcome.loaded[name][-1].processes}"
            f" | {median(outcome.starts[name]):.2f} |"
        )


def _rate(measured: Sequence[Measurement]) -> str:
    return f"{median(one.flows_per_second for one in measured):,.0f}" if measured else "-"


def _cpu(measured: Sequence[Measurement]) -> str:
    if not measured:
        return "-"
    server, store = (
        median(values)
        for values in ([one.server_cpu for one in measured], [one.store_cpu for one in measured])
    )
    return f"{server:,.0f} + {store:,.0f}"


def _latency(measured: Sequence[Measurement]) -> str:
    return f"{median(one.p50 for one in measured):.1f} / {median(one.p99 for one in measured):.1f}"


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def verdicts(outcome: Outcome, loadings: Sequence[Loading], baseline: Baseline) -> Iterator[Verdict]:
    """Every target of the one-core mode and of loading."""
    measured = outcome.measured[OURS]
    for scenario in _COMPARED:
        if scenario in measured:
            found = median(compare(outcome, [scenario], baseline).ratios)
            yield Verdict(f"{scenario}: CPU a flow against node-pg", found, HIGHEST_RATIO, "")
    if outcome.hashes:
        login = [one.cpu / alone for one, alone in zip(measured["login"], outcome.hashes, strict=True)]
        what = f"login: CPU against the hash alone ({median(outcome.hashes):,.0f} us)"
        yield Verdict(what, median(login), HIGHEST_LOGIN, "")
    processes = max(1, outcome.loaded[OURS][-1].processes)
    pss = max(one.pss for one in outcome.loaded[OURS]) / processes
    yield Verdict("memory of a worker after load (PSS)", pss, MOST_PSS_MIB, " MiB")
    yield Verdict("start to the first answer", median(outcome.starts[OURS]), LONGEST_START, " s")
    for loading in loadings:
        what = f"memory of loading {loading.rows:,} rows into {loading.database}"
        yield Verdict(what, loading.peak_mib, MOST_LOADER_MIB, " MiB")


def print_loading(loadings: Sequence[Loading]) -> None:
    """Speed of loading the registers."""
    print("\n## Loading the registers\n\n| database | rows | rows/s | peak memory, MiB |\n|---|---|---|---|")
    for one in loadings:
        print(f"| {one.database} | {one.rows:,} | {one.rows_per_second:,.0f} | {one.peak_mib:.0f} |")

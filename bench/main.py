"""Load the provider and print our figures beside node-oidc-provider's.

Server and PostgreSQL (fsync on) share one core, the client has the other; audit and throttling are on. With PEERS
naming an installation of the peer it is measured in the same rounds; otherwise beside figures kept from another day.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench import ours, peer
from bench.load import Bench, build_opload
from bench.loading import Loading, measure_loading
from bench.plan import Load
from bench.processes import BenchError
from bench.report import print_loading, print_mode, read_baseline, verdicts
from bench.rounds import Outcome, Wish, modes_of, run_rounds
from bench.scenarios import SCENARIOS
from bench.signing import Signing, measure_signing, print_signing
from bench.store import Store

FOLDER = ours.ROOT / "var" / "bench"
MANY = 1_000_000


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one short round, to see that all works")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each measurement is (4)")
    parser.add_argument("--connections", type=int, default=16, help="connections at once (16)")
    parser.add_argument("--patience", type=float, default=5.0, help="seconds to wait for a quiet machine (5)")
    parser.add_argument(
        "--scenarios", nargs="+", choices=SCENARIOS, default=SCENARIOS, metavar="NAME",
        help=f"only these of {', '.join(SCENARIOS)}",
    )  # fmt: skip
    parser.add_argument(
        "--two-workers",
        action="store_true",
        help="also with two workers on two cores, which the client shares",
    )
    parser.add_argument(
        "--people", type=int, default=50_000, help="people to load into registers (50000; 0: none)"
    )
    parser.add_argument("--million", action="store_true", help="load a million people: takes minutes")
    return parser


def _wish(options: argparse.Namespace) -> Wish:
    if options.quick:
        return Wish(options.scenarios, 1, Load(options.connections, 1.5, 0.5), 0)
    load = Load(options.connections, min(options.seconds, 60), 1.5)
    return Wish(options.scenarios, max(1, min(options.rounds, 20)), load, options.patience)


def _people(options: argparse.Namespace) -> int:
    if options.million:
        return MANY
    return min(options.people, 5_000) if options.quick else int(options.people)


def run(options: argparse.Namespace) -> None:
    """Set up, measure, report.

    Raises:
        BenchError: one sentence.
    """
    cores = sorted(os.sched_getaffinity(0))
    modes = modes_of(cores)
    os.sched_setaffinity(0, cores[-1:])  # this program stays out of the server's way
    FOLDER.mkdir(parents=True, exist_ok=True)
    opload = build_opload(FOLDER)
    wish, outcomes = _wish(options), dict[str, Outcome]()
    store = Store(FOLDER, cores[:1])
    try:
        targets = [ours.set_up(store, FOLDER)]
        other = peer.set_up(store, FOLDER)
        if other is not None:
            targets.append(other)
        for name in ("1core", "2workers") if options.two_workers else ("1core",):
            mode = modes[name]
            print(f"{name}: {', '.join(target.name for target in targets)}", flush=True)
            bench = Bench(opload, store.process, mode.client_cores, FOLDER)
            outcomes[name] = run_rounds(bench, store, targets, mode, wish)
        people = _people(options)
        loadings = measure_loading(store, FOLDER, people) if people else []
    finally:
        store.stop()
    signings = measure_signing(FOLDER, 0.3 if options.quick else 1.5, cores[:1])
    _keep(outcomes, loadings, signings)
    _report(outcomes, loadings, signings)


def _keep(outcomes: Mapping[str, Outcome], loadings: Sequence[Loading], signings: Sequence[Signing]) -> None:
    results = {
        "modes": {name: asdict(outcome) for name, outcome in outcomes.items()},
        "loading": [asdict(one) for one in loadings],
        "signing": [asdict(one) for one in signings],
    }
    (FOLDER / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")


def _report(
    outcomes: Mapping[str, Outcome], loadings: Sequence[Loading], signings: Sequence[Signing]
) -> None:
    baseline = read_baseline()
    for name, outcome in outcomes.items():
        print_mode(name, outcome, baseline)
    print_loading(loadings)
    print_signing(signings)
    print("\n## Targets\n")
    for verdict in verdicts(outcomes["1core"], loadings, baseline):
        print(verdict)
    print(f"\nKept figures are those of {baseline.peer}, on a {baseline.machine}.")
    print(f"All measurements: {FOLDER / 'results.json'}")


def main(given: Sequence[str] | None = None) -> int:
    """Exit code 0 when everything could be measured, whether or not the targets are met."""
    options = arguments().parse_args(given)
    try:
        run(options)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0

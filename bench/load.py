"""Playing plans with `opload`, and weighing what they cost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.plan import Load, write_plan
from bench.processes import BenchError, Process, cpu_seconds, machine_cpu_seconds
from bench.target import Running

_SOURCE: Final = Path(__file__).with_name("opload.c")
_PATIENCE_SECONDS: Final = 180


@dataclass(frozen=True, slots=True)
class Measurement:
    """One scenario, once. CPU is in microseconds a flow, latency in milliseconds of a whole flow.

    `foreign` is what other processes of the machine took meanwhile, as a part of one core.
    """

    flows_per_second: float
    server_cpu: float
    store_cpu: float
    client_cpu: float
    p50: float
    p99: float
    errors: int
    foreign: float

    @property
    def cpu(self) -> float:
        """CPU of server and store together."""
        return self.server_cpu + self.store_cpu


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measurement needs beside its target: the generator, the store, cores of the client, a folder."""

    opload: Path
    store: Process
    client_cores: Sequence[int]
    folder: Path


def build_opload(folder: Path) -> Path:
    """Compile the load generator.

    Raises:
        BenchError: there is no C compiler, or it fails.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchError(
            "The load generator needs a C compiler: install one (Debian: apt-get install gcc libc6-dev)."
        )
    program = folder / "opload"
    done = subprocess.run(
        [compiler, "-O2", "-o", program, _SOURCE], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"{_SOURCE.name} could not be compiled: {done.stderr[:2000]}")
    return program


def play_once(bench: Bench, running: Running, scenario: str) -> dict[str, Any]:
    """One flow; what it counted, and the variables that it captured.

    Raises:
        BenchError: it could not be finished.
    """
    plan = _plan_file(bench, running, scenario, Load(1, 1, 0, once=True))
    done = subprocess.run(
        [bench.opload, plan], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"{scenario} does not work with {running.target.name}: {done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(bench: Bench, running: Running, scenario: str, load: Load) -> Measurement:
    """One scenario under load.

    Raises:
        BenchError: the generator gave up.
    """
    plan = _plan_file(bench, running, scenario, load)
    before = after = _snapshot(bench, running)
    answer, complaint = "", bench.folder / "opload.log"
    with (
        complaint.open("w") as errors,
        subprocess.Popen([bench.opload, plan], stdout=subprocess.PIPE, stderr=errors, text=True) as client,
    ):
        os.sched_setaffinity(client.pid, bench.client_cores)
        patience = threading.Timer(load.seconds + load.warm_up + _PATIENCE_SECONDS, client.kill)
        patience.start()
        for line in client.stdout or ():
            if line.startswith("MEASURE_BEGIN"):
                before = _snapshot(bench, running)
            elif line.startswith("MEASURE_END"):
                after = _snapshot(bench, running)
            else:
                answer = line
        patience.cancel()
    if client.returncode != 0 or not answer:
        raise BenchError(
            f"{scenario} does not work with {running.target.name}: {complaint.read_text()[-3000:]}"
        )
    return _weighed(json.loads(answer), before, after)


def _plan_file(bench: Bench, running: Running, scenario: str, load: Load) -> Path:
    plan = bench.folder / f"{running.target.name}.{scenario}.plan"
    plan.write_text(write_plan(scenario, running, load), encoding="utf-8")
    plan.chmod(0o600)  # it holds secrets, of invented clients though
    return plan


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """CPU seconds until now: of the server, the store, this program, and the whole machine."""

    server: float
    store: float
    own: float
    machine: float


def _snapshot(bench: Bench, running: Running) -> _Snapshot:
    return _Snapshot(
        running.process.cpu_seconds(),
        bench.store.cpu_seconds(),
        cpu_seconds([os.getpid()]),
        machine_cpu_seconds(),
    )


def _weighed(result: dict[str, Any], before: _Snapshot, after: _Snapshot) -> Measurement:
    flows = max(int(result["flows"]), 1)
    server, store = after.server - before.server, after.store - before.store
    known = server + store + result["client_cpu_s"] + after.own - before.own
    return Measurement(
        flows_per_second=result["flows_per_s"],
        server_cpu=server / flows * 1e6,
        store_cpu=store / flows * 1e6,
        client_cpu=result["client_cpu_s"] / flows * 1e6,
        p50=result["flow"]["p50_us"] / 1000,
        p99=result["flow"]["p99_us"] / 1000,
        errors=result["errors"],
        foreign=max(0.0, (after.machine - before.machine - known) / result["wall_s"]),
    )

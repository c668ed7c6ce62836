"""Playing plans with `opload`, and weighing what they cost."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

from bench.plan import Load
from bench.processes import BenchError, Process, cpu_seconds, machine_cpu_seconds
from bench.scenarios import HOPS, write_plan
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
        BenchError: there is no C compiler, or no OpenSSL to build against, or it fails.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchError(
            "The load generator needs a C compiler: install one (Debian: apt-get install gcc libc6-dev)."
        )
    program = folder / "opload"
    done = subprocess.run(
        [compiler, "-O2", "-o", program, _SOURCE, "-lcrypto"], capture_output=True, text=True, check=False
    )
    if re.search(r"openssl/|-lcrypto", done.stderr):
        raise BenchError(
            "The load generator signs with OpenSSL: install what programs are built against it with"
            " (Debian: apt-get install libssl-dev)."
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


def measure(bench: Bench, running: Running, scenario: str, load: Load) -> Mapping[str, Measurement]:
    """One scenario under load; by hop where it is played hop by hop, as `SCENARIO.HOP`.

    Raises:
        BenchError: the generator gave up.
    """
    plan, complaint = _plan_file(bench, running, scenario, load), bench.folder / "opload.log"
    with (
        complaint.open("w") as errors,
        subprocess.Popen(
            [bench.opload, plan], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as client,
    ):
        os.sched_setaffinity(client.pid, bench.client_cores)
        patience = threading.Timer(load.seconds + load.warm_up + _PATIENCE_SECONDS, client.kill)
        patience.start()
        took, answer = _follow(client, bench, running)
        patience.cancel()
    if client.returncode != 0 or not answer:
        raise BenchError(
            f"{scenario} does not work with {running.target.name}: {complaint.read_text()[-3000:]}"
        )
    result = json.loads(answer)
    if scenario not in HOPS:
        return {scenario: _weighed(result["flow"], took[""], result["errors"])}
    return {
        f"{scenario}.{hop}": _weighed(steps, took[hop], 0) for hop, steps in result["steps"].items()
    }  # a hop that fails ends the play


def _follow(
    client: subprocess.Popen[str], bench: Bench, running: Running
) -> tuple[Mapping[str, _Taken], str]:
    """What the measurement took, by hop (or "" without hops), and what the generator counted."""
    took, answer = dict[str, _Taken](), ""
    before = _snapshot(bench, running, client.pid)
    for line in client.stdout or ():
        word, _, hop = line.strip().partition(" ")
        if word not in {"MEASURE_BEGIN", "MEASURE_END", "STAGE"}:
            answer = line
            continue
        now = _snapshot(bench, running, client.pid)
        if word != "MEASURE_BEGIN":
            took[hop] = took.get(hop, _NOTHING) + (now - before)
        before = now
        if word == "STAGE" and client.stdin is not None:
            client.stdin.write("\n")
            client.stdin.flush()
    return took, answer


def _plan_file(bench: Bench, running: Running, scenario: str, load: Load) -> Path:
    plan = bench.folder / f"{running.target.name}.{scenario}.plan"
    plan.write_text(write_plan(scenario, running, load), encoding="utf-8")
    plan.chmod(0o600)  # it holds secrets, of invented clients though
    return plan


@dataclass(frozen=True, slots=True)
class _Taken:
    """Seconds of CPU: of the server, the store, generator and this program, and the whole machine; and of time.

    Until now, or between two moments.
    """

    server: float = 0
    store: float = 0
    client: float = 0
    own: float = 0
    machine: float = 0
    time: float = 0

    def __add__(self, other: _Taken) -> _Taken:
        return _Taken(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: _Taken) -> _Taken:
        return _Taken(*(one - another for one, another in zip(astuple(self), astuple(other), strict=True)))


_NOTHING: Final = _Taken()


def _snapshot(bench: Bench, running: Running, client: int) -> _Taken:
    return _Taken(
        running.process.cpu_seconds(),
        bench.store.cpu_seconds(),
        cpu_seconds([client]),
        cpu_seconds([os.getpid()]),
        machine_cpu_seconds(),
        time.perf_counter(),
    )


def _weighed(counted: Mapping[str, Any], took: _Taken, errors: int) -> Measurement:
    flows = max(int(counted["n"]), 1)
    known = took.server + took.store + took.client + took.own
    return Measurement(
        flows_per_second=flows / took.time,
        server_cpu=took.server / flows * 1e6,
        store_cpu=took.store / flows * 1e6,
        client_cpu=took.client / flows * 1e6,
        p50=counted["p50_us"] / 1000,
        p99=counted["p99_us"] / 1000,
        errors=errors,
        foreign=max(0.0, (took.machine - known) / took.time),
    )

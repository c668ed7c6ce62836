"""Signatures alone, on one core: with keys in memory, and with keys in SoftHSM by a worker's thread and queue."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.processes import BenchError

_LIBRARIES: Final = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
_PROGRAM: Final = Path(__file__).with_name("signing_alone.py")
_PIN: Final = "473829"
_LABEL: Final = "bench"


@dataclass(frozen=True, slots=True)
class Signing:
    """One algorithm in one place: signatures a second, microseconds of latency, microseconds of CPU."""

    alg: str
    place: str
    per_second: float
    p50: float
    p99: float
    cpu: float


def measure_signing(folder: Path, seconds: float, cores: Iterable[int]) -> list[Signing]:
    """Every algorithm in every place; keys in memory only where SoftHSM is not installed."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        arguments = [sys.executable, str(_PROGRAM), str(seconds), ",".join(map(str, cores))]
        environment = dict(os.environ)
        library = next((path for path in _LIBRARIES if Path(path).exists()), None)
        if library is not None and shutil.which("softhsm2-util"):
            configuration = _set_up(Path(place))
            environment["SOFTHSM2_CONF"] = str(configuration)
            arguments += [library, _LABEL, str(Path(place) / "pin")]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"Signatures could not be measured: {done.stderr[-500:]}")
    return [Signing(**one) for one in json.loads(done.stdout)]


def _set_up(folder: Path) -> Path:
    """A token of its own and the file with its PIN; the path of SoftHSM's configuration."""
    configuration, pin = folder / "softhsm2.conf", folder / "pin"
    (folder / "tokens").mkdir()
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n", encoding="utf-8"
    )
    pin.touch(mode=0o600)
    pin.write_text(_PIN, encoding="utf-8")
    command = ["softhsm2-util", "--init-token", "--free", "--label", _LABEL, "--so-pin", _PIN, "--pin", _PIN]
    environment = {**os.environ, "SOFTHSM2_CONF": str(configuration)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"SoftHSM does not make a token: {done.stderr[-500:]}")
    return configuration


def print_signing(measured: Sequence[Signing]) -> None:
    """The table of signatures."""
    print("\n## Signatures alone, on one core\n")
    print("| algorithm | key in | signatures/s | p50 / p99 us | CPU us |\n|---|---|---|---|---|")
    for one in measured:
        print(
            f"| {one.alg} | {one.place} | {one.per_second:,.0f} | {one.p50:,.0f} / {one.p99:,.0f} | {one.cpu:,.0f} |"
        )
    if not any("SoftHSM" in one.place for one in measured):
        print("\nSoftHSM is not installed: only keys in memory were measured.")

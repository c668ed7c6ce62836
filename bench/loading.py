"""How fast the registers are loaded, and in how much memory."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.ours import MOTCUA, ROOT, run_motcua
from bench.processes import BenchError
from bench.store import Store


@dataclass(frozen=True, slots=True)
class Loading:
    """One load of a population: rows of all files, rows a second, the loader's peak of resident memory in MiB."""

    database: str
    rows: int
    rows_per_second: float
    peak_mib: float


def measure_loading(store: Store, folder: Path, people: int) -> list[Loading]:
    """Load so many invented people into fresh databases of both kinds."""
    files = folder / f"population-{people}"
    if not (files / "representatives.csv").exists():
        organisations = str(max(10, people // 12))
        generate = (
            "registers",
            "generate",
            str(files),
            "--people",
            str(people),
            "--organisations",
            organisations,
        )
        run_motcua(generate, {})
    with tempfile.TemporaryDirectory(dir=folder) as place:
        urls = {"SQLite": f"sqlite:///{place}/registers.db", "PostgreSQL": store.create("loading")}
        return [_load(database, url, files, Path(place)) for database, url in urls.items()]


def _load(database: str, url: str, files: Path, place: Path) -> Loading:
    rejects = place / f"{database}.rejects.csv"
    output = place / f"{database}.json"
    arguments = [MOTCUA, "registers", "load", str(files), "--url", url, "--rejects", str(rejects), "--json"]
    with output.open("wb") as answer:
        loader = subprocess.Popen(arguments, stdout=answer, cwd=ROOT)
        _, status, usage = os.wait4(loader.pid, 0)
    loader.returncode = os.waitstatus_to_exitcode(status)
    if loader.returncode != 0:
        raise BenchError(f"Loading the registers into {database} failed.")
    report = json.loads(output.read_bytes())
    return Loading(database, report["rows_read"], report["rows_per_second"], usage.ru_maxrss / 1024)

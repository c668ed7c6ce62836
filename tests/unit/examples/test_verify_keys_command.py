"""The verifier for portals as a command, against a provider that listens."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from examples.key_log import verify_keys
from keys.notes import NoteSigner, log_origin
from tests.unit.examples.logged_provider import ENTRIES, KEYS, LOG, SEED, Served, jwk


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "key-log.checkpoint"


@pytest.fixture
def listening() -> Iterator[Served]:
    """A provider that answers on a port of this machine."""
    provider = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = provider.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield provider
        server.shutdown()
        thread.join()


def run(provider: Served, state: Path, *more: str) -> tuple[int, str]:
    key = NoteSigner.of(log_origin(provider.issuer), SEED).verifier_key
    command = [
        sys.executable,
        verify_keys.__file__,
        provider.issuer,
        key,
        "--state",
        str(state),
        "--once",
        *more,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=state.parent)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_command_says_it_in_a_sentence(listening: Served, state: Path) -> None:
    assert run(listening, state) == (
        0,
        f"All 3 keys are in the log of {len(ENTRIES)} entries and may be published.\n",
    )
    listening.keys.append(jwk("stranger"))
    assert run(listening, state) == (
        1,
        "Do not trust every key of the set: key stranger is not in the log.\n",
    )


def test_the_command_says_it_to_programs(listening: Served, state: Path) -> None:
    status, told = run(listening, state, "--json")
    assert status == 0
    assert json.loads(told)["outcome"] == "verified"
    assert json.loads(told)["keys"] == KEYS
    listening.entries.pop()
    status, told = run(listening, state, "--json")
    assert (status, json.loads(told)["outcome"]) == (2, "log_broken")
    listening.forged[f"{LOG}checkpoint"] = None
    status, told = run(listening, state, "--json")
    assert (status, json.loads(told)["outcome"]) == (3, "not_checked")


def test_it_stands_on_the_standard_library_and_cryptography_alone() -> None:
    tree = ast.parse(Path(verify_keys.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
        )
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}

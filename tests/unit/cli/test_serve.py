"""`motcua serve` answers, replaces workers that die, and finishes requests before it stops.

But for one test the application is a stand-in: this is about the serving and not about what is served.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 20  # seconds until a test gives up

APPLICATION = """
import asyncio, os
from contextlib import asynccontextmanager
from idp.http import responses, routing
from idp.http.access_log import BufferedAccessLog
from idp.http.edge import Edge
from idp.pages.render import Pages
from idp.settings import read_settings

async def pid(request, _):
    return responses.json(os.getpid())

async def body(request, _):
    return responses.json((await request.body()).decode())

async def slow(request, _):
    open(os.environ["STARTED"], "w").close()
    await asyncio.sleep(1)
    return responses.json("finished")

@asynccontextmanager
async def service():
    if "BROKEN" in os.environ:
        raise RuntimeError("the database is away")
    yield lambda arrival: arrival

def create_app():
    routes = (routing.json("/pid", GET=pid), routing.json("/slow", GET=slow), routing.json("/body", POST=body))
    return Edge(routes, settings=read_settings(os.environ), pages=Pages.load(),
                access_log=BufferedAccessLog(), open_service=service)
"""
STAND_IN = "import idp.cli.serve; idp.cli.serve.APPLICATION = 'stand_in:create_app'; "
PROGRAM = "from idp.cli.main import main; main()"


@contextmanager
def program(
    folder: Path, *arguments: str, before: str = STAND_IN, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "stand_in.py").write_text(APPLICATION, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    environment |= {"PYTHONPATH": f"{folder}:{Path.cwd()}", "STARTED": str(folder / "started"), **variables}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", before + PROGRAM, "serve", *arguments],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def ask(port: int, path: str) -> object:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def ask_until_answered(port: int, path: str) -> object:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask(port, path)
        except OSError:
            if time.monotonic() > deadline:
                raise


def was_cut_off(connection: socket.socket) -> bool:
    """Wait for the other side's end; what it says before does not matter."""
    try:
        while connection.recv(1000):
            continue
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_under_way_is_finished_before_the_end(tmp_path: Path, workers: str) -> None:
    port = free_port()
    with (
        program(tmp_path, "--workers", workers, "--listen", f"127.0.0.1:{port}") as process,
        ThreadPoolExecutor() as caller,
    ):
        ask_until_answered(port, "/pid")
        answer = caller.submit(ask, port, "/slow")
        wait_for(tmp_path / "started")
        process.send_signal(signal.SIGTERM)
        assert answer.result(PATIENCE) == "finished"
        assert process.wait(PATIENCE) == 0
    records = [json.loads(line) for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert "/slow" in [record.get("route") for record in records]


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    port = free_port()
    with program(tmp_path, "--workers", "2", "--listen", f"127.0.0.1:{port}"):
        first = ask_until_answered(port, "/pid")
        assert isinstance(first, int)
        os.kill(first, signal.SIGKILL)
        seen = {first}
        deadline = time.monotonic() + PATIENCE
        while len(seen - {first}) < 2:
            answer = ask_until_answered(port, "/pid")
            assert isinstance(answer, int)
            seen.add(answer)
            if len(seen - {first}) == 1:
                # the survivor answers everything until the other is back: keep it busy
                os.kill(answer, signal.SIGSTOP)
                try:
                    other = ask_until_answered(port, "/pid")
                    assert isinstance(other, int)
                    seen.add(other)
                finally:
                    os.kill(answer, signal.SIGCONT)
            assert time.monotonic() < deadline


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_start_that_fails_ends_everything_with_the_reason(tmp_path: Path, workers: str) -> None:
    listen = f"127.0.0.1:{free_port()}"
    with program(tmp_path, "--workers", workers, "--listen", listen, BROKEN="1") as process:
        assert process.wait(PATIENCE) == 1
    assert "the database is away" in (tmp_path / "log").read_text("utf-8")


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with program(tmp_path, "--listen", listen) as process:
            assert process.wait(PATIENCE) == 1
    said = (tmp_path / "log").read_text("utf-8")
    assert said == f"Error: Cannot listen on {listen}: another program listens there already.\n"


def test_endless_headers_end_the_connection(tmp_path: Path) -> None:
    port = free_port()
    with program(tmp_path, "--listen", f"127.0.0.1:{port}"):
        ask_until_answered(port, "/pid")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n")
            with pytest.raises(OSError, match=r"(?i)reset|broken pipe"):
                connection.sendall(b"x-a: 1\r\n" * 1_000_000)
        assert isinstance(ask(port, "/pid"), int)


def test_an_offer_of_another_protocol_is_ignored(tmp_path: Path) -> None:
    port = free_port()
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAAB"}
    with program(tmp_path, "--listen", f"127.0.0.1:{port}"):
        ask_until_answered(port, "/pid")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for sent in ("grant_type=client_credentials", "a" * 60_000, ""):
            connection.request("POST", "/body", sent, offer)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (200, sent)
        connection.close()


def test_many_offers_at_once_are_answered_in_their_order(tmp_path: Path) -> None:
    port = free_port()
    offer = (
        "POST /body HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\n"
    )
    sent = [f"{number:03}" for number in range(500)]
    last = "GET /pid HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    with program(tmp_path, "--listen", f"127.0.0.1:{port}"):
        ask_until_answered(port, "/pid")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(("".join(offer + one for one in sent) + last).encode())
            answers = b"".join(iter(lambda: connection.recv(100_000), b"")).decode()
    assert re.findall(r'^"(\d{3})"', answers, re.MULTILINE) == sent


def test_a_request_for_a_tunnel_is_refused(tmp_path: Path) -> None:
    port = free_port()
    with program(tmp_path, "--listen", f"127.0.0.1:{port}"):
        ask_until_answered(port, "/pid")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
            assert was_cut_off(connection)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_provider_itself_becomes_ready(tmp_path: Path, installed: Path, workers: str) -> None:
    port = free_port()
    variables = {name: value for name, value in os.environ.items() if name.startswith("IDP_")}
    listen = f"127.0.0.1:{port}"
    with program(tmp_path, "--workers", workers, "--listen", listen, before="", **variables) as process:
        assert ask_until_answered(port, "/health/ready") == {"status": "ok"}
        assert ask(port, "/health/live") == {"status": "ok"}
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_the_provider_without_keys_says_what_to_do(tmp_path: Path, environment: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if name.startswith("IDP_")}
    listen = f"127.0.0.1:{free_port()}"
    with program(tmp_path, "--listen", listen, before="", **variables) as process:
        assert process.wait(PATIENCE) == 1
    assert "key-encryption key" in (tmp_path / "log").read_text("utf-8")


def test_a_caller_who_dawdles_is_cut_off(tmp_path: Path) -> None:
    port = free_port()
    impatient = f"{STAND_IN}import idp.cli.connections; idp.cli.connections.REQUEST_SECONDS = 0.3; "
    with program(tmp_path, "--listen", f"127.0.0.1:{port}", before=impatient):
        ask_until_answered(port, "/pid")
        for beginning in (
            b"",
            b"GET / HTTP/1.1\r\nhost: a\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\na",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(beginning)
                assert was_cut_off(connection)

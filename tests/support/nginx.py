"""nginx as the README sets it up, in front of a provider of the tests."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.served import PATIENCE

_PROGRAM: Final = Path("/usr/sbin/nginx")
_RECIPE: Final = re.compile(r"^```nginx\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_README: Final = Path(__file__).parents[2] / "README.md"
_COMMON: Final = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors info;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {recipe}
}}
"""


def recipe(changes: Mapping[str, str]) -> str:
    """What the README shows, both parts of it, with other names; each of those that it names must be there."""
    shown = "".join(_RECIPE.findall(_README.read_text("utf-8")))
    for sample, ours in changes.items():
        assert sample in shown, sample
        shown = shown.replace(sample, ours)
    return shown


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def nginx(folder: Path, port: int, changes: Mapping[str, str]) -> Iterator[None]:
    """Nginx on this port until the end of the block."""
    if not _PROGRAM.exists():
        pytest.fail("nginx is not installed: run `.ci/system-packages`, or `make test`.")
    file = folder / "nginx.conf"
    file.write_text(_COMMON.format(folder=folder, recipe=recipe(changes)), "utf-8")
    command = [str(_PROGRAM), "-c", str(file), "-p", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stderr.close()

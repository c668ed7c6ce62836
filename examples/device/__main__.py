"""Logs a person in on a device without a browser: `python -m examples.device http://localhost:9000`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import httpx2

from examples.device.login import LoginFailed, discover, log_in


def main() -> int:
    """0 when somebody has logged in."""
    parser = argparse.ArgumentParser(prog="python -m examples.device", description="An example device.")
    parser.add_argument("issuer", nargs="?", default="http://localhost:9000", help="the provider's address")
    parser.add_argument("--client-id", default="may-tra-cuu", help="as registered")
    arguments = parser.parse_args()
    try:
        person = asyncio.run(_log_in(arguments.issuer, arguments.client_id))
    except (LoginFailed, httpx2.HTTPError) as error:
        print(f"Không đăng nhập được: {error}", file=sys.stderr)
        return 1
    print(f"Xin chào {person.get('name', person['sub'])}.")
    return 0


async def _log_in(issuer: str, client_id: str) -> Mapping[str, Any]:
    async with httpx2.AsyncClient(timeout=10) as http:
        provider = await discover(http, issuer)
        return await log_in(http, provider, client_id, show=_show, sleep=asyncio.sleep)


def _show(codes: Mapping[str, Any]) -> None:
    """What stands on the screen: the address and the code. A picture of the complete address may stand beside them."""
    minutes = codes["expires_in"] // 60
    print(f"Mở {codes['verification_uri']} trên điện thoại và nhập mã:\n")
    print(f"    {codes['user_code']}\n")
    print(f"Mã dùng được trong {minutes} phút. Không đưa mã cho người khác.", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""What holds for every answer of ours, whatever was asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import httpx2

ALWAYS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}


def check_headers(response: httpx2.Response) -> None:
    """What stands on every answer, whatever it is."""
    for name, value in ALWAYS.items():
        assert response.headers.get_list(name) == [value], name
    assert "camera=()" in response.headers["permissions-policy"]
    policy = response.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["x-request-id"])
    assert "unsafe" not in response.headers["content-security-policy"]
    assert len(response.headers.get_list("cache-control")) == 1
    assert not response.headers.keys() & {"server", "x-powered-by"}

"""The nonce that an answer gives a client for its next proof, whatever the answer becomes (RFC 9449 §8, §9)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from idp.http.security_headers import RawHeaders

_NOTED: Final = "motcua.dpop_nonce"


def offer_nonce(request: Request, nonce: str) -> None:
    """Give a nonce with the answer to this request; `complete` writes it there."""
    request.scope[_NOTED] = nonce


def complete(scope: Scope, headers: RawHeaders) -> None:
    """Add the nonce to an answer, be it an error."""
    nonce = scope.get(_NOTED)
    if nonce is not None:
        headers.append((b"dpop-nonce", nonce.encode("ascii")))

"""What DPoP adds to our answers, whatever they become (RFC 9449 §7.1, §8): a nonce, and the scheme of challenges."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from idp.http.security_headers import RawHeaders
from idp.oidc.dpop import ALGORITHMS

SCHEME: Final = "DPoP"
ALGS: Final = f'algs="{" ".join(ALGORITHMS)}"'
"""The parameter of a challenge that says what proofs are signed with (§7.1)."""

_NONCE: Final = "motcua.dpop_nonce"
_SCHEME: Final = "motcua.dpop_scheme"


def offer_nonce(request: Request, nonce: str) -> None:
    """Give the client a nonce for its next proof, with the answer to this request; `complete` writes it there."""
    request.scope[_NONCE] = nonce


def note_scheme(request: Request) -> None:
    """Say that an access token came by the scheme DPoP, or should have: so are challenges, and proofs refused by 401."""
    request.scope[_SCHEME] = True


def by_scheme(request: Request) -> bool:
    """Whether that was said."""
    return _SCHEME in request.scope


def complete(scope: Scope, headers: RawHeaders) -> None:
    """Add the nonce to an answer, be it an error."""
    nonce = scope.get(_NONCE)
    if nonce is not None:
        headers.append((b"dpop-nonce", nonce.encode("ascii")))

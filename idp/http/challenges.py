"""`WWW-Authenticate`: what a caller is told who did not prove enough (RFC 9110 §11.6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from idp.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidDpopProof,
    InvalidToken,
    OAuthError,
    UseDpopNonce,
)
from idp.http.refusal import NO_HEADERS
from idp.oidc.dpop import ALGORITHMS

ALGS: Final = f'algs="{" ".join(ALGORITHMS)}"'
"""What proofs are signed with, as a challenge says it (RFC 9449 §7.1)."""

_SCHEME: Final = "motcua.token_scheme"
_BEARER: Final = "Bearer"
_DPOP: Final = "DPoP"


def note_resource(request: Request, *, by_dpop: bool) -> None:
    """Say that a protected resource is asked, which takes access tokens by two schemes; `by_dpop`, that it was DPoP.

    Or should have been: its challenges are in the scheme that the token needs. There a proof that is refused is an
    authentication that failed, and not a bad request.
    """
    request.scope[_SCHEME] = _DPOP if by_dpop else _BEARER


def status_of(error: OAuthError, request: Request) -> int:
    """The status of an answer: a resource answers 401 where a proof is refused (RFC 9449 §7.1, §9)."""
    return (
        401
        if isinstance(error, InvalidDpopProof | UseDpopNonce) and _SCHEME in request.scope
        else error.status
    )


def challenge(error: OAuthError, request: Request, issuer: str) -> Mapping[str, str]:
    """The challenge where a specification asks for one; descriptions cannot hold quotes (`OAuthError`)."""
    scheme = request.scope.get(_SCHEME)
    match error:
        case InvalidClient():
            # RFC 6749 §5.2: only a client that used the Authorization header is told which scheme to use there. The
            # error stands in the challenge too: some libraries show nothing else of an answer that has one.
            return (
                _headers(_with_error("Basic", error, issuer))
                if "authorization" in request.headers
                else NO_HEADERS
            )
        case InvalidToken() if not error.description:
            # RFC 6750 §3.1: a request without any token gets a challenge without an error.
            return _headers(_also_dpop(f'{_BEARER} realm="{issuer}"', scheme))
        case InvalidToken() | InsufficientScope() if scheme != _DPOP:
            return _headers(_also_dpop(_with_error(_BEARER, error, issuer), scheme))
        case InvalidToken() | InsufficientScope() | InvalidDpopProof() | UseDpopNonce() if scheme is not None:
            return _headers(f"{_with_error(_DPOP, error, issuer)}, {ALGS}")
        case _:
            return NO_HEADERS


def _also_dpop(told: str, scheme: str | None) -> str:
    """The other scheme that a resource takes (RFC 9449 §7.2)."""
    return told if scheme is None else f"{told}, {_DPOP} {ALGS}"


def _with_error(scheme: str, error: OAuthError, issuer: str) -> str:
    parts = [f'{scheme} realm="{issuer}"', f'error="{error.error}"']
    if error.description:
        parts.append(f'error_description="{error.description}"')
    return ", ".join(parts)


def _headers(told: str) -> Mapping[str, str]:
    return {"www-authenticate": told}

"""What a caller is told who is not let in (RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response

RETRY_AFTER_SECONDS = 5
NO_STORE = {"Cache-Control": "no-store"}


class Refused(Exception):
    """A request that is not let in. `error` is a registered code, empty where no token came at all.

    `why` is one sentence for the client's developers, without quotation marks; `parameters` belong to the challenge.
    """

    def __init__(
        self, error: str, why: str, *, status: int = 401, parameters: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(why)
        self.error = error
        self.why = why
        self.status = status
        self.parameters = dict(parameters or {})


class Unavailable(Exception):
    """What a decision needs cannot be had now: nobody is let in, and nothing is said about the token."""


def invalid_token(why: str) -> Refused:
    """The token does not do, and no other request with it will (RFC 6750 §3.1)."""
    return Refused("invalid_token", why)


def invalid_proof(why: str) -> Refused:
    """The DPoP proof is not in order, or not for this request (RFC 9449 §7.1)."""
    return Refused("invalid_dpop_proof", why)


def invalid_request(why: str) -> Refused:
    """The request contradicts itself (RFC 6750 §3.1)."""
    return Refused("invalid_request", why, status=400)


def insufficient_scope(why: str, scope: str = "") -> Refused:
    """The token is good, and gives no right to this (RFC 6750 §3.1)."""
    parameters = {"scope": scope} if scope else {}
    return Refused("insufficient_scope", why, status=403, parameters=parameters)


def answer_refused(refused: Refused, scheme: str, schemes: Sequence[tuple[str, str]]) -> Response:
    """The answer, with one challenge for each scheme that the API takes; the error stands with the one that was used.

    `schemes` are pairs of a scheme's name and its own parameters, the one to use first; `scheme` is the request's.
    """
    said: dict[str, str] = {}
    if refused.error:
        said = {"error": refused.error, "error_description": refused.why, **refused.parameters}
    response = JSONResponse(said, status_code=refused.status, headers=NO_STORE)
    names = [name for name, _ in schemes]
    blamed = scheme if scheme in names else names[0]
    for name, own in schemes:
        parameters = [f'{key}="{value}"' for key, value in said.items()] if name == blamed else []
        challenge = f"{name} {', '.join([*parameters, *([own] if own else [])])}".strip()
        response.headers.append("WWW-Authenticate", challenge)
    return response


def answer_unavailable() -> Response:
    """503: the same request may be good in a moment."""
    headers = {**NO_STORE, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return JSONResponse({"error": "temporarily_unavailable"}, status_code=503, headers=headers)

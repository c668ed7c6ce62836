"""What a request proves beside its credentials: that its sender holds a key (RFC 9449)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from starlette.requests import Request

from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidDpopProof
from idp.http.dpop import offer_nonce
from idp.http.sent_header import sent_header
from idp.oidc.client import Client
from idp.oidc.dpop import Nonces, Proof, Target, target, verify_proof
from idp.store import single_use

HEADER: Final = b"dpop"
"""Sent once, or the request is refused before it comes here (§4.3 point 1; `idp.http.limits`)."""

PROOF_USED: Final = "the proof was used before: its jti must be new in every request"


def read_proof(
    request: Request, here: Surroundings, client: Client, *, access_token: str | None = None
) -> Proof | None:
    """The proof of a request, verified but not used up; None where there is none.

    Raises:
        InvalidDpopProof: it is not in order, or not for this request, or for another access token.
        UseDpopNonce: all it lacks is a nonce that is good now.
    """
    text = sent_header(request.scope, HEADER)
    if text is None:
        return None
    context = here.context
    nonces = Nonces(context.keyring, context.now, client.security.dpop_nonce)
    settings = context.settings
    aim = _target(request.method, request.scope["path"], settings.issuer, settings.mtls_url)
    return verify_proof(text, aim, nonces, access_token=access_token)


def offer_nonce_to_proof(request: Request, here: Surroundings) -> None:
    """Have the answer bring a nonce if the request has a proof, whatever becomes of either (§8.2)."""
    if sent_header(request.scope, HEADER) is not None:
        offer_nonce(request, Nonces(here.context.keyring, here.context.now).fresh)


@lru_cache(maxsize=64)
def _target(method: str, path: str, *origins: str) -> Target:
    """A route has few methods and addresses, so few are remembered."""
    return target(method, [origin + path for origin in origins if origin])


async def burn_proof(here: Surroundings, proof: Proof) -> None:
    """Use a proof up (§11.1).

    Raises:
        InvalidDpopProof: it was used before.
    """
    if not await single_use.burn_jti(here.context.db, proof.jti_digest, proof.expires_at):
        raise InvalidDpopProof(PROOF_USED)

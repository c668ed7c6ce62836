"""An access token as it is shown to a protected resource of ours, and that who shows it holds what it is bound to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from idp.endpoints.proofs import burn_proof, read_proof
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidDpopProof, InvalidToken
from idp.http.challenges import note_resource
from idp.oidc.client import Client
from idp.oidc.sender import Confirmation

_DPOP: Final = "dpop"
_SCHEMES: Final = frozenset({"bearer", _DPOP})


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that is shown, empty where there is none; `by_dpop` by the scheme DPoP, else as a bearer token."""

    token: str = field(repr=False)
    by_dpop: bool = False


def from_header(request: Request) -> Presented:
    """The token in the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1); schemes in any letters (RFC 9110 §11.1)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    scheme = scheme.lower()
    return Presented(token.strip(), scheme == _DPOP) if scheme in _SCHEMES else Presented("")


async def check_holder(
    request: Request, here: Surroundings, client: Client, presented: Presented, bound: Confirmation
) -> None:
    """Whether who shows a token, which was issued to this client, holds the key that it is bound to, if it is to one.

    Raises:
        InvalidToken: another key or certificate, or the other scheme than that of the token (RFC 9449 §7.1, §7.2).
        InvalidDpopProof, UseDpopNonce: the key is not proven.
    """
    if bound.x5t_s256 and (here.certificate is None or here.certificate.x5t_s256 != bound.x5t_s256):
        raise InvalidToken(
            "the access token is bound to a certificate: connect with it, to the address in mtls_endpoint_aliases"
            " (RFC 8705 section 3)"
        )
    if not bound.jkt:
        if presented.by_dpop:
            raise InvalidToken("the access token is not bound to a key: send it by the scheme Bearer")
        return
    note_resource(request, by_dpop=True)
    if not presented.by_dpop:
        raise InvalidToken("the access token is bound to a key: send it by the scheme DPoP, with a proof")
    proof = read_proof(request, here, client, access_token=presented.token)
    if proof is None:
        raise InvalidDpopProof("the access token is bound to a key: send its proof in the header DPoP")
    if proof.jkt != bound.jkt:
        raise InvalidToken("the access token is bound to another key than that of the proof")
    await burn_proof(here, proof)

"""What a direct request proves beside its client: which key the sender holds (RFC 7800, RFC 8705 §3, RFC 9449)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from idp.errors import InvalidDpopProof, InvalidRequest
from idp.oidc.client import Client
from idp.oidc.dpop import Proof
from keys.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Sender:
    """The proof in the request, whose `jti` is used up, and the certificate of its connection; None where none came."""

    proof: Proof | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a token is bound to: nothing, the key of DPoP proofs, or a certificate."""

    jkt: str = ""
    x5t_s256: str = ""

    @property
    def token_type(self) -> str:
        """RFC 6750 §6.1.1, RFC 9449 §5; a token bound to a certificate is a Bearer token (RFC 8705 §3)."""
        return "DPoP" if self.jkt else "Bearer"

    @property
    def claims(self) -> dict[str, object]:
        """The claim `cnf` of a token, or none (RFC 8705 §3.1, RFC 9449 §6.1)."""
        if self.jkt:
            return {"cnf": {"jkt": self.jkt}}
        return {"cnf": {"x5t#S256": self.x5t_s256}} if self.x5t_s256 else {}


UNBOUND: Final = Confirmation()
"""Of a token that is whoever's who holds it."""


def read_confirmation(claims: Mapping[str, object]) -> Confirmation:
    """What a verified token of ours is bound to."""
    cnf = claims.get("cnf")
    if not isinstance(cnf, dict):
        return UNBOUND
    return Confirmation(str(cnf.get("jkt", "")), str(cnf.get("x5t#S256", "")))


def confirm(client: Client, sender: Sender) -> Confirmation:
    """What tokens are bound to that this sender is given now.

    Who sends a proof gets a bound token, also where the client need not (RFC 9449 §5).

    Raises:
        InvalidDpopProof: the client is registered for tokens bound by DPoP, and no proof came.
        InvalidRequest: it is registered for tokens bound to its certificate, and none was shown.
    """
    if client.tls_client_certificate_bound_access_tokens:
        if sender.certificate is None:
            raise InvalidRequest(
                "this client gets tokens that are bound to its certificate: connect with it, to the address in"
                " mtls_endpoint_aliases (RFC 8705 section 3)"
            )
        return Confirmation(x5t_s256=sender.certificate.x5t_s256)
    if sender.proof is not None:
        return Confirmation(jkt=sender.proof.jkt)
    if client.dpop_bound_access_tokens:
        raise InvalidDpopProof(
            "this client gets tokens that are bound by DPoP: send a proof (RFC 9449 section 5)"
        )
    return UNBOUND


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A direct request of a proven client: its parameters, each once, and what its sender proves beside."""

    client: Client
    form: Mapping[str, str]
    sender: Sender = field(default_factory=Sender)

    @property
    def confirmation(self) -> Confirmation:
        """What the tokens that it gets are bound to; raises as `confirm`."""
        return confirm(self.client, self.sender)

"""What a provider sees of a portal's proofs (RFC 9449): checked by PyJWT, with nonces and single use."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class BadProof(Exception):
    """The request is to be answered so."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass
class Proofs:
    """Every proof of the portal that came, and the one nonce that is good."""

    nonce: str = "nonce-1"
    jtis: set[str] = field(default_factory=set)
    asked: int = 0

    def check(self, request: Request, access_token: str = "") -> str:
        """The thumbprint of the key that the request proves.

        Raises:
            BadProof: it asks for the nonce, once after each change of it.
        """
        (text,) = request.headers.getlist("dpop")
        header = jwt.get_unverified_header(text)
        assert header["typ"] == "dpop+jwt"
        assert "d" not in header["jwk"]
        claims = jwt.decode(text, jwt.PyJWK(header["jwk"]), ["ES256"])
        assert (claims["htm"], claims["htu"]) == (
            request.method,
            str(request.url.replace(query="")).rstrip("?"),
        )
        assert claims["jti"] not in self.jtis
        self.jtis.add(claims["jti"])
        digest = hashlib.sha256(access_token.encode()).digest()
        assert claims.get("ath") == (_base64url(digest) if access_token else None)
        if claims.get("nonce") != self.nonce:
            self.asked += 1
            raise BadProof(self._ask(by_challenge=bool(access_token)))
        return thumbprint(header["jwk"])

    def _ask(self, *, by_challenge: bool) -> Response:
        headers = {"DPoP-Nonce": self.nonce}
        if by_challenge:
            headers["WWW-Authenticate"] = 'DPoP error="use_dpop_nonce", algs="ES256"'
        status = 401 if by_challenge else 400
        return JSONResponse({"error": "use_dpop_nonce"}, status_code=status, headers=headers)


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 §3, of a key on a curve."""
    counted = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return _base64url(
        hashlib.sha256(json.dumps(counted, separators=(",", ":"), sort_keys=True).encode()).digest()
    )


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()

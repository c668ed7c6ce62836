"""The decision about one request: its token is good, the caller holds its key, and it is enough for the route."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

from .access import Access, AccessTokens
from .certificate import ClientCertificates
from .details import details_of
from .needs import Needs
from .proof import KEY_TYPES, Aim, Nonces, normalised, verify_proof
from .refusal import Refused, invalid_proof, invalid_request, invalid_token
from .replays import MemoryReplays
from .signing_keys import SigningKeys, fetch_key_set

SCHEMES = {"dpop": "DPoP", "bearer": "Bearer"}
SYMMETRIC = {"none", "HS256", "HS384", "HS512"}
"""Whoever can verify by these can sign as well, and anybody by the first (RFC 8725 §2.1)."""

Burn = Callable[[bytes, int], Awaitable[bool]]
"""Remembers a used proof; see `MemoryReplays` for what it must promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What an API is, once for the whole of it.

    `issuer` is the provider, as its discovery document writes it. `audience` is the API's name as a resource
    (RFC 8707), as tokens have it in `aud`. `address` is what callers write before the path that your server sees, such
    as `https://api.example.vn`: proofs are compared with it, never with `Host`, which is the caller's to choose.
    `algorithms` sign access tokens. `certificates` says where callers' certificates are found; without it tokens that
    are bound to one are refused. `nonce_secret` has proofs hold a nonce of ours; all processes need the same.
    `accept_unbound_tokens` lets in whoever got hold of a token: only for clients that cannot do better.
    """

    issuer: str
    audience: str
    address: str
    algorithms: tuple[str, ...] = ("ES256", "PS256", "EdDSA")
    certificates: ClientCertificates | None = None
    nonce_secret: bytes = b""
    accept_unbound_tokens: bool = False

    def __post_init__(self) -> None:
        if not (_is_private(self.issuer) and _is_private(self.address)):
            raise ValueError("issuer and address are https addresses; http is for this machine alone")
        if not self.audience or not self.algorithms or not set(self.algorithms).isdisjoint(SYMMETRIC):
            raise ValueError("an API has an audience, and algorithms that sign by a private key")

    @property
    def schemes(self) -> list[tuple[str, str]]:
        """The schemes that tokens come by, with the parameters of their challenges (RFC 9449 §7.1, §7.2)."""
        dpop = [("DPoP", f'algs="{" ".join(KEY_TYPES)}"')]
        return [*dpop, ("Bearer", "")] if self.certificates or self.accept_unbound_tokens else dpop


class Guard:
    """Decides for one API. `burn` replaces the memory of used proofs where several processes need a common one."""

    def __init__(
        self,
        api: Api,
        *,
        keys: SigningKeys | None = None,
        burn: Burn | None = None,
        clock: Callable[[], float] = time.time,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.api = api
        self.nonces = Nonces(api.nonce_secret, clock)
        self._clock = clock
        self._burn = burn or MemoryReplays(clock=clock).burn
        keys = keys or SigningKeys(lambda: fetch_key_set(api.issuer, transport=transport))
        self._tokens = AccessTokens(api.issuer, api.audience, keys, api.algorithms, clock)

    async def admit(self, scope: Scope, needs: Needs) -> Access:
        """What the request's token says, when it is good, the caller's own, and enough.

        Raises:
            Refused: it is not.
            Unavailable: that cannot be found out now.
        """
        headers = Headers(scope=scope)
        token = _read_token(headers, scope)
        access = await self._tokens.verify(token)
        await self._check_holder(scope, headers, token, access.claims)
        self.check(access, needs)
        return access

    def check(self, access: Access, needs: Needs) -> None:
        """Whether a token that was admitted is enough for what turns out to be asked, such as a larger sum.

        Raises:
            Refused: it is not; the route need not catch it.
        """
        needs.check(access, issuer=self.api.issuer, audience=self.api.audience, now=self._clock())

    def details(
        self, access: Access, kind: str, *, action: str = "", procedure: str = "", organisation: str = ""
    ) -> list[Mapping[str, Any]]:
        """The entries of `authorization_details` that allow this here and now; empty where nothing does.

        `organisation` is the code of the one that the request is about: a mandate of another one allows nothing.
        """
        return details_of(
            access.claims,
            kind,
            action=action,
            procedure=procedure,
            organisation=organisation,
            location=self.api.audience,
            now=self._clock(),
        )

    async def _check_holder(
        self, scope: Scope, headers: Headers, token: str, claims: Mapping[str, Any]
    ) -> None:
        """Every binding that the token has is checked; what is not understood is refused (RFC 7800 §3.1)."""
        bound = claims.get("cnf", {})
        known = {"jkt", "x5t#S256"}
        if not isinstance(bound, dict) or not all(
            name in known and isinstance(value, str) and value for name, value in bound.items()
        ):
            raise invalid_token("the access token is bound in a way that is not understood")
        if not bound and not self.api.accept_unbound_tokens:
            raise invalid_token("this API takes only access tokens that are bound to a key or certificate")
        if ("jkt" in bound) != (read_scheme(headers) == "DPoP"):  # RFC 9449 §7.1, §7.2
            raise invalid_token("a token bound to a key comes by the scheme DPoP, and no other does")
        if "x5t#S256" in bound:
            self._check_certificate(scope, bound["x5t#S256"])
        if "jkt" in bound:
            await self._check_proof(scope, headers, token, bound["jkt"])

    def _check_certificate(self, scope: Scope, thumbprint: str) -> None:
        certificates = self.api.certificates
        shown = certificates.find_thumbprint(scope) if certificates else ""
        if not hmac.compare_digest(shown.encode(), thumbprint.encode()):
            raise invalid_token(
                "the access token is bound to another certificate than that of the connection"
            )

    async def _check_proof(self, scope: Scope, headers: Headers, token: str, jkt: str) -> None:
        sent = headers.getlist("dpop")
        if len(sent) != 1:  # RFC 9449 §4.3 point 1
            raise invalid_proof("one header DPoP is needed, with one proof")
        aim = Aim(scope["method"], self.api.address.rstrip("/") + _path(scope), token, jkt)
        proof = verify_proof(sent[0], aim, self.nonces, self._clock())
        if not await self._burn(proof.digest, proof.until):
            raise invalid_proof("the proof has been used before")


def _is_private(address: str) -> bool:
    """Whether what is said there stays between the two ends."""
    parts = urlsplit(normalised(address))
    return parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


def read_scheme(headers: Headers) -> str:
    """The scheme of the request's token; empty where it is none that carries tokens."""
    return SCHEMES.get(headers.get("authorization", "").partition(" ")[0].lower(), "")


def _read_token(headers: Headers, scope: Scope) -> str:
    """The token of the header; never one of the address, where logs would keep it (RFC 6750 §2.3, FAPI 2.0 §5.3.4)."""
    if "access_token" in QueryParams(scope.get("query_string", b"")):
        raise invalid_request("access tokens are not taken from the address")
    sent = headers.getlist("authorization")
    if len(sent) > 1:
        raise invalid_request("the header Authorization stands there more than once")
    token = sent[0].partition(" ")[2].strip() if sent else ""
    if not token or not read_scheme(headers):
        raise Refused("", "no access token")
    return token


def _path(scope: Scope) -> str:
    """The path as the caller spelled it, where the server tells."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.decode("latin-1").partition("?")[0]

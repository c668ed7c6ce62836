"""A guarded API, the provider whose tokens it believes, and a client that does all right until a test spoils it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx2
import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from examples.resource_server import Api, Guard, Needs, SigningKeys, access_of, asks, closed
from tests.support.dpop import DpopKey

ISSUER = "https://sso.example.vn"
API = "https://api.example.vn"
NOW = 1_900_000_000
SUBJECT = "pairwise-subject"
PUBLIC = Api(issuer=ISSUER, audience=API, address=API)
TWO = f"{ISSUER}/acr/2"


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Issuer:
    """A provider: it signs, and publishes its keys."""

    kid: str = "one"
    key: DpopKey = field(default_factory=DpopKey.fresh)
    published: list[dict[str, Any]] = field(default_factory=list)
    fetched: int = 0

    def __post_init__(self) -> None:
        self.published.append(self.key.jwk | {"kid": self.kid, "use": "sig", "alg": self.key.algorithm})

    async def fetch(self) -> Mapping[str, Any]:
        """What stands at `jwks_uri`."""
        self.fetched += 1
        return {"keys": self.published}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A token; a member of the header that is None is left out."""
        head = {"typ": "at+jwt", "kid": self.kid} | header
        kept = {name: value for name, value in head.items() if value is not None or name == "typ"}
        return jwt.encode(dict(claims), self.key.private_key, self.key.algorithm, headers=kept)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token of a person, bound to nothing; those that are None are left out."""
    good = {
        "iss": ISSUER, "sub": SUBJECT, "aud": API, "client_id": "portal", "jti": "j", "iat": NOW, "exp": NOW + 300,
        "scope": "openid dossiers", "acr": f"{ISSUER}/acr/1", "auth_time": NOW - 60,
    }  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not None}


async def whoami(request: Request) -> Response:
    """Says what the guard found out."""
    return JSONResponse({"subject": access_of(request).subject})


@dataclass
class Scene:
    """One API with one route, `/dossiers/{id}`, and a client that holds `key`."""

    api: Api = PUBLIC
    needs: Needs = field(default_factory=Needs)
    issuer: Issuer = field(default_factory=Issuer)
    clock: Clock = field(default_factory=Clock)
    key: DpopKey = field(default_factory=DpopKey.fresh)
    burn: Callable[[bytes, int], Awaitable[bool]] | None = None
    peer: tuple[str, int] | None = ("203.0.113.9", 4000)
    endpoint: Callable[[Request], Awaitable[Response]] = whoami

    def __post_init__(self) -> None:
        keys = SigningKeys(self.issuer.fetch, self.clock)
        self.guard = Guard(self.api, keys=keys, burn=self.burn, clock=self.clock)
        route = Route(
            "/dossiers/{id}", self.endpoint, methods=["GET", "POST"], middleware=asks(self.guard, self.needs)
        )
        self.app = Starlette(routes=closed([route]))

    @classmethod
    def taking_anyone(cls, **changes: Any) -> Self:
        """An API that takes tokens that are bound to nothing."""
        return cls(api=replace(PUBLIC, accept_unbound_tokens=True), **changes)

    def token(self, **changes: Any) -> str:
        """A good token that is bound to the client's key."""
        return self.issuer.sign(claims(cnf={"jkt": self.key.jkt}) | changes)

    def proof(self, token: str, *, method: str = "GET", **changes: Any) -> str:
        """A good proof for `/dossiers/1`."""
        return self.key.proof(method, f"{API}/dossiers/1", self.clock(), access_token=token, **changes)

    async def ask(
        self,
        *headers: tuple[str, str],
        path: str = "/dossiers/1",
        method: str = "GET",
        extensions: Mapping[str, Any] | None = None,
    ) -> httpx2.Response:
        """One request with exactly these headers."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.update(client=self.peer, extensions=dict(extensions or {}))
            await self.app(scope, receive, send)

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://inside") as http:
            return await http.request(
                method, path, headers=[(name.encode(), value.encode("latin-1")) for name, value in headers]
            )

    async def ask_with(self, token: str, proof: str, *, scheme: str = "DPoP", **more: Any) -> httpx2.Response:
        """One request with a token and a proof."""
        return await self.ask(("authorization", f"{scheme} {token}"), ("dpop", proof), **more)

    async def ask_well(self, **changes: Any) -> httpx2.Response:
        """Everything right, but for changed claims of the token."""
        token = self.token(**changes)
        return await self.ask_with(token, self.proof(token))

    async def ask_as_bearer(self, **changes: Any) -> httpx2.Response:
        """With a token that is bound to nothing, but for changed claims."""
        return await self.ask(("authorization", f"Bearer {self.issuer.sign(claims(**changes))}"))


def blamed(response: httpx2.Response) -> tuple[int, str, str]:
    """Status, the scheme whose challenge has the error, and the error."""
    for challenge in response.headers.get_list("www-authenticate"):
        if 'error="' in challenge:
            return (
                response.status_code,
                challenge.partition(" ")[0],
                challenge.split('error="')[1].split('"')[0],
            )
    return response.status_code, "", ""

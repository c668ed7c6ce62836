"""Load on a provider of several workers, by portals that follow the cache rules; every failure is counted.

Each line is one portal with connections to one worker, and for persons a browser beside it; it does one thing after
the other without pause, and verifies every token with the keys that its portal keeps.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import jwt
from sqlalchemy import select

from idp.store.schema import grants
from tests.support.browsing import Browser
from tests.support.caching_portal import CachingPortal
from tests.support.population import Citizen
from tests.support.portals import API, Tokens
from tests.support.provider import PASSWORD
from tests.support.served import PATIENCE, ServedProvider

SCOPE: Final = "openid profile"
_FAILURES: Final = (AssertionError, KeyError, ValueError, jwt.PyJWTError, httpx2.HTTPError)


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was given, and by which worker."""

    worker: int
    purpose: str
    alg: str
    kid: str
    iat: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was not answered as a portal expects, and whose tokens or code it was about."""

    request: str
    why: str
    begun: float
    kids: frozenset[str]
    grant_ids: frozenset[str]
    code_digest: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One portal at one worker; with a browser in which a person is logged in, or as a machine."""

    worker: int
    portal: CachingPortal
    browser: Browser | None = None
    resource: CachingPortal | None = None
    """The protected resource that asks about a machine's tokens."""


class _Broken(Exception):
    """A request failed; what would come after it is left out."""


@dataclass(slots=True)
class KeyLoad:
    """Lines at work, and what came of it."""

    served: ServedProvider
    done: Counter[str] = field(default_factory=Counter)
    issued: list[Issued] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    tokens: dict[int, Tokens] = field(default_factory=dict)
    """The latest tokens of a person by worker."""

    _lines: list[Line] = field(default_factory=list)
    _stopping: bool = False

    @property
    def portals(self) -> list[CachingPortal]:
        """Every portal at work."""
        return [line.portal for line in self._lines]

    def portal(self, client_id: str) -> CachingPortal:
        """A portal with one connection and a cache of its own."""
        plain = self.served.portal(client_id)
        return CachingPortal(plain.registered, plain.http, plain.issuer, time.time)

    async def add_person(self, worker: int, client_id: str, citizen: Citizen) -> None:
        """A person logs in once; from then on single sign-on takes them to the portal."""
        line = Line(worker, self.portal(client_id), self.served.browser())
        await self._connect(line)
        assert line.browser is not None
        visit = await line.browser.open("/account")
        visit = await visit.submit(personal_number=citizen.number, password=PASSWORD)
        assert (visit.status, visit.path) == (200, "/account"), visit.text

    async def add_machine(self, worker: int, client_id: str) -> None:
        """A client in its own name, and the resource that it calls."""
        await self._connect(Line(worker, self.portal(client_id), resource=self.portal("api")))

    async def _connect(self, line: Line) -> None:
        """Open every connection of a line while its worker alone answers, and fetch the key set."""
        with self.served.only(self.served.workers()[line.worker]):
            for one in (line.portal, line.browser, line.resource):
                if one is not None:
                    assert (await one.http.get("/health/live")).status_code == 200
        await line.portal.key_set()
        self._lines.append(line)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The span in which all lines work."""
        watchers = [await self._watcher(worker) for worker in range(len(self.served.workers()))]
        tasks = [asyncio.create_task(self._watch(http)) for http in watchers]
        tasks += [asyncio.create_task(self._work(line)) for line in self._lines]
        try:
            yield
        finally:
            self._stopping = True
            await asyncio.gather(*tasks)

    async def until(self, met: Callable[[], bool | Awaitable[bool]], what: str) -> float:
        """Wait until something is so; the seconds that it took."""
        begun = time.monotonic()
        while True:
            answer = met()
            if answer if isinstance(answer, bool) else await answer:
                return time.monotonic() - begun
            assert time.monotonic() < begun + PATIENCE, f"not in time: {what}; {self.failures[:3]}"
            await asyncio.sleep(0.02)

    async def until_all_sign_with(self, *kids: str) -> float:
        """Wait until each worker has signed with each key; the seconds that it took."""
        workers = range(len(self.served.workers()))
        wanted = {(worker, kid) for worker in workers for kid in kids}
        return await self.until(
            lambda: wanted <= {(one.worker, one.kid) for one in self.issued}, f"all sign with {kids}"
        )

    async def not_meant(self, revoked: Collection[str]) -> list[Failure]:
        """Failures of something else than what revoked keys signed, and the grants behind that."""
        query = select(grants).where(grants.c.revoke_reason == "key_revoked")
        rows = await self.served.db.fetch_all(query)
        ended = {row["grant_id"] for row in rows} | {bytes(row["code_digest"]) for row in rows}
        return [
            one
            for one in self.failures
            if not one.kids & set(revoked) and not ended & {one.code_digest, *one.grant_ids}
        ]

    async def _watcher(self, worker: int) -> httpx2.AsyncClient:
        http = self.served.portal("api").http
        with self.served.only(self.served.workers()[worker]):
            assert (await http.get("/health/live")).status_code == 200
        return http

    async def _watch(self, http: httpx2.AsyncClient) -> None:
        """The key of every token that was given stands in the key set that is served after it."""
        looked_at = 0
        while not self._stopping:
            fresh, looked_at = self.issued[looked_at:], len(self.issued)
            kids = {one.kid for one in fresh}
            try:
                with self._request("jwks") as about:
                    served = {key["kid"] for key in (await http.get("/jwks")).json()["keys"]}
                    about.kids |= kids - served
                    assert kids <= served, f"not served: {kids - served}"
            except _Broken:
                continue

    async def _work(self, line: Line) -> None:
        while not self._stopping:
            try:
                await (self._machine(line) if line.browser is None else self._person(line, line.browser))
            except _Broken:
                await asyncio.sleep(0)

    @contextmanager
    def _request(self, name: str, about: _About | None = None) -> Iterator[_About]:
        about = about or _About()
        begun = time.time()
        try:
            yield about
        except _FAILURES as error:
            grants = frozenset(about.grant_ids)
            kids = frozenset(about.kids)
            self.failures.append(Failure(name, repr(error)[:300], begun, kids, grants, about.code_digest))
            raise _Broken from error
        self.done[name] += 1

    async def _person(self, line: Line, browser: Browser) -> None:
        """Code flow, UserInfo, introspection, refresh, and UserInfo and introspection again."""
        portal, about = line.portal, _About()
        with self._request("authorize"):
            asked, visit = await portal.send(browser, scope=SCOPE)
            if visit.answer is None:
                visit = await visit.submit(decision="continue")
            about.code_digest = hashlib.sha256(visit.code.encode()).digest()
        with self._request("code", about):
            tokens = await self._taken(line, await portal.tokens(asked, visit), about)
        await self._use(line, tokens, about)
        if "refresh_token" in tokens.body:
            with self._request("refresh", about):
                response = await portal.refresh(tokens.refresh_token)
                assert response.status_code == 200, response.text
                tokens = await self._taken(line, await portal.read(response), about)
            await self._use(line, tokens, about)

    async def _taken(self, line: Line, tokens: Tokens, about: _About) -> Tokens:
        """Note what was given; the ID token has been verified, the access token is now."""
        about.take(tokens.id_token, tokens.access_token)
        self._note(line, "id_token", tokens.id_token, tokens.claims)
        claims = await line.portal.verify(tokens.access_token, audience=self.served.issuer)
        self._note(line, "access_token", tokens.access_token, claims)
        about.grant_ids.add(claims["grant_id"])
        if line.portal.client_id == "dossiers":
            self.tokens[line.worker] = tokens
        return tokens

    async def _use(self, line: Line, tokens: Tokens, about: _About) -> None:
        portal = line.portal
        with self._request("userinfo", about):
            told = await portal.userinfo(tokens.access_token)
            assert told.status_code == 200, told.text
            if told.headers["content-type"].startswith("application/jwt"):
                about.take(told.text)
                claims = await portal.verify(told.text)
                self._note(line, "userinfo", told.text, {**claims, "iat": int(time.time())})
            else:
                claims = told.json()
            assert claims["sub"] == tokens.sub
        with self._request("introspect", about):
            assert (await portal.introspect(tokens.access_token))["active"] is True

    async def _machine(self, line: Line) -> None:
        about, resource = _About(), line.resource
        assert resource is not None
        with self._request("client_credentials", about):
            response = await line.portal.post("/token", grant_type="client_credentials")
            assert response.status_code == 200, response.text
            token = response.json()["access_token"]
            about.take(token)
            claims = await line.portal.verify(token, audience=API)
            self._note(line, "access_token", token, claims)
        with self._request("introspect", about):
            assert (await resource.introspect(token))["active"] is True

    def _note(self, line: Line, purpose: str, token: str, claims: Any) -> None:
        header = jwt.get_unverified_header(token)
        self.issued.append(Issued(line.worker, purpose, header["alg"], header["kid"], claims["iat"]))


@dataclass(slots=True)
class _About:
    """What a request has to do with."""

    kids: set[str] = field(default_factory=set)
    grant_ids: set[str] = field(default_factory=set)
    code_digest: bytes = b""

    def take(self, *tokens: str) -> None:
        """These tokens belong to it."""
        self.kids |= {jwt.get_unverified_header(token)["kid"] for token in tokens}

"""The portal: six small pages around one sign-in.

Read `login`, `callback`, `logout` and `backchannel_logout` in this order; they are all that a portal needs.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx2
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from examples.api.app import build_api
from examples.portal import words
from examples.portal.challenge import Challenge
from examples.portal.own_api import OwnApi
from examples.portal.provider import Provider, ProviderRefused, ProviderUnreachable
from examples.portal.sessions import Pending, Person, Session, Sessions
from examples.portal.settings import PortalSettings
from examples.portal.tokens import RefusedToken, Tokens, require_subject
from examples.resource_server import Api, Guard, SigningKeys, Unavailable, fetch_key_set

HERE = Path(__file__).parent
NEEDS_A_PAGE = {"login_required", "interaction_required", "consent_required", "account_selection_required"}
MOST_BODY_BYTES = 16_384
REFUSED = "/refused"
log = logging.getLogger("portal")


class LevelTooLow(Exception):
    """The person proved less than this portal asks for."""


class Portal:
    """One portal's pages. Every dependency is given, none is global."""

    def __init__(
        self, settings: PortalSettings, provider: Provider, tokens: Tokens, sessions: Sessions, api: OwnApi
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._api = api
        self._tokens = tokens
        self._sessions = sessions
        self._pages = Jinja2Templates(directory=HERE / "templates")

    async def home(self, request: Request) -> Response:
        """The front page: a button for strangers, the data that came for whoever is signed in."""
        session = self._sessions.find(request)
        person = session.person if session else None
        if session is None or person is None:
            return self._page(request, "home.html", session=session)
        return self._page(
            request,
            "person.html",
            session=session,
            person=person,
            level=words.LEVELS[person.level],
            rows=words.write_claims(person.claims),
            organisation=words.write_organisation(person.claims),
            asks_organisation="org" in self._settings.scope.split(),
            signed_in_at=words.write_time(person.auth_time),
        )

    async def dossiers(self, request: Request) -> Response:
        """A page for the signed in only: strangers sign in first and come back here."""
        session = self._sessions.find(request)
        if session is None or session.person is None:
            return await self._depart(request, return_to=request.url.path, silent=self._settings.silent_first)
        return self._page(request, "dossiers.html", session=session, person=session.person)

    async def extracts(self, request: Request) -> Response:
        """Data of the ministry's API. What the API wants first, a stronger login or a younger one, is asked for."""
        session = self._sessions.find(request)
        if session is None or session.person is None:
            return await self._depart(request, return_to=request.url.path, silent=self._settings.silent_first)
        answer = await self._api.extracts(session.api_token)
        if not isinstance(answer, Challenge):
            session.met = None
            return self._page(request, "extracts.html", session=session, extracts=answer)
        if (
            answer == session.met
        ):  # what the provider gives is not what the API wants: going on would never end
            raise LevelTooLow
        return await self._depart(request, return_to=request.url.path, silent=False, challenge=answer)

    async def login(self, request: Request) -> Response:
        """Sends the browser to the provider."""
        return await self._depart(request, return_to="/", silent=self._settings.silent_first)

    async def callback(self, request: Request) -> Response:
        """Takes the browser back from the provider: first whose answer it is, then what it says."""
        session = self._sessions.find(request)
        answer = await self._read_answer(request)
        pending = self._sessions.take_pending(session, str(answer.get("state", "")))
        if session is None or pending is None:
            return self._message(request, words.STALE, status=400)
        try:
            code = await self._read_code(answer)
            if pending.challenge is None:
                session.person = await self._identify(code, pending)
            else:
                await self._fetch_api_token(session, code, pending)
        except ProviderRefused as refusal:
            if pending.silent and refusal.code in NEEDS_A_PAGE:
                return await self._depart(request, return_to=pending.return_to, silent=False)
            # Away from the address that the answer came by: it stands in the history, and a signed one is long.
            told = urlencode({"error": refusal.code})
            return RedirectResponse(f"{REFUSED}?{told}", status_code=303)
        session = self._sessions.renew(session)
        return self._sessions.attach(RedirectResponse(pending.return_to, status_code=303), session)

    async def logout(self, request: Request) -> Response:
        """Ends the portal's session, then hands the same form on to the provider, which ends its own.

        The page's form already holds what the provider needs (OpenID Connect RP-Initiated Logout §2), and 307
        keeps it a POST: so the ID token travels in a body and stands in no address.
        """
        session = self._sessions.find(request)
        given = dict(parse_qsl((await request.body()).decode("utf-8", "replace"))).get("csrf_token", "")
        if session is None:
            return RedirectResponse("/", status_code=303)
        if not hmac.compare_digest(given.encode(), session.csrf_token.encode()):
            return self._message(request, words.STALE, status=400)
        self._sessions.end(session)
        metadata = await self._provider.metadata()
        return RedirectResponse(metadata["end_session_endpoint"], status_code=307)

    async def backchannel_logout(self, request: Request) -> Response:
        """The provider tells that a person's session has ended there, so it ends here (§2.5 to §2.8).

        Whoever can reach this address may call it: only a token that the provider signed for us ends anything.
        """
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            claims = await self._tokens.verify_logout_token(form.get("logout_token", ""))
        except RefusedToken as error:
            log.warning("refused a logout token: %s", error)
            return PlainTextResponse("refused", status_code=400, headers={"Cache-Control": "no-store"})
        self._sessions.end_told(claims["sid"], claims["sub"])
        return Response(status_code=200, headers={"Cache-Control": "no-store"})

    async def not_let_in(self, request: Request) -> Response:
        """What a person reads whom the provider did not send back with a login."""
        said = words.error_words(request.query_params.get("error", ""))
        return self._message(request, said, status=403)

    async def logged_out(self, request: Request) -> Response:
        """Where the provider sends the browser when its session is over."""
        return self._message(request, words.SIGNED_OUT)

    async def theme(self, _request: Request) -> Response:
        """The portal's colour as a style sheet, so that no page needs a `style` attribute."""
        return PlainTextResponse(f":root{{--colour:{self._settings.colour}}}", media_type="text/css")

    async def health(self, _request: Request) -> Response:
        """Says that the portal listens."""
        return PlainTextResponse("ok")

    async def not_found(self, request: Request, _error: Exception) -> Response:
        """Any address that is not a page."""
        return self._message(request, words.NOT_FOUND, status=404)

    async def forged(self, request: Request, error: Exception) -> Response:
        """A token did not verify: nobody is signed in. The reason is for the log, and names no person."""
        log.warning("refused a token: %s", error)
        return self._message(request, words.FORGED, status=502)

    async def refused(self, request: Request, error: Exception) -> Response:
        """The provider did not take a request that we pushed."""
        log.warning("the provider refused a request: %s", error)
        return self._message(request, words.error_words(str(error)), status=403)

    async def unreachable(self, request: Request, error: Exception) -> Response:
        """The provider did not answer."""
        log.warning("provider unreachable: %s", error)
        return self._message(request, words.UNREACHABLE, status=503)

    async def too_low(self, request: Request, _error: Exception) -> Response:
        """The level is below what this portal asks for."""
        return self._message(request, words.TOO_LOW, status=403)

    async def _depart(
        self, request: Request, *, return_to: str, silent: bool, challenge: Challenge | None = None
    ) -> Response:
        departure = await self._provider.begin(silent=silent, challenge=challenge)
        session = self._sessions.find(request) or self._sessions.begin()
        pending = Pending(
            nonce=departure.nonce,
            code_verifier=departure.code_verifier,
            return_to=return_to,
            silent=silent,
            started_at=self._sessions.clock(),
            challenge=challenge,
        )
        self._sessions.keep_pending(session, departure.state, pending)
        return self._sessions.attach(RedirectResponse(departure.url, status_code=303), session)

    async def _read_answer(self, request: Request) -> Mapping[str, Any]:
        """The parameters of the authorization response; a portal that signs believes only a signed one (JARM §2.4)."""
        if self._settings.way.signs:
            return await self._tokens.verify_answer(request.query_params.get("response", ""))
        return request.query_params

    async def _read_code(self, answer: Mapping[str, Any]) -> str:
        """The code of the answer, after a look at its issuer (RFC 9207 §2.4) and its error."""
        promised = (await self._provider.metadata()).get("authorization_response_iss_parameter_supported")
        named = answer.get("iss")
        if (promised or named is not None) and named != self._settings.issuer:
            raise RefusedToken("the answer comes from another issuer")
        if "error" in answer:
            raise ProviderRefused(str(answer["error"]))
        return str(answer.get("code", ""))

    async def _identify(self, code: str, pending: Pending) -> Person:
        """The person behind a code: exchange, verify both tokens, fetch the data, compare the subjects."""
        answer = await self._provider.exchange(code, pending.code_verifier)
        id_token, access_token = answer["id_token"], answer["access_token"]
        identity = await self._tokens.verify_id_token(
            id_token, nonce=pending.nonce, access_token=access_token
        )
        await self._tokens.verify_access_token(access_token, subject=identity["sub"])
        level = self._read_level(identity)
        data = await self._userinfo(access_token, identity["sub"])
        auth_time = _auth_time(identity)
        return Person(
            subject=identity["sub"],
            sid=str(identity.get("sid", "")),
            level=level,
            auth_time=auth_time,
            claims={**identity, **data},
            id_token=id_token,
            silent=pending.silent,
            reused_session=auth_time < int(pending.started_at),
        )

    async def _fetch_api_token(self, session: Session, code: str, pending: Pending) -> None:
        """A token for the API, of the person who is signed in here and of nobody else."""
        answer = await self._provider.exchange(code, pending.code_verifier)
        identity = await self._tokens.verify_id_token(
            answer["id_token"], nonce=pending.nonce, access_token=answer["access_token"]
        )
        person = session.person
        if person is None or identity["sub"] != person.subject:
            raise RefusedToken("another person came back from the provider")
        await self._tokens.verify_access_token(
            answer["access_token"], subject=person.subject, audience=self._settings.api
        )
        level = self._read_level(identity)
        session.api_token, session.met = answer["access_token"], pending.challenge
        session.person = replace(
            person,
            sid=str(identity.get("sid", "")),  # another, where the session at the provider had run out
            level=level,
            auth_time=_auth_time(identity),
            id_token=answer["id_token"],
        )

    def _read_level(self, identity: Mapping[str, Any]) -> int:
        """The level of a login, which is never below what this portal asks for."""
        level = words.read_level(self._settings.issuer, identity.get("acr"))
        if level < self._settings.minimum_level:
            raise LevelTooLow
        return level

    async def _userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        response = await self._provider.userinfo(access_token)
        if self._settings.signed_userinfo:  # as registered, whatever the header of the answer says
            return await self._tokens.verify_userinfo(response.text, subject=subject)
        try:
            return require_subject(response.json(), subject)
        except ValueError as error:
            raise ProviderUnreachable("UserInfo is not JSON") from error

    def _message(self, request: Request, message: tuple[str, str], *, status: int = 200) -> Response:
        title, advice = message
        session = self._sessions.find(request)
        shown = {"title": title, "advice": advice, "offer_login": status != httpx2.codes.NOT_FOUND}
        return self._page(request, "message.html", session=session, status=status, **shown)

    def _page(
        self, request: Request, template: str, *, session: Session | None, status: int = 200, **values: Any
    ) -> Response:
        values |= {"portal": self._settings, "session": session}
        response = self._pages.TemplateResponse(request, template, values, status_code=status)
        response.headers.update(self._page_headers())
        return response

    def _page_headers(self) -> dict[str, str]:
        # Browsers apply `form-action` to the redirects after a form as well, hence the provider's address.
        policy = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {self._settings.issuer}"
        )
        return {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }


def _auth_time(identity: Mapping[str, Any]) -> int:
    """When the person logged in; providers need not say so."""
    return int(identity.get("auth_time", identity["iat"]))


def build_app(
    settings: PortalSettings,
    key: ECKey,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    towards_api: httpx2.AsyncBaseTransport | None = None,
) -> Starlette:
    """The portal as an ASGI application. The transports replace the network, to provider and API, in tests."""
    provider = Provider(settings, key, transport=transport)
    tokens = Tokens(settings, SigningKeys(lambda: fetch_key_set(settings.issuer, transport=transport)))
    # Browsers keep one jar for all ports of a host: the portals of the demo must not share a cookie's name.
    sessions = Sessions(f"{settings.client_id}-session", secure=settings.secure)
    own_api: list[BaseRoute] = []
    if settings.own_api:  # another program as a rule; here it stands behind the portal's own address
        api = Api(
            issuer=settings.issuer,
            audience=settings.api,
            address=settings.base_url,  # without `/api`: that is part of the path that the server sees
            nonce_secret=secrets.token_bytes(32),  # several processes would need one secret
            accept_unbound_tokens=not settings.way.proves,
        )
        own_api = [Mount("/api", build_api(Guard(api, transport=transport)))]
    portal = Portal(
        settings, provider, tokens, sessions, OwnApi(settings.api, provider.bearing, transport=towards_api)
    )
    return Starlette(
        routes=[
            Route("/", portal.home),
            Route("/ho-so", portal.dossiers),
            *([Route("/trich-luc", portal.extracts)] if settings.own_api else []),
            *own_api,
            Route("/login", portal.login),
            Route("/callback", portal.callback),
            Route("/logout", portal.logout, methods=["POST"]),
            Route("/backchannel-logout", portal.backchannel_logout, methods=["POST"]),
            Route("/logged-out", portal.logged_out),
            Route(REFUSED, portal.not_let_in),
            Route("/theme.css", portal.theme),
            Route("/health", portal.health),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        max_body_size=MOST_BODY_BYTES,
        exception_handlers={
            404: portal.not_found,
            RefusedToken: portal.forged,
            ProviderRefused: portal.refused,
            ProviderUnreachable: portal.unreachable,
            Unavailable: portal.unreachable,
            LevelTooLow: portal.too_low,
        },
    )

"""Sessions kept at the portal: the cookie is a random number and nothing more.

Tokens, the person's data and the way back after sign-in stay here. Nothing of it travels in an address, where
histories, logs and `Referer` headers would keep it, and nobody can write a way back for somebody else.
A portal with several machines keeps the same thing in its database or in Redis.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from examples.portal.challenge import Challenge

IDLE_SECONDS = 30 * 60
PENDING_SECONDS = 15 * 60
MOST_PENDING = 8
MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Pending:
    """One sign-in on its way: what must come back, and where the person wanted to go."""

    nonce: str
    code_verifier: str
    return_to: str
    silent: bool
    started_at: float
    challenge: Challenge | None = None  # of the API, where this is to meet one


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, as the verified tokens say."""

    subject: str
    sid: str
    level: int
    auth_time: int
    claims: Mapping[str, Any]
    id_token: str
    silent: bool
    reused_session: bool


@dataclass(slots=True)
class Session:
    """What the portal remembers of one browser."""

    key: str
    used_at: float
    csrf_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    pending: dict[str, Pending] = field(default_factory=dict)
    person: Person | None = None
    api_token: str = ""
    met: Challenge | None = None  # the challenge that the token was fetched for


class Sessions:
    """All sessions of this portal, in memory, the longest unused forgotten first.

    Strangers have a place of their own: whoever begins thousands of sign-ins pushes nobody out who is signed in.
    """

    def __init__(self, cookie: str, *, secure: bool, clock: Callable[[], float] = time.time) -> None:
        # `__Host-` forbids other hosts of the same domain to plant the cookie; browsers want https for it.
        self.cookie = f"__Host-{cookie}" if secure else cookie
        self.clock = clock
        self._secure = secure
        self._kept: OrderedDict[str, Session] = OrderedDict()
        self._strangers: OrderedDict[str, Session] = OrderedDict()

    def find(self, request: Request) -> Session | None:
        """The session of the request's cookie, if it is still alive."""
        key = request.cookies.get(self.cookie, "")
        place = self._kept if key in self._kept else self._strangers
        session = place.get(key)
        if session is None:
            return None
        if self.clock() - session.used_at > IDLE_SECONDS:
            self.end(session)
            return None
        session.used_at = self.clock()
        place.move_to_end(key)
        return session

    def begin(self) -> Session:
        """A new, empty session."""
        session = Session(key=secrets.token_urlsafe(32), used_at=self.clock())
        _keep(self._strangers, session)
        return session

    def renew(self, session: Session) -> Session:
        """The session of whoever has signed in, under a new number: who planted the old one gains nothing by it."""
        self.end(session)
        session.key = secrets.token_urlsafe(32)
        session.csrf_token = secrets.token_urlsafe(32)
        _keep(self._kept, session)
        return session

    def end(self, session: Session) -> None:
        """Forgets the session and all that is in it."""
        self._kept.pop(session.key, None)
        self._strangers.pop(session.key, None)

    def end_told(self, sid: str, subject: str) -> None:
        """Forgets the sessions that began in one session of the person at the provider."""
        ended = [
            session
            for session in self._kept.values()
            if session.person is not None and (session.person.sid, session.person.subject) == (sid, subject)
        ]
        for session in ended:
            self.end(session)

    def keep_pending(self, session: Session, state: str, pending: Pending) -> None:
        """Remembers a sign-in on its way; a browser may have several, one a tab."""
        session.pending[state] = pending
        while len(session.pending) > MOST_PENDING:
            session.pending.pop(next(iter(session.pending)))

    def take_pending(self, session: Session | None, state: str) -> Pending | None:
        """The sign-in that `state` belongs to, forgotten by the same act; None for a stranger's state."""
        pending = session.pending.pop(state, None) if session else None
        if pending is None or self.clock() - pending.started_at > PENDING_SECONDS:
            return None
        return pending

    def attach(self, response: Response, session: Session) -> Response:
        """The response with the session's cookie.

        `Lax`, because the way back from the provider is a navigation that comes from another site.
        """
        response.set_cookie(
            self.cookie, session.key, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
        return response


def _keep(place: OrderedDict[str, Session], session: Session) -> None:
    place[session.key] = session
    while len(place) > MOST_SESSIONS:
        place.popitem(last=False)

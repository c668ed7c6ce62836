"""A proven person becomes a session: a new one, or the one they have, confirmed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from idp.assurance import authentication_level
from idp.audit.events import Kind, record
from idp.authentication.password_login import ProvenPerson, Refusal
from idp.context import Context
from idp.errors import PageError
from idp.store import interactions, sessions
from idp.store.database import NothingChanged, Step, required
from idp.store.sessions import Session


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a login comes from: digests of its browser cookie and of the fresh session cookie it is given."""

    browser_digest: bytes
    cookie_digest: bytes
    label: str


async def open_session(
    context: Context,
    person: ProvenPerson,
    browser: Browser,
    *,
    interaction_id: str,
    client_id: str | None,
    current: Session | None,
) -> str:
    """Open or confirm the session, remember the login in the interaction, and audit it, in one write; the session id.

    The session cookie is new in any case, so that one planted before the login is worth nothing.

    Raises:
        PageError: the session was ended, or the password changed, between the proof and now.
    """
    level = authentication_level(person.amr)
    if level is None:
        raise AssertionError("a method of authentication without a level")
    session_id, steps = _session(context, person, browser, current, level)
    login = record(
        context,
        Kind.LOGIN,
        account_id=person.account_id,
        client_id=client_id,
        session_id=session_id,
        amr=list(person.amr),
        level=level.value,
        browser=browser.label,
    )
    try:
        await context.db.write(
            *person.steps, *steps, interactions.logged_in(interaction_id, session_id), login
        )
    except NothingChanged as nothing:
        raise PageError(
            "login_required_again",
            409,
            detail="session ended, or password changed, during the login",
            way_on=f"/interaction/{interaction_id}",
        ) from nothing
    return session_id


def _session(
    context: Context, person: ProvenPerson, browser: Browser, current: Session | None, level: int
) -> tuple[str, tuple[Step, ...]]:
    if current is not None and current.account_id == person.account_id:
        confirm = required(
            sessions.REAUTHENTICATE,
            session=current.session_id,
            now=context.now,
            amr=" ".join(person.amr),
            authentication_level=level,
            cookie_digest=browser.cookie_digest,
        )
        return current.session_id, (confirm,)
    session_id = str(uuid.uuid4())
    opened = sessions.add(
        session_id=session_id,
        cookie_digest=browser.cookie_digest,
        account_id=person.account_id,
        amr=person.amr,
        authentication_level=level,
        browser_digest=browser.browser_digest,
        browser_label=browser.label,
        now=context.now,
    )
    if current is None:
        return session_id, (opened,)
    replaced = record(
        context,
        Kind.SESSION_ENDED,
        account_id=current.account_id,
        session_id=current.session_id,
        replaced=True,
    )
    ended = sessions.end(current.session_id, current.account_id, "replaced", context.now, needed=False)
    return session_id, (*ended, replaced, opened)


def refused_login(context: Context, refusal: Refusal, client_id: str | None) -> Step:
    """The truth about an attempt, for the audit log: the number only as a keyed digest."""
    return record(
        context,
        Kind.LOGIN,
        refusal.outcome.value,
        account_id=refusal.account_id,
        client_id=client_id,
        number_digest=refusal.number_digest.hex(),
    )

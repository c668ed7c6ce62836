"""What the account page shows, from the store's rows and the audit log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import orjson

from idp.assurance import AccountLevel
from idp.audit.events import OK, Kind
from idp.endpoints.interaction_views import detail_line
from idp.endpoints.showing import client_card
from idp.endpoints.surroundings import Surroundings
from idp.interaction.asked import FOR, can_be_withdrawn, remembered_details
from idp.interaction.backchannel import waiting_requests
from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.granting import alive
from idp.oidc.claims.release import lead_of
from idp.oidc.client import Client
from idp.pages import views
from idp.pages.i18n import Locale
from idp.pages.views import ConsentLine, ContactLine, HistoryLine, ReleaseLine, SessionLine
from idp.pages.wording import Basis, Done, HistoryEvent
from idp.registers.business import find_organisation
from idp.registers.types import Person
from idp.store import audit, consents, contacts, sessions
from idp.store.database import Row
from idp.store.sessions import Session

HISTORY_LINES = 50
_ENDING = 4  # digits by which a person knows their number

_HISTORY = {
    (Kind.LOGIN, True): HistoryEvent.SIGNED_IN,
    (Kind.LOGIN, False): HistoryEvent.SIGN_IN_FAILED,
    (Kind.SECOND_FACTOR, True): HistoryEvent.SECOND_FACTOR_GIVEN,
    (Kind.SECOND_FACTOR, False): HistoryEvent.SECOND_FACTOR_FAILED,
    (Kind.AUTHENTICATOR_ADDED, True): HistoryEvent.AUTHENTICATOR_ADDED,
    (Kind.AUTHENTICATOR_SET, True): HistoryEvent.AUTHENTICATOR_SET,
    (Kind.AUTHENTICATOR_REMOVED, True): HistoryEvent.AUTHENTICATOR_REMOVED,
    (Kind.LOGOUT, True): HistoryEvent.SIGNED_OUT,
    (Kind.LOGOUT_DELIVERED, True): HistoryEvent.PORTAL_TOLD,
    (Kind.LOGOUT_UNDELIVERED, False): HistoryEvent.PORTAL_NOT_TOLD,
    (Kind.AUTHORIZATION, True): HistoryEvent.PORTAL_ENTERED,
    (Kind.CONSENT_GIVEN, True): HistoryEvent.CONSENT_GIVEN,
    (Kind.CONSENT_DENIED, True): HistoryEvent.CONSENT_DENIED,
    (Kind.CLAIMS_RELEASED, True): HistoryEvent.INFORMATION_GIVEN,
    (Kind.ACTIVATION_ISSUED, True): HistoryEvent.ACTIVATION_ISSUED,
    (Kind.CONSENT_WITHDRAWN, True): HistoryEvent.CONSENT_WITHDRAWN,
    (Kind.ACCOUNT_LOCKED, True): HistoryEvent.ACCOUNT_LOCKED,
    (Kind.ACCOUNT_UNLOCKED, True): HistoryEvent.ACCOUNT_UNLOCKED,
    (Kind.CONTACT_CHANGED, True): HistoryEvent.CONTACT_CHANGED,
    (Kind.BACKCHANNEL_REFUSED, True): HistoryEvent.REQUEST_REFUSED,
    (Kind.BACKCHANNEL_BLOCKED, True): HistoryEvent.SERVICE_BLOCKED,
}


class Names:
    """Names of clients, each looked up once."""

    def __init__(self, here: Surroundings, locale: Locale) -> None:
        self._here = here
        self._locale = locale
        self._clients: dict[str, Client | None] = {}

    async def learn(self, client_ids: Iterable[str | None]) -> None:
        """Look up the clients that will be asked for."""
        for client_id in {client_id for client_id in client_ids if client_id} - self._clients.keys():
            self._clients[client_id] = await self._here.shared.clients.find(client_id)

    def name(self, client_id: str | None) -> str:
        """The name in the page's language; the id of a client that is gone."""
        client = self._clients.get(client_id or "")
        return (client_id or "") if client is None else client_card(client, self._locale).name

    def owner(self, client_id: str) -> str:
        """The agency behind a client."""
        client = self._clients.get(client_id)
        return "" if client is None else client.owner

    def legal_reference(self, client_id: str) -> str:
        """The law that a statutory task rests on."""
        client = self._clients.get(client_id)
        return "" if client is None else client.legal_reference


async def account_view(
    here: Surroundings, session: Session, person: Person, locale: Locale, *, before: str, done: Done | None
) -> views.Account:
    """The whole page."""
    db, account_id = here.context.db, session.account_id
    names = Names(here, locale)
    events = await audit.history(db, account_id, before=before or audit.LAST_ID, most=HISTORY_LINES)
    agreed = await consents.of_account(db, account_id)
    await names.learn([row["client_id"] for row in (*events, *agreed)])
    return views.Account(
        name=person.name,
        number_ending=person.personal_number[-_ENDING:],
        level=AccountLevel(session.ial),
        authenticator=session.second_factor,
        contacts=await _contacts(here, account_id),
        sessions=await _sessions(here, session, names),
        consents=await _consents(here, agreed, names),
        releases=_releases(events, agreed, names),
        history=tuple(line for row in events if (line := _line(row, names)) is not None),
        requests=len(await waiting_requests(here.context, session)),
        done=done,
        older_url=f"/account?before={events[-1]['event_id']}" if len(events) == HISTORY_LINES else "",
    )


async def _contacts(here: Surroundings, account_id: str) -> tuple[ContactLine, ...]:
    found = await contacts.of_account(here.context.db, here.context.keyring, account_id)
    return tuple(
        ContactLine(claim=kind.value, value=contact.value, verified=contact.verified_at is not None)
        for kind, contact in found.items()
    )


async def _sessions(here: Surroundings, current: Session, names: Names) -> tuple[SessionLine, ...]:
    lines = []
    for row in await sessions.live(here.context.db, current.account_id, here.context.now):
        clients = await sessions.clients_of(here.context.db, row["session_id"])
        await names.learn(clients)
        lines.append(
            SessionLine(
                session_id=row["session_id"],
                device=row["browser_label"],
                began_at=row["created_at"],
                seen_at=row["seen_at"],
                current=row["session_id"] == current.session_id,
                portals=tuple(names.name(client_id) for client_id in clients),
            )
        )
    return tuple(lines)


async def _consents(here: Surroundings, agreed: Sequence[Row], names: Names) -> tuple[ConsentLine, ...]:
    """Agreements in force: what rests on law is none, and a mandate that is over is in force no more."""
    lines = [await _consent(here, row, names) for row in agreed if can_be_withdrawn(row)]
    return tuple(line for line in lines if line.claims or line.details)


async def _consent(here: Surroundings, row: Row, names: Names) -> ConsentLine:
    allowed = alive(remembered_details(orjson.loads(row["asked"])), here.context.now)
    return ConsentLine(
        consent_id=row["client_id"],
        client_name=names.name(row["client_id"]),
        agency=names.owner(row["client_id"]),
        claims=tuple(orjson.loads(row["claims"])) if row["basis"] == Basis.CONSENT else (),
        given_at=row["given_at"],
        details=tuple([detail_line(await _with_name(here, one)) for one in allowed]),
    )


async def _with_name(here: Surroundings, allowed: Detail) -> Detail:
    """What is remembered, with the organisation's name as the register has it."""
    organisation = await find_organisation(here.context.registers, allowed[FOR])
    return (
        allowed
        if organisation is None
        else {**allowed, "vn_organisation": {"legal_name": organisation.legal_name}}
    )


def _releases(events: Sequence[Row], agreed: Sequence[Row], names: Names) -> tuple[ReleaseLine, ...]:
    """What portals received lately, newest first, as the audit log has it."""
    bases = {row["client_id"]: row["basis"] for row in agreed}
    last: dict[str, tuple[int, dict[str, None]]] = {}
    for row in events:
        if row["kind"] == Kind.CLAIMS_RELEASED and row["client_id"]:
            claims = map(lead_of, orjson.loads(row["details"])["claims"])
            at, known = last.get(row["client_id"], (row["at"], {}))
            last[row["client_id"]] = (at, known | dict.fromkeys(claims))
    return tuple(
        ReleaseLine(
            client_name=names.name(client_id),
            agency=names.owner(client_id),
            claims=tuple(claims),
            basis=Basis(bases.get(client_id, Basis.STATUTORY_TASK)),
            last_at=at,
            legal_reference=names.legal_reference(client_id),
        )
        for client_id, (at, claims) in last.items()
        if claims
    )


def _line(row: Row, names: Names) -> HistoryLine | None:
    """An event as the person reads it; what concerns only machines is left out."""
    event = _event(row)
    if event is None:
        return None
    return HistoryLine(
        at=row["at"],
        event=event,
        client_name=names.name(row["client_id"]),
        device=orjson.loads(row["details"]).get("browser", ""),
    )


def _event(row: Row) -> HistoryEvent | None:
    succeeded = row["outcome"] == OK
    if row["kind"] == Kind.SESSION_ENDED:
        return _ending(orjson.loads(row["details"]))
    if row["kind"] == Kind.ACTIVATION and succeeded:
        first = orjson.loads(row["details"])["first"]
        return HistoryEvent.ACTIVATED if first else HistoryEvent.PASSWORD_CHANGED
    if row["kind"] == Kind.AUTHORIZATION and succeeded and "device_network" in orjson.loads(row["details"]):
        return HistoryEvent.DEVICE_LET_IN
    if row["kind"] == Kind.AUTHORIZATION and succeeded and "asked_by" in orjson.loads(row["details"]):
        return HistoryEvent.REQUEST_AGREED
    if row["kind"] == Kind.CONSENT_GIVEN and orjson.loads(row["details"])["basis"] != Basis.CONSENT:
        return HistoryEvent.NOTICE_SEEN
    return _HISTORY.get((row["kind"], succeeded))


def _ending(details: Mapping[str, object]) -> HistoryEvent:
    """By whom, or by what, a session was ended."""
    by_reason = {"expired": HistoryEvent.SESSION_EXPIRED, "register": HistoryEvent.SESSION_ENDED_BY_REGISTER}
    if "reason" in details:
        return by_reason[str(details["reason"])]
    if "officer" in details:
        return HistoryEvent.SESSION_ENDED_BY_STAFF
    return HistoryEvent.SESSION_REPLACED if "replaced" in details else HistoryEvent.SESSION_ENDED

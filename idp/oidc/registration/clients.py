"""Clients that register themselves, change and remove themselves (RFC 7591, RFC 7592, OpenID Connect Registration 1.0).

Every act is one write: what vouches for it is used up, the client changes, the audit knows of it, every worker hears.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from idp.audit.events import Kind, record
from idp.context import Context
from idp.errors import InvalidClientMetadata, InvalidRequest, InvalidToken
from idp.oidc.client import Client
from idp.oidc.client_cache import client_of
from idp.oidc.client_certificate import check_listened_to
from idp.oidc.client_metadata import client_metadata
from idp.oidc.client_name import require_own_name
from idp.oidc.logo import keep_logo
from idp.oidc.registered_documents import Documents, look_at_documents
from idp.oidc.registration.access import Managed, Voucher, digest, fresh_token, read_statement
from idp.oidc.registration.keys import default_algorithm, missing_keys
from idp.oidc.registration.request import Origin, read_asked, read_registration
from idp.oidc.registration.statement import Statement, merged
from idp.oidc.registration.terms import Terms, kept_terms, terms_text
from idp.oidc.remote import Fetch
from idp.store import clients, registrations, versions
from idp.store.database import NothingChanged, Row


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it is told of itself (RFC 7591 §3.2.1). `secret` is there where it has just been made.

    `notes` are sentences on what is not in order at its addresses and need not be yet.
    """

    client: Client
    access_token: str
    secret: str | None
    software_statement: str | None
    notes: tuple[str, ...] = ()

    def response(self, configuration_endpoint: str) -> dict[str, object]:
        """The answer: everything that is registered, and how to change it."""
        answer = client_metadata(self.client)
        if self.secret is not None:
            answer |= {"client_secret": self.secret, "client_secret_expires_at": 0}
        if self.software_statement is not None:
            answer["software_statement"] = self.software_statement
        if self.notes:
            answer["registration_notes"] = list(self.notes)
        return answer | {
            "registration_client_uri": configuration_endpoint,
            "registration_access_token": self.access_token,
        }


def shown(managed: Managed) -> Registered:
    """What a client is told that asks what is registered (RFC 7592 §2.1)."""
    return Registered(client_of(managed.row), managed.access_token, None, managed.row["software_statement"])


async def register(
    context: Context, fetch: Fetch, voucher: Voucher, sent: Mapping[str, object]
) -> Registered:
    """Register a client under the terms of whoever vouches for it.

    Raises:
        InvalidRedirectUri, InvalidClientMetadata, InvalidRequest: what was sent cannot be registered.
        InvalidToken: what vouched was used up or withdrawn in this moment.
    """
    origin = Origin(
        context.settings.issuer, f"c{secrets.token_hex(16)}", context.now, default_algorithm(context.keyring)
    )
    asked = read_asked(_wanted(sent, voucher.statement, voucher.vouched_by))
    client, found = await _admitted(context, fetch, asked, voucher.terms, origin)
    access_token, access_digest = fresh_token()
    secret, secret_digest = fresh_token() if client.needs_secret else (None, None)
    statement = _text(voucher.statement)
    try:
        await context.db.write(
            *voucher.uses,
            clients.add(client.client_id, _document(client), secret_digest=secret_digest, now=context.now),
            registrations.add(
                client.client_id,
                access_digest,
                vouched_by=voucher.vouched_by,
                terms=terms_text(voucher.terms),
                software_statement=statement,
                now=context.now,
            ),
            keep_logo(client, found.logo, context.now),
            record(
                context,
                Kind.CLIENT_REGISTERED,
                client_id=client.client_id,
                vouched_by=voucher.vouched_by,
                name=client.names["vi"],
                redirect_uris=client.redirect_uris,
            ),
            versions.changed(versions.CLIENTS),
        )
    except NothingChanged as gone:
        raise InvalidToken("what vouched for the registration is used up or withdrawn") from gone
    return Registered(client, access_token, secret, statement, found.notes)


async def update(context: Context, fetch: Fetch, managed: Managed, sent: Mapping[str, object]) -> Registered:
    """Put what is sent in the place of what is registered (RFC 7592 §2.2).

    The registration access token stays, a secret too while the client needs one.

    Raises:
        InvalidRedirectUri, InvalidClientMetadata, InvalidRequest: what was sent cannot be registered.
        InvalidSoftwareStatement, UnapprovedSoftwareStatement: of another statement than the registered one.
        InvalidToken: the client was removed in this moment.
    """
    row = managed.row
    present = client_of(row)
    _check_secret(sent, row["secret_digest"])
    statement = await _statement_of_update(context, row, sent.get("software_statement"))
    origin = Origin(
        context.settings.issuer, present.client_id, present.issued_at, default_algorithm(context.keyring)
    )
    asked = read_asked(_wanted(sent, statement, row["vouched_by"]), present.client_id)
    client, found = await _admitted(context, fetch, asked, kept_terms(row["terms"]), origin)
    if client.sector != present.sector:
        raise InvalidClientMetadata(
            "the sector would change, and with it every sub: register a client of its own for these addresses"
        )
    secret, secret_digest = None, row["secret_digest"] if client.needs_secret else None
    if client.needs_secret and secret_digest is None:
        secret, secret_digest = fresh_token()
    try:
        await context.db.write(
            registrations.keep_statement(client.client_id, _text(statement)),
            clients.replace(client.client_id, _document(client), secret_digest=secret_digest),
            keep_logo(client, found.logo, context.now),
            record(
                context,
                Kind.CLIENT_CHANGED,
                client_id=client.client_id,
                act="update",
                changed=_changed(present, client),
            ),
            versions.changed(versions.CLIENTS),
        )
    except NothingChanged as gone:
        raise InvalidToken("the client is not registered any more") from gone
    return Registered(client, managed.access_token, secret, _text(statement), found.notes)


async def remove(context: Context, managed: Managed) -> None:
    """Remove a client that wants it (RFC 7592 §2.3): without it no grant, code or token of its works any more.

    Raises:
        InvalidToken: the client was removed, or disabled, in this moment.
    """
    client = client_of(managed.row)
    event = record(
        context,
        Kind.CLIENT_REMOVED,
        client_id=client.client_id,
        vouched_by=managed.row["vouched_by"],
        name=client.names["vi"],
        redirect_uris=client.redirect_uris,
    )
    try:
        await context.db.write(
            *registrations.remove_client(client.client_id), event, versions.changed(versions.CLIENTS)
        )
    except NothingChanged as gone:
        raise InvalidToken("the client is not registered any more") from gone


async def _admitted(
    context: Context, fetch: Fetch, asked: Mapping[str, object], terms: Terms, origin: Origin
) -> tuple[Client, Documents]:
    """The client that may be registered: everything is checked, nothing is written."""
    client = read_registration(asked, terms, origin)
    check_listened_to(client, context.settings)
    if missing := missing_keys(client, context.keyring):
        raise InvalidClientMetadata(f"it wants {missing}")
    await require_own_name(context.db, client)
    return client, await look_at_documents(fetch, client)


def _wanted(sent: Mapping[str, object], statement: Statement | None, vouched_by: str) -> dict[str, object]:
    """What the client asks for, under its statement if there is one."""
    alone = statement is not None and vouched_by == registrations.by_statement(statement.issuer)
    return merged(sent, statement, alone=alone)


def _check_secret(sent: Mapping[str, object], secret_digest: bytes | None) -> None:
    """A client may repeat its secret, and cannot choose one (RFC 7592 §2.2)."""
    secret = sent.get("client_secret")
    if secret is None:
        return
    if not isinstance(secret, str) or not hmac.compare_digest(digest(secret), secret_digest or bytes(32)):
        raise InvalidRequest("client_secret is not the client's: secrets are made by us")


async def _statement_of_update(context: Context, row: Row, text: object) -> Statement | None:
    """The statement that holds after an update: another one of the same issuer, or else the registered one."""
    present = row["software_statement"]
    if text is None or text == present:
        return None if present is None else Statement.kept(present)
    statement, _ = await read_statement(context, text)
    if present is None or Statement.kept(present).issuer != statement.issuer:
        raise InvalidClientMetadata("software_statement must be of the issuer that it was registered with")
    return statement


def _text(statement: Statement | None) -> str | None:
    return None if statement is None else statement.text


def _document(client: Client) -> str:
    return orjson.dumps(client_metadata(client), option=orjson.OPT_SORT_KEYS).decode()


def _changed(before: Client, after: Client) -> list[str]:
    """Names of the members that change; of what stands in them only the metadata tell."""
    old, new = client_metadata(before), client_metadata(after)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))

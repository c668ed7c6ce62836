"""Whom a client lets act for its people (RFC 8693 §4.4), looked at when it is registered: a slip would go unnoticed."""

from __future__ import annotations

from idp.oidc.client import Client
from idp.oidc.client_cache import client_of
from idp.oidc.grant_types import TOKEN_EXCHANGE
from idp.store import clients
from idp.store.database import Database


async def notes_on_actors(db: Database, client: Client) -> tuple[str, ...]:
    """A sentence for each client in `may_act` that could not act as things stand; it may be registered later."""
    notes = [await _note(db, client, actor) for actor in client.may_act]
    return tuple(note for note in notes if note)


async def _note(db: Database, client: Client, actor: str) -> str:
    row = await clients.find(db, actor)
    if row is None:
        return f"may_act: no client {actor} is registered; nobody acts under that name until there is one."
    acting = client_of(row)
    if TOKEN_EXCHANGE not in acting.grant_types:
        return f"may_act: {actor} is not registered for token exchange, so it cannot act."
    if not set(acting.audience) & set(client.audience):
        return (
            f"may_act: {actor} calls nothing that is in the audience of {client.client_id}, so it cannot act."
        )
    return ""

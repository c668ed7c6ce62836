"""Our own TLS listener is told of the certificates that clients have registered."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task

from idp.errors import OAuthError
from idp.http.accepted_certificates import AcceptedCertificates
from idp.oidc.client import Client
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_certificate import shows_certificates
from idp.oidc.client_keys import ClientKeys
from idp.store import clients as stored_clients
from idp.store.database import Database

logger = logging.getLogger("motcua.certificates")


class RegisteredCertificates:
    """What stands in `jwks`, and at `jwks_uri`, of the clients that connect with certificates."""

    def __init__(
        self, db: Database, clients: ClientCache, keys: ClientKeys, accepted: AcceptedCertificates
    ) -> None:
        self._db = db
        self._clients = clients
        self._keys = keys
        self._accepted = accepted
        self._client_ids: list[str] | None = None
        self._changes = 0

    def forget(self) -> None:
        """Clients have changed: look for those that connect with certificates anew."""
        self._client_ids = None
        self._changes += 1

    async def accept(self) -> None:
        """Let the handshake pass them; what stands at an address is as old as key sets may be.

        Where no listener of ours asks for certificates, nothing is done.
        """
        if not self._accepted.wanted:
            return
        changes, looked_at = self._changes, self._client_ids
        if looked_at is None:
            looked_at = await stored_clients.with_certificates(self._db)
        async with asyncio.TaskGroup() as group:
            rounds = [group.create_task(self._accept_of(client_id)) for client_id in looked_at]
        if changes == self._changes:  # else clients have changed meanwhile
            self._client_ids = [client.client_id for client in map(Task.result, rounds) if client is not None]

    async def _accept_of(self, client_id: str) -> Client | None:
        """The client if it has to be looked at again: what stands at an address may be another thing next time."""
        try:
            client = await self._clients.find(client_id)
        except OAuthError:  # nor can it do anything else; the others are let through all the same
            logger.exception("the client %s cannot be read", client_id)
            return None
        if client is None or not shows_certificates(client):
            return None
        found = await self._keys.keys_of(client)
        if found is not None:
            self._accepted.accept(found.certificates)
        return client if client.jwks_uri else None

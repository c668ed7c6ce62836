"""What every endpoint is handed beside its request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from idp.authentication.hashing import PasswordHasher
from idp.authentication.throttle import GlobalThrottle
from idp.context import Context
from idp.http.cookies import Cookies
from idp.http.edge import Arrival
from idp.oidc.browser_origins import BrowserOrigins
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys
from idp.oidc.key_sightings import Sightings
from idp.oidc.remote import Fetch
from idp.oidc.stale_tokens import StaleTokens
from idp.pages.render import Pages
from idp.settings import Settings
from idp.store.database import Database
from keys.authorities import Authorities
from keys.certificate import Certificate
from keys.keyring import Keyring

OURSELVES: Final = "local"
"""Stands in the audit where a request has its network address."""


@dataclass(frozen=True, slots=True)
class Document:
    """A public document as it is sent: made once, since nothing in it changes while we run."""

    body: bytes
    etag: str


@dataclass(slots=True)
class Shared:
    """What a worker process holds for all requests. `keyring` is replaced as a whole when keys change.

    `fetch` asks for what stands at addresses of clients, and calls nothing that they could not call themselves.
    `authorities` certify clients.
    """

    settings: Settings
    db: Database
    registers: Database
    keyring: Keyring
    clients: ClientCache
    origins: BrowserOrigins
    client_keys: ClientKeys
    fetch: Fetch
    authorities: Authorities
    hasher: PasswordHasher
    throttle: GlobalThrottle
    pages: Pages
    cookies: Cookies
    documents: Mapping[str, Document]
    sightings: Sightings
    stale_tokens: StaleTokens

    def surroundings(self, arrival: Arrival) -> Surroundings:
        """What one request is given."""
        context = Context(
            settings=self.settings,
            db=self.db,
            registers=self.registers,
            keyring=self.keyring,
            now=arrival.now,
            request_id=arrival.request_id,
            address=arrival.address,
            network=arrival.network,
        )
        return Surroundings(context, self, arrival.certificate)

    def context_of_job(self, now: int) -> Context:
        """What a rule is given that works for no request; in the audit it is a job's."""
        return Context(
            settings=self.settings,
            db=self.db,
            registers=self.registers,
            keyring=self.keyring,
            now=now,
            request_id=f"job-{os.urandom(8).hex()}",
            address=OURSELVES,
            network=OURSELVES,
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One request's context, and the worker's shared things."""

    context: Context
    shared: Shared
    certificate: Certificate | None = None
    """What the caller proved itself with in the TLS handshake (RFC 8705)."""

"""What every endpoint is handed beside its request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idp.authentication.hashing import PasswordHasher
from idp.authentication.throttle import GlobalThrottle
from idp.context import Context
from idp.http.cookies import Cookies
from idp.http.edge import Arrival
from idp.oidc.client_cache import ClientCache
from idp.oidc.key_sightings import Sightings
from idp.oidc.stale_tokens import StaleTokens
from idp.pages.render import Pages
from idp.settings import Settings
from idp.store.database import Database
from keys.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Document:
    """A public document as it is sent: made once, since nothing in it changes while we run."""

    body: bytes
    etag: str


@dataclass(slots=True)
class Shared:
    """What a worker process holds for all requests. `keyring` is replaced as a whole when keys change."""

    settings: Settings
    db: Database
    registers: Database
    keyring: Keyring
    clients: ClientCache
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
        return Surroundings(context, self)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One request's context, and the worker's shared things."""

    context: Context
    shared: Shared

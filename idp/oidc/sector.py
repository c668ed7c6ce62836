"""The sector identifier of a client (OpenID Connect Core §8.1, Registration §5).

Clients of one sector see the same `sub` of a person. Who names a sector by `sector_identifier_uri` proves there that
it is his: the document lists every address that his clients are answered at.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from idp.errors import InvalidClientMetadata
from idp.oidc.client import Client
from idp.oidc.registered_uri import is_loopback
from idp.oidc.remote import Fetch, FetchFailed, fetch_json

MOST_BYTES: Final = 64 * 1024


async def check_sector(fetch: Fetch, client: Client) -> None:
    """The document at `sector_identifier_uri`, where one is registered, holds all `redirect_uris` of the client.

    Raises:
        InvalidClientMetadata: it cannot be fetched, is no array of texts, or lacks one of them.
    """
    uri = client.sector_identifier_uri
    if not uri:
        return
    try:
        document = await fetch_json(fetch, uri, most_bytes=MOST_BYTES)
    except FetchFailed as error:
        raise InvalidClientMetadata(f"sector_identifier_uri cannot be fetched: {error.code}") from error
    if not isinstance(document, list) or not all(isinstance(one, str) for one in document):
        raise InvalidClientMetadata("sector_identifier_uri must hold a JSON array of addresses")
    if missing := [one for one in client.redirect_uris if one not in document]:
        raise InvalidClientMetadata(f"sector_identifier_uri does not list {missing[0]} of redirect_uris")


def sector_of(sector_identifier_uri: str) -> str:
    """The sector that an address names: its host (Core §8.1).

    Ministries and provinces have names without a dot, so that no host can take one.

    Raises:
        InvalidClientMetadata: not https, or a host without a dot (on the own machine both are left alone).
    """
    parts = urlsplit(sector_identifier_uri)
    host = parts.hostname or ""
    if is_loopback(sector_identifier_uri):
        return host
    if parts.scheme != "https" or "." not in host:
        raise InvalidClientMetadata("sector_identifier_uri must be https at a host with a dot in its name")
    return host

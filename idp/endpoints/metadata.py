"""What anybody may read about us: the metadata documents (OpenID Connect Discovery, RFC 8414)."""

from __future__ import annotations

import hashlib

import orjson
from starlette.requests import Request

from idp.endpoints.surroundings import Document, Surroundings
from idp.http import responses
from idp.http.cors import FOR_EVERYBODY
from idp.http.responses import Answer
from idp.oidc.discovery import WELL_KNOWN, provider_metadata
from idp.settings import Settings
from keys.keyring import Keyring

METADATA_CACHE_SECONDS = 3600


def make_documents(settings: Settings, keyring: Keyring) -> dict[str, Document]:
    """The metadata documents by path, as bytes; made anew when keys change."""
    body = orjson.dumps(provider_metadata(settings, keyring.algorithms))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return {path: Document(body, etag) for path in WELL_KNOWN}


async def metadata(request: Request, here: Surroundings) -> Answer:
    """The metadata of the provider."""
    document = here.shared.documents[request.scope["path"]]
    return responses.prepared(
        request, document.body, document.etag, max_age=METADATA_CACHE_SECONDS, headers=FOR_EVERYBODY
    )

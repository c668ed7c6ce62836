"""The logos of clients, from our own copies."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.requests import Request

from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.refusal import Refusal
from idp.http.responses import Answer
from idp.http.security_headers import NO_CONTENT_POLICY
from idp.oidc.client import LOGO_PATH
from idp.store import logos

PATH: Final = f"{LOGO_PATH}/{{client_id}}"
MAX_AGE: Final = 24 * 3600
"""The address that pages name changes with the image; who names none has an old one for a day at most."""

_POLICY: Final = {"content-security-policy": f"{NO_CONTENT_POLICY}; sandbox"}
"""Should somebody open the image by itself, it is of no origin and can do nothing."""


async def get(request: Request, here: Surroundings) -> Answer:
    """The logo of a client as it was when it was registered.

    Raises:
        Refusal: 404 where we have none.
    """
    row = await logos.find(here.context.db, request.path_params["client_id"])
    if row is None:
        raise Refusal(404, "not_found", "there is no such logo")
    image: bytes = row["image"]
    etag = f'"{hashlib.sha256(image).hexdigest()[:32]}"'
    return responses.prepared(request, image, etag, max_age=MAX_AGE, media=row["media_type"], headers=_POLICY)

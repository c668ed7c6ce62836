"""Style sheet and images: their address holds the hash of their content, so a browser asks for each once."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from idp.http.refusal import Refusal
from idp.http.responses import Answer, is_known, not_modified
from idp.pages.render import STATIC_CACHE_CONTROL, Pages

PATH: Final = "/static/{name}"


def static_file(request: Request, pages: Pages) -> Answer:
    """The file at this address, compressed for who understands it.

    Raises:
        Refusal: 404.
    """
    file = pages.static.get(request.scope["path"])
    if file is None:
        raise Refusal(404, "not_found", "there is nothing at this address")
    compressed = _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'{file.etag[:-1]}-gzip"' if compressed else file.etag
    headers = {"etag": etag, "cache-control": STATIC_CACHE_CONTROL, "vary": "accept-encoding"}
    if is_known(request, etag):
        return not_modified(headers)
    if not compressed:
        return Answer(file.body, media=file.content_type.encode(), headers=headers)
    headers["content-encoding"] = "gzip"
    return Answer(file.gzip_body, media=file.content_type.encode(), headers=headers)


def _takes_gzip(accept_encoding: str) -> bool:
    """RFC 9110 §12.5.3, without the finer ranking: gzip is taken where it is named and not refused."""
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False

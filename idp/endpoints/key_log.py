"""The key log as anybody may read it, also existing tools for transparency logs (c2sp.org/tlog-tiles)."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.requests import Request

from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.cors import FOR_EVERYBODY
from idp.http.refusal import Refusal
from idp.http.responses import Answer
from keys.key_log import CHECKPOINT_PATH, KeyLog
from keys.notes import LOG_PATH

CHECKPOINT: Final = f"{LOG_PATH}/{CHECKPOINT_PATH}"
TILES: Final = f"{LOG_PATH}/tile/{{address:path}}"

_TEXT: Final = "text/plain; charset=utf-8"
_OCTETS: Final = b"application/octet-stream"
_FOR_EVER: Final = (
    "public, max-age=31536000, immutable"  # what a tile says never changes, a partial one's neither
)
_ASKED_EACH_TIME: Final = {
    "cache-control": "no-cache"
}  # tlog-tiles, Checkpoints: not kept beyond a few seconds
_GZIP: Final = {"content-encoding": "gzip"}


async def checkpoint(request: Request, here: Surroundings) -> Answer:
    """What the log commits itself to at this moment."""
    body = _log(here).checkpoint.encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = FOR_EVERYBODY | _ASKED_EACH_TIME
    return responses.prepared(request, body, etag, max_age=0, media=_TEXT, headers=headers)


async def tile(request: Request, here: Surroundings) -> Answer:
    """A tile of hashes or a bundle of entries; the latest bundles under gzip for those who understand it."""
    log, path = _log(here), f"tile/{request.path_params['address']}"
    headers = FOR_EVERYBODY | {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
    if _understands_gzip(request) and (compressed := log.compressed.get(path)) is not None:
        return Answer(compressed, media=_OCTETS, headers=headers | _GZIP)
    found = log.serve(path)
    if found is None:
        raise Refusal(404, "not_found", "the key log has no such tile")
    return Answer(found, media=_OCTETS, headers=headers)


def _log(here: Surroundings) -> KeyLog:
    log = here.context.keyring.log
    if log is None:
        raise Refusal(404, "not_found", "the key log has not begun")
    return log


def _understands_gzip(request: Request) -> bool:
    """Whether `Accept-Encoding` names gzip, with another weight than zero (RFC 9110 §12.5.3)."""
    asked = request.headers.get("accept-encoding", "").lower().replace(" ", "")
    weights = dict(coding.partition(";q=")[::2] for coding in asked.split(","))
    return "gzip" in weights and (not weights["gzip"] or weights["gzip"].strip("0.") != "")

"""What a running service shows of its keys to everybody, read as anybody could: its key set and its key log.

The log is believed as far as its own key has signed it and its rules allow it: the checkpoint
(c2sp.org/tlog-checkpoint), every entry in its bundles, the hashes that other tools read (c2sp.org/tlog-tiles), and each
change with the signatures of its officers (`keys.history`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from keys.history import History, InvalidHistory, replay
from keys.key_log import CHECKPOINT_PATH, InvalidLog, KeyLog
from keys.notes import LOG_PATH, InvalidNote, NoteVerifier, log_origin, open_checkpoint
from keys.tiles import InvalidTile, bundles_of, hash_tile, read_bundle, tiles_of

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""The body of what stands at an address; raises `NotShown` if nothing does."""

MOST_ENTRIES: Final = 1_000_000
"""Entries of the longest log that is read; ours grow by a few hundred a year."""


class NotShown(Exception):
    """The service did not answer; one sentence. Nothing is known of its keys."""


class Contradiction(Exception):
    """The service shows what cannot be true; one sentence."""


@dataclass(frozen=True, slots=True)
class Published:
    """The keys of the key set as they stand there, the log, and what it says."""

    keys: tuple[Mapping[str, Any], ...]
    log: KeyLog
    history: History


async def read_published(url: str, verifier: NoteVerifier, fetch: Fetch) -> Published:
    """Read it all at the address of a service, which may be another one than its issuer's.

    Raises:
        NotShown: the service does not answer.
        Contradiction: what it shows is no key set, or no log that `verifier` has signed.
    """
    keys = await _read_key_set(url, verifier, fetch)  # before the log, which must know them already
    log = await _read_log(f"{url}{LOG_PATH}/", verifier, fetch)
    try:
        return Published(keys, log, replay(log.entries))
    except InvalidHistory as error:
        raise Contradiction(f"The key log at {url} breaks its rules. {error}.") from error


async def _read_key_set(url: str, verifier: NoteVerifier, fetch: Fetch) -> tuple[Mapping[str, Any], ...]:
    metadata = await _read_object(f"{url}/.well-known/openid-configuration", fetch)
    issuer, address = str(metadata.get("issuer")), str(metadata.get("jwks_uri"))
    if log_origin(issuer) != verifier.name:
        raise Contradiction(f"The service at {url} is {issuer}, which is not the one of {verifier.name}.")
    if not address.startswith(f"{issuer}/"):
        raise Contradiction(f"The service at {url} says that its key set is at {address}.")
    keys = (await _read_object(url + address.removeprefix(issuer), fetch)).get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise Contradiction(f"The service at {url} shows no key set.")
    return tuple(keys)


async def _read_object(url: str, fetch: Fetch) -> Mapping[str, Any]:
    try:
        read = orjson.loads(await fetch(url))
    except orjson.JSONDecodeError as error:
        raise Contradiction(f"{url} is not JSON.") from error
    if not isinstance(read, dict):
        raise Contradiction(f"{url} is not a JSON object.")
    return read


async def _read_log(prefix: str, verifier: NoteVerifier, fetch: Fetch) -> KeyLog:
    note = (await fetch(prefix + CHECKPOINT_PATH)).decode("utf-8", "replace")
    try:
        size = open_checkpoint(note, verifier).size
        if size > MOST_ENTRIES:
            raise Contradiction(f"{prefix}{CHECKPOINT_PATH} is one of {size} entries.")
        entries: list[bytes] = []
        for bundle in bundles_of(size):
            entries += read_bundle(await fetch(prefix + bundle.path))
        log = KeyLog.verified(entries, note, verifier)
    except (InvalidNote, InvalidTile, InvalidLog) as error:
        raise Contradiction(f"The key log at {prefix} cannot be believed. {error}") from error
    for tile in tiles_of(size):
        if await fetch(prefix + tile.path) != hash_tile(log.leaves, tile):
            raise Contradiction(f"{prefix}{tile.path} does not hold the hashes of the log's entries.")
    return log

"""The key log: every event in the life of our keys, in a Merkle tree that anybody may check.

Hashed as RFC 9162 §2.1 says, laid out as c2sp.org/tlog-tiles says, so that existing tools can read it.
An installation writes a few hundred entries a year; all of them stay in memory.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from keys import merkle
from keys.notes import Checkpoint, InvalidNote, NoteSigner, NoteVerifier, open_checkpoint
from keys.tiles import ENTRY_OCTETS, InvalidTile, Tile, bundles_of, entry_bundle, hash_tile

CHECKPOINT_PATH: Final = "checkpoint"


class InvalidLog(Exception):
    """The entries are not those that the log's checkpoint was signed for; one sentence for the operator."""


class EntryTooLong(ValueError):
    """An entry that does not fit a log (tlog-tiles, Log entries)."""


@dataclass(frozen=True)
class KeyLog:
    """A log at one moment: its entries, and the note that its key has signed for them."""

    entries: tuple[bytes, ...]
    checkpoint: str

    @classmethod
    def signed(cls, entries: Sequence[bytes], signer: NoteSigner) -> KeyLog:
        """A log with these entries, under a fresh checkpoint.

        Entries that stood in a signed log stand in every later one, in the same places (tlog-checkpoint, Signatures).

        Raises:
            EntryTooLong: an entry has more than 65535 octets.
        """
        if any(len(entry) > ENTRY_OCTETS for entry in entries):
            raise EntryTooLong(f"an entry of the key log has at most {ENTRY_OCTETS} octets")
        root = merkle.root([merkle.leaf_hash(entry) for entry in entries])
        return cls(tuple(entries), signer.sign(Checkpoint(signer.name, len(entries), root).text))

    @classmethod
    def verified(cls, entries: Sequence[bytes], checkpoint: str, verifier: NoteVerifier) -> KeyLog:
        """The log that was stored.

        Raises:
            InvalidLog: the checkpoint is not signed by the log's key, or not for these entries.
        """
        log = cls(tuple(entries), checkpoint)
        try:
            signed = open_checkpoint(checkpoint, verifier)
        except InvalidNote as error:
            raise InvalidLog(f"The checkpoint of the key log cannot be believed: {error}") from error
        if signed.size != log.size:
            raise InvalidLog(f"The key log has {log.size} entries, but was signed with {signed.size}.")
        if signed.root != log.root:
            raise InvalidLog("An entry of the key log was changed after it was signed.")
        return log

    @cached_property
    def leaves(self) -> tuple[bytes, ...]:
        """The hashes of the entries."""
        return tuple(merkle.leaf_hash(entry) for entry in self.entries)

    @cached_property
    def root(self) -> bytes:
        """The Merkle tree hash of all entries."""
        return merkle.root(self.leaves)

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self.entries)

    def inclusion(self, index: int) -> list[bytes]:
        """The proof that an entry is in the log.

        Raises:
            keys.merkle.InvalidProof: there is no such entry.
        """
        return merkle.inclusion_proof(self.leaves, index)

    def consistency(self, old_size: int) -> list[bytes]:
        """The proof that the log continues what it was with `old_size` entries.

        Raises:
            keys.merkle.InvalidProof: it has never been longer than now.
        """
        return merkle.consistency_proof(self.leaves, old_size)

    def serve(self, path: str) -> bytes | None:
        """What stands at a path below the log's prefix; None if nothing does."""
        if path == CHECKPOINT_PATH:
            return self.checkpoint.encode()
        try:
            tile = Tile.read(path)
        except InvalidTile:
            return None
        if not tile.is_in(self.size):
            return None
        return entry_bundle(self.entries, tile) if tile.level is None else hash_tile(self.leaves, tile)

    @cached_property
    def compressed(self) -> dict[str, bytes]:
        """The entry bundles of the log as it is now, under gzip (tlog-tiles, Log entries), by path."""
        bundles = {tile.path: entry_bundle(self.entries, tile) for tile in bundles_of(self.size)}
        return {path: gzip.compress(bundle, mtime=0) for path, bundle in bundles.items()}

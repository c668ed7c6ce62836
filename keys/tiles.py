"""The tiles of a transparency log: their addresses and their octets (c2sp.org/tlog-tiles)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keys.merkle import root

TILE_WIDTH: Final = 256
_LEVEL_BITS: Final = 8  # a tile is a subtree of this height
ENTRY_OCTETS: Final = 0xFFFF
"""The longest entry: its length stands in two octets (tlog-tiles, Log entries)."""

_TILE: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)
_MAX_LEVEL: Final = 63


class InvalidTile(ValueError):
    """An address that no tile has, or octets that are no entry bundle."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of hashes, or one bundle of entries, which is level `None`; `width` is 256 unless it is partial."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @classmethod
    def read(cls, path: str) -> Tile:
        """Read an address below the log's prefix: `tile/0/x001/067`, `tile/entries/000.p/5`.

        Raises:
            InvalidTile: not the one spelling of an address (tlog-tiles, Merkle Tree; Partial Tiles).
        """
        found = _TILE.fullmatch(path)
        if found is None:
            raise InvalidTile("No tile has this address.")
        level = None if found["level"] == "entries" else int(found["level"])
        tile = cls(level, int(re.sub("[x/]", "", found["index"])), int(found["width"] or TILE_WIDTH))
        if tile.path != path or tile.width > TILE_WIDTH or (level or 0) > _MAX_LEVEL:
            raise InvalidTile("This is not how a tile's address is spelled.")
        return tile

    @property
    def path(self) -> str:
        """The address below the log's prefix."""
        level = "entries" if self.level is None else self.level
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        elements = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        index = "/".join([*(f"x{element}" for element in elements[:-1]), elements[-1]])
        return f"tile/{level}/{index}" + ("" if self.is_full else f".p/{self.width}")

    @property
    def is_full(self) -> bool:
        """Whether the tile has all its hashes."""
        return self.width == TILE_WIDTH

    @property
    def nodes(self) -> range:
        """The nodes of its level that the tile holds."""
        start = self.index * TILE_WIDTH
        return range(start, start + self.width)

    def is_in(self, size: int) -> bool:
        """Whether a log of `size` entries has this tile, or once had it as the last one of its level."""
        return self.nodes.stop <= size >> _LEVEL_BITS * (self.level or 0)


def tiles_of(size: int) -> list[Tile]:
    """Every tile of hashes of a log with `size` entries; the last one of a level may be partial."""
    tiles, level = [], 0
    while size:
        tiles += _level_of(level, size)
        level, size = level + 1, size // TILE_WIDTH
    return tiles


def bundles_of(size: int) -> list[Tile]:
    """Every entry bundle of a log with `size` entries."""
    return _level_of(None, size)


def _level_of(level: int | None, nodes: int) -> list[Tile]:
    full, rest = divmod(nodes, TILE_WIDTH)
    return [Tile(level, index) for index in range(full)] + ([Tile(level, full, rest)] if rest else [])


def hash_tile(leaves: Sequence[bytes], tile: Tile) -> bytes:
    """The octets of a tile of hashes of a log that has it (tlog-tiles, Merkle Tree)."""
    covered = 1 << _LEVEL_BITS * (tile.level or 0)
    return b"".join(root(leaves[node * covered : (node + 1) * covered]) for node in tile.nodes)


def entry_bundle(entries: Sequence[bytes], tile: Tile) -> bytes:
    """The octets of an entry bundle of a log that has it (tlog-tiles, Log entries)."""
    chosen = entries[tile.nodes.start : tile.nodes.stop]
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in chosen)


def read_bundle(octets: bytes) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        InvalidTile: it ends within an entry.
    """
    entries, at = [], 0
    while at < len(octets):
        start = at + 2
        at = start + int.from_bytes(octets[at:start], "big")
        entries.append(octets[start:at])
    if at != len(octets):
        raise InvalidTile("The entry bundle ends within an entry.")
    return entries

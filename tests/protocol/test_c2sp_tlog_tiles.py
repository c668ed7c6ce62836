"""c2sp.org/tlog-tiles: addresses and octets of tiles, and the key log read from the provider as any client reads it."""

from __future__ import annotations

import gzip
from hashlib import sha256

import httpx2
import pytest

from keys import merkle
from keys.key_log import EntryTooLong, InvalidLog, KeyLog
from keys.notes import Checkpoint, NoteSigner, NoteVerifier, log_origin, open_checkpoint
from keys.tiles import InvalidTile, Tile, bundles_of, read_bundle, tiles_of
from tests.support.oidc_rules import ISSUER
from tests.support.provider import Provider

LOG = "/.well-known/key-log"
SIGNER = NoteSigner.of(log_origin(ISSUER), bytes(range(32)))
IMMUTABLE = "public, max-age=31536000, immutable"


def log_of(size: int) -> KeyLog:
    return KeyLog.signed([b"entry %d" % number for number in range(size)], SIGNER)


def served(log: KeyLog, path: str) -> bytes:
    found = log.serve(path)
    assert found is not None
    return found


def hashes(octets: bytes) -> list[bytes]:
    assert len(octets) % 32 == 0
    return [octets[at : at + 32] for at in range(0, len(octets), 32)]


# Addresses


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(0, 67_000, 1), "tile/0/x067/000.p/1"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
        (Tile(1, 1_000), "tile/1/x001/000"),
        (Tile(None, 0), "tile/entries/000"),
        (Tile(None, 5, 112), "tile/entries/005.p/112"),
    ],
)
def test_the_address_of_a_tile(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.read(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001",
        "tile/0/x001", "tile/0/001/002", "tile/0/x01/002", "tile/0/X001/002", "tile/00/000", "tile/01/000",
        "tile/64/000", "tile/-1/000", "tile/100/000", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/1/", "tile/0/000.p/-1", "tile/0/000.P/1",
        "tile/0/000.p/999", "tile/0/x001.p/1/000", "tile/data/000", "tile/Entries/000", "tile/entries/0",
        "tile/entries/../000", "/tile/0/000", "tile//000", "tile/0/000\n", " tile/0/000", "tile/0/٠٠٠",
        "tile/0/" + "x999/" * 6 + "999", "checkpoint",
    ],
)  # fmt: skip
def test_what_is_not_the_address_of_a_tile(path: str) -> None:
    with pytest.raises(InvalidTile):
        Tile.read(path)


def test_the_tiles_of_the_specifications_examples() -> None:
    counted = {level: [tile for tile in tiles_of(70_000) if tile.level == level] for level in range(3)}
    assert len(tiles_of(70_000)) == sum(len(tiles) for tiles in counted.values())
    assert [tile.width for tile in counted[0]] == [256] * 273 + [112]
    assert [tile.width for tile in counted[1]] == [256, 17]
    assert [tile.width for tile in counted[2]] == [1]
    assert tiles_of(256) == [Tile(0, 0), Tile(1, 0, 1)]
    assert tiles_of(0) == bundles_of(0) == []


# Octets


def test_level_zero_holds_the_hashes_of_the_entries() -> None:
    log = log_of(300)
    assert hashes(served(log, "tile/0/000")) == list(log.leaves[:256])
    assert hashes(served(log, "tile/0/001.p/44")) == list(log.leaves[256:])
    assert len(served(log, "tile/0/000")) == 8_192


def test_a_level_above_holds_the_roots_of_full_tiles_only() -> None:
    log = log_of(700)
    assert hashes(served(log, "tile/1/000.p/2")) == [
        merkle.root(log.leaves[:256]),
        merkle.root(log.leaves[256:512]),
    ]
    assert log.serve("tile/1/000.p/3") is None


def test_earlier_partial_tiles_stay() -> None:
    log = log_of(300)
    for width in (1, 100, 255):
        assert served(log, f"tile/0/000.p/{width}") == served(log, "tile/0/000")[: 32 * width]
        assert read_bundle(served(log, f"tile/entries/000.p/{width}")) == list(log.entries[:width])


@pytest.mark.parametrize(
    "path",
    ["tile/0/001", "tile/0/001.p/45", "tile/0/002.p/1", "tile/1/000.p/2", "tile/2/000.p/1", "tile/63/000.p/1",
     "tile/entries/001", "tile/entries/001.p/45", "tile/entries/x999/x999/999", "tile", "", "tile/0/0"],
)  # fmt: skip
def test_what_a_log_of_three_hundred_entries_has_not(path: str) -> None:
    assert log_of(300).serve(path) is None


def test_a_bundle_is_entries_behind_their_lengths() -> None:
    log = KeyLog.signed([b"", b"abc", b"x" * 65_535], SIGNER)
    assert served(log, "tile/entries/000.p/3") == b"\0\0" + b"\0\x03abc" + b"\xff\xff" + b"x" * 65_535


@pytest.mark.parametrize("octets", [b"\0", b"\0\x01", b"\0\x02a", b"\0\x01ab"])
def test_what_is_not_a_bundle(octets: bytes) -> None:
    with pytest.raises(InvalidTile):
        read_bundle(octets)


def test_the_root_follows_from_the_tiles() -> None:
    log = log_of(600)
    tops = [*hashes(served(log, "tile/1/000.p/2")), merkle.root(hashes(served(log, "tile/0/002.p/88")))]
    root = merkle.node_hash(merkle.node_hash(tops[0], tops[1]), tops[2])
    assert open_checkpoint(log.checkpoint, SIGNER.verifier) == Checkpoint(SIGNER.name, 600, root)


# The log


def test_proofs_of_the_log_lead_to_its_checkpoints() -> None:
    old, log = log_of(5), log_of(300)
    merkle.verify_inclusion(log.leaves[299], 299, log.size, log.inclusion(299), log.root)
    merkle.verify_consistency(5, old.root, 300, log.root, log.consistency(5))


def test_a_log_is_read_back_as_it_was_signed() -> None:
    log = log_of(3)
    assert KeyLog.verified(log.entries, log.checkpoint, SIGNER.verifier) == log


@pytest.mark.parametrize("entries", [(), (b"entry 0",), (b"entry 0", b"entry 2"), (b"entry 1", b"entry 0")])
def test_changed_entries_are_noticed(entries: tuple[bytes, ...]) -> None:
    with pytest.raises(InvalidLog):
        KeyLog.verified(entries, log_of(2).checkpoint, SIGNER.verifier)


def test_a_checkpoint_of_another_key_is_noticed() -> None:
    log = KeyLog.signed([b"entry 0"], NoteSigner.of(SIGNER.name, bytes(32)))
    with pytest.raises(InvalidLog, match="cannot be believed"):
        KeyLog.verified(log.entries, log.checkpoint, SIGNER.verifier)


def test_an_entry_longer_than_its_length_can_say_is_refused() -> None:
    with pytest.raises(EntryTooLong):
        KeyLog.signed([b"x" * 65_536], SIGNER)


# As the provider serves it


def own_log(provider: Provider) -> KeyLog:
    log = provider.keyring.log
    assert log is not None
    return log


async def get(provider: Provider, path: str, **headers: str) -> httpx2.Response:
    asked = {"accept-encoding": "identity"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await provider.http().get(f"{LOG}/{path}", headers=asked)


async def test_the_checkpoint_is_asked_for_each_time(provider: Provider) -> None:
    answer = await get(provider, "checkpoint")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.text == own_log(provider).checkpoint
    known = await get(provider, "checkpoint", if_none_match=answer.headers["etag"])
    assert known.status_code == 304


async def test_entries_and_tiles_lead_to_the_checkpoint(provider: Provider) -> None:
    note = (await get(provider, "checkpoint")).text
    checkpoint = Checkpoint.read(note.rpartition("\n\n")[0] + "\n")
    assert checkpoint.origin == log_origin(ISSUER)
    leaves = []
    for tile in bundles_of(checkpoint.size):
        answer = await get(provider, tile.path)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == IMMUTABLE
        assert answer.headers["access-control-allow-origin"] == "*"
        leaves += [sha256(b"\0" + entry).digest() for entry in read_bundle(answer.content)]
    assert merkle.root(leaves) == checkpoint.root
    for tile in tiles_of(checkpoint.size):
        answer = await get(provider, tile.path)
        assert answer.headers["cache-control"] == IMMUTABLE
        assert answer.content == own_log(provider).serve(tile.path)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("identity, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("gzip;q=0", None),
        ("br", None),
    ],
)
async def test_bundles_are_compressed_for_those_who_understand(
    provider: Provider, accepted: str, coding: str | None
) -> None:
    tile = bundles_of(own_log(provider).size)[-1]
    answer = await get(provider, tile.path, accept_encoding=accepted)
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.content == own_log(provider).serve(tile.path)


async def test_what_the_log_has_not_is_not_kept_by_caches(provider: Provider) -> None:
    for path in ("tile/0/x999/999", "tile/0/0", "tile/entries/x001/000.p/1", "tile/7", "tile", "entries", ""):
        answer = await get(provider, path)
        assert answer.status_code == 404
        assert answer.headers["cache-control"] == "no-store"


async def test_the_log_is_only_read(provider: Provider) -> None:
    for path in ("checkpoint", "tile/0/000"):
        assert (await provider.http().post(f"{LOG}/{path}")).status_code == 405
        assert (await provider.http().head(f"{LOG}/checkpoint")).status_code == 200


def test_the_compressed_bundles_are_those_of_the_log() -> None:
    log = log_of(300)
    assert log.compressed.keys() == {"tile/entries/000", "tile/entries/001.p/44"}
    assert all(gzip.decompress(made) == log.serve(path) for path, made in log.compressed.items())


def test_a_verifier_key_survives_its_spelling() -> None:
    assert NoteVerifier.read(SIGNER.verifier_key) == SIGNER.verifier

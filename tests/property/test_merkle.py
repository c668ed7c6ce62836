"""Whatever a log holds: proofs prove what they say, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import merkle
from keys.merkle import InvalidProof, leaf_hash, node_hash, verify_consistency, verify_inclusion
from keys.tiles import Tile, bundles_of, entry_bundle, read_bundle

entries = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def defined_root(leaves: list[bytes]) -> bytes:
    """The root as RFC 9162 §2.1.1 defines it."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


@given(entries)
def test_the_root_is_the_defined_one(logged: list[bytes]) -> None:
    leaves = [leaf_hash(entry) for entry in logged]
    assert merkle.root(leaves) == defined_root(leaves)


@given(entries, st.data())
def test_inclusion_is_proven_of_the_entry_and_of_no_other(logged: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in logged]
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof, root = merkle.inclusion_proof(leaves, index), merkle.root(leaves)
    verify_inclusion(leaves[index], index, len(leaves), proof, root)
    other = data.draw(st.binary(max_size=8).filter(lambda entry: entry != logged[index]))
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf_hash(other), index, len(leaves), proof, root)


@given(entries, st.data())
def test_a_log_continues_what_it_was(logged: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in logged]
    old_size = data.draw(st.integers(0, len(leaves)))
    proof = merkle.consistency_proof(leaves, old_size)
    verify_consistency(old_size, merkle.root(leaves[:old_size]), len(leaves), merkle.root(leaves), proof)


@given(entries, st.data())
def test_no_rewritten_log_continues_the_old_one(logged: list[bytes], data: st.DataObject) -> None:
    leaves = [leaf_hash(entry) for entry in logged]
    old_size = data.draw(st.integers(1, len(leaves)))
    changed = data.draw(st.integers(0, old_size - 1))
    rewritten = [*leaves[:changed], leaf_hash(logged[changed] + b"!"), *leaves[changed + 1 :]]
    made = [merkle.consistency_proof(one, old_size) for one in (leaves, rewritten)]
    for proof in made:
        with pytest.raises(InvalidProof):
            verify_consistency(
                old_size, merkle.root(leaves[:old_size]), len(leaves), merkle.root(rewritten), proof
            )


@given(
    st.integers(0, 80),
    st.integers(0, 80),
    st.lists(st.binary(min_size=32, max_size=32), max_size=9),
    st.binary(min_size=32, max_size=32),
)
def test_no_invented_proof_is_believed(first: int, size: int, proof: list[bytes], invented: bytes) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    with pytest.raises(InvalidProof):
        verify_inclusion(invented, first, size, proof, merkle.root(leaves))
    with pytest.raises(InvalidProof):
        verify_consistency(first, invented, size, merkle.root(leaves), proof)


@given(st.lists(st.binary(max_size=40), max_size=600))
def test_entries_come_back_from_their_bundles(logged: list[bytes]) -> None:
    bundles = [entry_bundle(logged, tile) for tile in bundles_of(len(logged))]
    assert [entry for bundle in bundles for entry in read_bundle(bundle)] == logged


@given(st.none() | st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_an_address_is_read_as_it_was_spelled(level: int | None, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert Tile.read(tile.path) == tile


@given(st.text(alphabet="tile/enrs0123456789x.p", max_size=40).map(lambda rest: f"tile/{rest}"))
def test_an_address_has_one_spelling(path: str) -> None:
    try:
        tile = Tile.read(path)
    except ValueError:
        return
    assert tile.path == path

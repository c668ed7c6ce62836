"""RFC 9162 §2.1: the Merkle tree, its proofs, and everything that is not a proof."""

from __future__ import annotations

from hashlib import sha256

import pytest

from keys.merkle import (
    EMPTY_ROOT,
    InvalidProof,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    )
]  # fmt: skip
"""The entries that implementations of RFC 6962 have compared their trees with since 2013."""

ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Their roots by the number of entries."""

LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def joined(left: bytes, right: bytes) -> bytes:
    """A node, written down once more so that the examples do not stand on the code they test."""
    return sha256(b"\x01" + left + right).digest()


A, B, C, D, E, F, J = LEAVES[:7]
G, H, I = joined(A, B), joined(C, D), joined(E, F)  # noqa: E741 - the letters of RFC 9162 §2.1.5
K, L = joined(G, H), joined(I, J)
NODES = {"a": A, "b": B, "c": C, "d": D, "e": E, "f": F, "g": G, "h": H, "i": I, "j": J, "k": K, "l": L}


def nodes(letters: str) -> list[bytes]:
    return [NODES[letter] for letter in letters]


# §2.1.1


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_a_known_tree(size: int) -> None:
    assert root(LEAVES[:size]).hex() == ROOTS[size]


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert root([]) == EMPTY_ROOT == sha256(b"").digest()


def test_leaves_and_nodes_are_hashed_apart() -> None:
    assert leaf_hash(A + B) != node_hash(A, B)


# §2.1.5: the example's proofs in the tree of seven leaves


@pytest.mark.parametrize(("index", "path"), [(0, "bhl"), (3, "cgl"), (4, "fjk"), (6, "ik")])
def test_the_inclusion_proofs_of_the_example(index: int, path: str) -> None:
    assert inclusion_proof(LEAVES[:7], index) == nodes(path)


@pytest.mark.parametrize(("old_size", "path"), [(3, "cdgl"), (4, "l"), (6, "ijk"), (7, ""), (0, "")])
def test_the_consistency_proofs_of_the_example(old_size: int, path: str) -> None:
    assert consistency_proof(LEAVES[:7], old_size) == nodes(path)


# §2.1.3.2 and §2.1.4.2: every proof of every small tree is accepted, and only for its own place


@pytest.mark.parametrize("size", range(1, 9))
def test_every_entry_is_proven_in_its_place_only(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(LEAVES[:size], index)
        verify_inclusion(LEAVES[index], index, size, proof, root(LEAVES[:size]))
        for other in set(range(size)) - {index}:
            with pytest.raises(InvalidProof):
                verify_inclusion(LEAVES[index], other, size, proof, root(LEAVES[:size]))


@pytest.mark.parametrize("size", range(9))
def test_every_earlier_tree_is_continued(size: int) -> None:
    for old_size in range(size + 1):
        proof = consistency_proof(LEAVES[:size], old_size)
        verify_consistency(old_size, root(LEAVES[:old_size]), size, root(LEAVES[:size]), proof)


ROOT_7 = root(LEAVES[:7])
NOISE = sha256(b"noise").digest()


@pytest.mark.parametrize(
    ("leaf", "index", "size", "path", "expected"),
    [
        (D, 3, 7, nodes("cgl"), NOISE),
        (NOISE, 3, 7, nodes("cgl"), ROOT_7),
        (D, 2, 7, nodes("cgl"), ROOT_7),
        (D, 4, 7, nodes("cgl"), ROOT_7),
        (D, 7, 7, nodes("cgl"), ROOT_7),
        (D, -1, 7, nodes("cgl"), ROOT_7),
        (D, 3, 0, nodes("cgl"), ROOT_7),
        (D, 3, 4, nodes("cgl"), ROOT_7),
        (D, 3, 16, nodes("cgl"), ROOT_7),
        (D, 3, 7, nodes("cg"), ROOT_7),
        (D, 3, 7, [*nodes("cgl"), ROOT_7], ROOT_7),
        (D, 3, 7, nodes("gcl"), ROOT_7),
        (D, 3, 7, [], ROOT_7),
        (D, 3, 7, [NOISE, *nodes("gl")], ROOT_7),
        (H, 1, 7, nodes("gl"), ROOT_7),
        (D, 3, 7, [C[:31], *nodes("gl")], ROOT_7),
        (D + b"\x00", 3, 7, nodes("cgl"), ROOT_7),
        (b"", 0, 1, [], b""),
    ],
)
def test_what_does_not_prove_inclusion(
    leaf: bytes, index: int, size: int, path: list[bytes], expected: bytes
) -> None:
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf, index, size, path, expected)


@pytest.mark.parametrize(
    ("old_size", "old_root", "size", "new_root", "path"),
    [
        (6, root(LEAVES[:6]), 7, NOISE, nodes("ijk")),
        (6, NOISE, 7, ROOT_7, nodes("ijk")),
        (6, ROOT_7, 7, root(LEAVES[:6]), nodes("ijk")),
        (5, root(LEAVES[:6]), 7, ROOT_7, nodes("ijk")),
        (6, root(LEAVES[:6]), 16, ROOT_7, nodes("ijk")),
        (6, root(LEAVES[:6]), 7, ROOT_7, []),
        (6, root(LEAVES[:6]), 7, ROOT_7, nodes("ij")),
        (6, root(LEAVES[:6]), 7, ROOT_7, [*nodes("ijk"), NOISE]),
        (6, root(LEAVES[:6]), 7, ROOT_7, nodes("ikj")),
        (6, root(LEAVES[:6]), 7, ROOT_7, [I[:31], *nodes("jk")]),
        (4, K, 7, ROOT_7, []),
        (4, K, 7, ROOT_7, nodes("kl")),
        (7, ROOT_7, 6, root(LEAVES[:6]), []),
        (7, ROOT_7, 7, NOISE, []),
        (7, ROOT_7, 7, ROOT_7, nodes("l")),
        (0, NOISE, 7, ROOT_7, []),
        (0, EMPTY_ROOT, 7, ROOT_7, nodes("l")),
        (-1, EMPTY_ROOT, 7, ROOT_7, []),
        (7, b"", 7, b"", []),
    ],
)
def test_what_does_not_prove_consistency(
    old_size: int, old_root: bytes, size: int, new_root: bytes, path: list[bytes]
) -> None:
    with pytest.raises(InvalidProof):
        verify_consistency(old_size, old_root, size, new_root, path)


@pytest.mark.parametrize("index", [-1, 7, 8])
def test_no_proof_is_made_for_what_is_not_there(index: int) -> None:
    with pytest.raises(InvalidProof, match="no leaf"):
        inclusion_proof(LEAVES[:7], index)
    with pytest.raises(InvalidProof, match="does not continue"):
        consistency_proof(LEAVES[:6], index)

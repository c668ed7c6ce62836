"""The Merkle tree of RFC 9162 §2.1 with SHA-256: its root, its proofs, and their verification.

Trees are given as the hashes of their leaves. A tree is computed level by level: neighbours are joined, and a last
node without a neighbour moves up as it is, which is the split at the greatest power of two of §2.1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

HASH_OCTETS: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves (RFC 9162 §2.1.1)."""


class InvalidProof(Exception):
    """A proof that proves nothing, or one that cannot exist; one sentence for our log."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry (RFC 9162 §2.1.1); its prefix keeps leaves and nodes apart."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node above two others (RFC 9162 §2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The level above a level."""
    above = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return [*above, level[-1]] if len(level) % 2 else above


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash (RFC 9162 §2.1.1)."""
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else EMPTY_ROOT


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from one leaf to the root, the leaf's neighbour first (RFC 9162 §2.1.3.1).

    Raises:
        InvalidProof: the tree has no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise InvalidProof(f"A tree of {len(leaves)} leaves has no leaf {index}.")
    proof: list[bytes] = []
    level = leaves
    while len(level) > 1:
        if index ^ 1 < len(level):
            proof.append(level[index ^ 1])
        level, index = _above(level), index // 2
    return proof


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """The hashes which show that the tree's first `old_size` leaves are the whole old tree (RFC 9162 §2.1.4.1).

    None are needed to the tree itself, and none to the empty tree, which every tree continues.

    Raises:
        InvalidProof: the tree never had that size.
    """
    if not 0 <= old_size <= len(leaves):
        raise InvalidProof(f"A tree of {len(leaves)} leaves does not continue one of {old_size}.")
    return _subproof(leaves, old_size, known=True) if old_size else []


def _subproof(leaves: Sequence[bytes], old_size: int, *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1; `known` while the old root itself is the root of these leaves."""
    if old_size == len(leaves):
        return [] if known else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, known=known), root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, known=False), root(leaves[:split])]


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_OCTETS for one in hashes):
        raise InvalidProof(f"A hash of the proof does not have {HASH_OCTETS} octets.")


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Return if the leaf with hash `leaf` is number `index` of the tree (RFC 9162 §2.1.3.2).

    Raises:
        InvalidProof: it is not, or the proof does not show it.
    """
    _check_hashes(leaf, expected_root, *proof)
    if not 0 <= index < size:
        raise InvalidProof(f"A tree of {size} leaves has no leaf {index}.")
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InvalidProof("The proof of inclusion is too long.")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            node, last = _up_to_right_child(node, last)
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last or found != expected_root:
        raise InvalidProof("The proof of inclusion does not lead to the root.")


def verify_consistency(
    old_size: int, old_root: bytes, size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return if the tree of `size` leaves continues the one of `old_size` leaves (RFC 9162 §2.1.4.2).

    Raises:
        InvalidProof: it does not, or the proof does not show it.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 <= old_size <= size:
        raise InvalidProof(f"A tree of {size} leaves does not continue one of {old_size}.")
    if old_size in {0, size}:
        if proof or old_root != (new_root if old_size == size else EMPTY_ROOT):
            raise InvalidProof("The trees have different roots.")
        return
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else proof
    if not proof:
        raise InvalidProof("The proof of consistency is empty.")
    if _roots_of(path, old_size, size) != (old_root, new_root):
        raise InvalidProof("The proof of consistency does not lead to both roots.")


def _roots_of(path: Sequence[bytes], old_size: int, size: int) -> tuple[bytes, bytes]:
    """The two roots that a consistency proof leads to (RFC 9162 §2.1.4.2, steps 3 to 7)."""
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise InvalidProof("The proof of consistency is too long.")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            node, last = _up_to_right_child(node, last)
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise InvalidProof("The proof of consistency is too short.")
    return old, new


def _up_to_right_child(node: int, last: int) -> tuple[int, int]:
    """Pass the levels on which the node, the last one there, moved up without a neighbour."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last

"""The Merkle tree's shape, without a database: growing it, and what proofs are made of (RFC 9162, 2.1).

A *perfect* subtree has a height and a position: (h, p) covers the leaves from p * 2^h to (p + 1) * 2^h - 1.
Any tree is a row of perfect ones, the largest first; proofs consist of their hashes.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()
TILE_HEIGHT = 8
TILE = 1 << TILE_HEIGHT

Perfect = Callable[[int, int], bytes]
"""Gives the hash of the perfect subtree of a height and a position."""
Node = tuple[int, int, bytes]
"""Height, position and hash of a perfect subtree."""


def peaks(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The perfect subtrees that the leaves `begin` to `end` - 1 consist of, from the left.

    `begin` is a multiple of the largest one's size, as it is wherever RFC 9162 splits a tree.
    """
    while begin < end:
        height = (end - begin).bit_length() - 1
        yield height, begin >> height
        begin += 1 << height


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring perfect subtrees of falling size."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = hashlib.sha256(b"\x01" + left + root).digest()
    return root


class Frontier:
    """The right edge of a growing tree: O(log n) hashes, enough to append to it and to take its root."""

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        assert len(edge) == size.bit_count()
        self.size = size
        self._edge = list(edge)

    def append(self, leaves: Sequence[bytes]) -> list[Node]:
        """Add leaf hashes; returns the subtrees of whole tiles (height 8, 16 ...) that they complete."""
        sha256, edge, size = hashlib.sha256, self._edge, self.size
        complete: list[Node] = []
        for node in leaves:
            height, position = 0, size
            while position & 1:
                node = sha256(b"\x01" + edge.pop() + node).digest()
                height, position = height + 1, position >> 1
                if not height & 7:
                    complete.append((height, position, node))
            edge.append(node)
            size += 1
        self.size = size
        return complete

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        return fold(self._edge)


def root_of(perfect: Perfect, begin: int, end: int) -> bytes:
    """The root over the leaves `begin` to `end` - 1, wherever RFC 9162 makes a subtree of them."""
    return fold([perfect(height, position) for height, position in peaks(begin, end)])


def inclusion_path(perfect: Perfect, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162, 2.1.3.1: the siblings from the leaf up to the root."""
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + (1 << ((end - begin - 1).bit_length() - 1))
        if index < middle:
            path.append(root_of(perfect, middle, end))
            end = middle
        else:
            path.append(root_of(perfect, begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(perfect: Perfect, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 9162, 2.1.4.1, for 0 < old <= new."""
    begin, end, path = 0, new, []
    while end != old:
        middle = begin + (1 << ((end - begin - 1).bit_length() - 1))
        if old <= middle:
            path.append(root_of(perfect, middle, end))
            end = middle
        else:
            path.append(root_of(perfect, begin, middle))
            begin = middle
    if begin > 0:
        path.append(root_of(perfect, begin, end))
    return path[::-1]

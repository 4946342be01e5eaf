"""The tree is RFC 9162's: against the definition, written down naively, and its first users' vectors."""

import base64
import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoney.ledger.proofs.tree import EMPTY_ROOT, Frontier, consistency_path, inclusion_path, peaks, root_of
from emoney.ledger.proofs.verifying import (
    Checkpoint,
    ProofInvalid,
    check_consistency,
    check_inclusion,
    leaf_hash,
)

# What certificate transparency's test suites have used since RFC 6962: inputs, and the root after each.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + naive(entries[:k]) + naive(entries[k:])).digest()


class Whole:
    """A tree all of whose leaves are at hand."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.entries = entries

    def perfect(self, height: int, position: int) -> bytes:
        return naive(self.entries[position << height : (position + 1) << height])


def entries(count: int) -> list[bytes]:
    return [f"entry {n}".encode() for n in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    frontier = Frontier()
    frontier.append([leaf_hash(each) for each in INPUTS[:size]])
    expected = bytes.fromhex(ROOTS[size - 1]) if size else EMPTY_ROOT
    assert frontier.root() == expected == naive(INPUTS[:size])
    if not size:
        assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.lists(st.integers(0, 300), max_size=6))
@settings(deadline=None, max_examples=60)
def test_a_tree_grown_in_any_steps_has_the_root_of_the_definition(steps: list[int]) -> None:
    frontier, complete = Frontier(), []
    everything = entries(sum(steps))
    for step in steps:
        done = frontier.size
        complete += frontier.append([leaf_hash(each) for each in everything[done : done + step]])
    assert frontier.root() == naive(everything)
    assert [(height, position) for height, position, _ in complete] == [
        (8, n) for n in range(len(everything) // 256)
    ]
    for height, position, hashed in complete:
        assert hashed == Whole(everything).perfect(height, position)


def test_nodes_of_height_16_are_completed() -> None:
    done = Frontier(65_535, [bytes([n]) * 32 for n in range(16)]).append([bytes(32)])
    assert [(height, position) for height, position, _ in done] == [(8, 255), (16, 0)]


@given(st.data(), st.integers(1, 300))
@settings(deadline=None, max_examples=150)
def test_inclusion(data: st.DataObject, size: int) -> None:
    tree = Whole(entries(size))
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(tree.perfect, index, size)
    root, leaf = naive(tree.entries), leaf_hash(tree.entries[index])
    check_inclusion(leaf, index, size, path, root)
    wrong = data.draw(st.sampled_from(["leaf", "index", "size", "path", "short", "long", "root"]))
    other: tuple[bytes, int, int, list[bytes], bytes] = leaf, index, size, [*path, bytes(32)], root
    if wrong == "leaf":
        other = bytes(32), index, size, path, root
    elif wrong == "index":
        other = leaf, size if size == 1 else (index + 1) % size, size, path, root
    elif wrong == "size":
        other = leaf, index, index, path, root
    elif wrong == "path" and path:
        at = data.draw(st.integers(0, len(path) - 1))
        other = leaf, index, size, [*path[:at], bytes(32), *path[at + 1 :]], root
    elif wrong == "short" and path:
        other = leaf, index, size, path[:-1], root
    elif wrong == "root":
        other = leaf, index, size, path, bytes(32)
    with pytest.raises(ProofInvalid):
        check_inclusion(*other)


@given(st.data(), st.integers(1, 300))
@settings(deadline=None, max_examples=150)
def test_consistency(data: st.DataObject, size: int) -> None:
    tree = Whole(entries(size))
    before = data.draw(st.integers(1, size))
    path = consistency_path(tree.perfect, before, size)
    old = Checkpoint("log", before, naive(tree.entries[:before]))
    new = Checkpoint("log", size, naive(tree.entries))
    check_consistency(old, new, path)
    with pytest.raises(ProofInvalid):
        check_consistency(Checkpoint("log", before, bytes(32)), new, path)
    with pytest.raises(ProofInvalid):
        check_consistency(old, Checkpoint("log", size, bytes(32)), path)
    with pytest.raises(ProofInvalid):
        check_consistency(old, new, [*path, bytes(32)])
    with pytest.raises(ProofInvalid):
        check_consistency(Checkpoint("another", before, old.root), new, path)
    if path:
        with pytest.raises(ProofInvalid):
            check_consistency(old, new, path[:-1])
        with pytest.raises(ProofInvalid, match="shrank"):
            check_consistency(new, old, path)


def test_every_small_size_exhaustively() -> None:
    everything = entries(33)
    tree = Whole(everything)
    roots = [naive(everything[:size]) for size in range(34)]
    for size in range(1, 34):
        assert root_of(tree.perfect, 0, size) == roots[size]
        assert sum(1 << height for height, _ in peaks(0, size)) == size
        for index in range(size):
            path = inclusion_path(tree.perfect, index, size)
            check_inclusion(leaf_hash(everything[index]), index, size, path, roots[size])
        for before in range(1, size + 1):
            path = consistency_path(tree.perfect, before, size)
            check_consistency(
                Checkpoint("log", before, roots[before]), Checkpoint("log", size, roots[size]), path
            )


def test_any_log_continues_the_empty_one() -> None:
    check_consistency(Checkpoint("log", 0, EMPTY_ROOT), Checkpoint("log", 3, bytes(32)), [])
    with pytest.raises(ProofInvalid):
        check_consistency(Checkpoint("log", 0, EMPTY_ROOT), Checkpoint("log", 3, bytes(32)), [bytes(32)])


def test_hashes_travel_as_base64() -> None:
    assert base64.b64decode("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=") == EMPTY_ROOT

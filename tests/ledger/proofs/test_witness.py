"""Witnesses: cosignatures in the C2SP form, k of n in the verifier, and a witness that is not fooled."""

import base64
import hashlib
import multiprocessing
import os
import queue
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.secret_file import SecretFile
from emoney.ledger.proofs import ProofInvalid, SigningKey, Witness, WitnessKey, cosigned
from emoney.ledger.proofs.errors import (
    CheckpointRefused,
    CosignedSizeDiffers,
    LogInconsistent,
    LogSignatureInvalid,
    LogUnknown,
    SigningKeyUnsafe,
    SigningKeyWrong,
    WitnessDamaged,
)
from emoney.ledger.proofs.signing import CosigningKey
from emoney.ledger.proofs.tree import consistency_path
from emoney.ledger.proofs.verifying import CONSISTENCY, leaf_hash, node_hash, open_checkpoint, verify
from emoney.ledger.proofs.witnesses import Submission

NOW = datetime(2026, 3, 10, 12, 0, 0, 987_654, tzinfo=UTC)
SECONDS = 1_773_144_000
SEED = bytes(range(32))
LOG = SigningKey("wallet.example/ledger", SEED[::-1])


class Tree:
    """A log in memory: the leaves `0` to `size` - 1, from leaf `forked` on others."""

    def __init__(self, size: int, forked: int = 1 << 30, key: SigningKey = LOG) -> None:
        self.size = size
        self._leaves = [leaf_hash(f"{'other ' if n >= forked else ''}{n}".encode()) for n in range(size)]
        self.note = key.sign(size, self._root(self._leaves))

    def _root(self, hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        middle = 1 << ((len(hashes) - 1).bit_length() - 1)
        return node_hash(self._root(hashes[:middle]), self._root(hashes[middle:]))

    def path(self, old: int) -> list[bytes]:
        """The consistency path from `old` leaves."""

        def perfect(height: int, position: int) -> bytes:
            return self._root(self._leaves[position << height : (position + 1) << height])

        return consistency_path(perfect, old, self.size) if old else []


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness.open(tmp_path / "w", [LOG.public], name="witness.example", clock=lambda: NOW)


def add(witness: Witness, old: int, tree: Tree) -> str:
    return witness.add_checkpoint(old, tree.path(old), tree.note)


# The form


def test_a_cosignature_is_what_c2sp_says() -> None:
    """Worked out here again, from the words of tlog-cosignature."""
    key = CosigningKey("witness.example/w1", SEED)
    text = Tree(3).note.rpartition("\n\n")[0] + "\n"
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    public = private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(b"witness.example/w1\x0a\x04" + public).digest()[:4]
    message = f"cosignature/v1\ntime {SECONDS}\n{text}".encode()
    assert message.endswith(b"=\n")
    payload = key_id + SECONDS.to_bytes(8, "big") + private.sign(message)
    assert key.cosign(text, NOW) == f"\u2014 witness.example/w1 {base64.b64encode(payload).decode()}\n"
    written = f"witness.example/w1+{key_id.hex()}+{base64.b64encode(bytes([4]) + public).decode()}"
    assert str(key.public) == written
    assert WitnessKey.parse(f" {written}\n") == key.public
    assert key_id != SigningKey("witness.example/w1", SEED).public.hash


def test_a_cosignature_of_another_tool_verifies() -> None:
    private = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    raw = private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(b"w\n\x04" + raw).digest()[:4]
    tree = Tree(5)
    text = tree.note[: tree.note.index("\n\n") + 1]
    payload = key_id + (1).to_bytes(8, "big") + private.sign(f"cosignature/v1\ntime 1\n{text}".encode())
    note = tree.note + f"\u2014 w {base64.b64encode(payload).decode()}\n"
    assert cosigned(note, [WitnessKey("w", raw)]) == {"w": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}


@pytest.mark.parametrize("text", ["", "w", "w+00000000+AAAA", str(LOG.public), "w x+00000000+BAAA"])
def test_what_is_no_witness_key(text: str) -> None:
    with pytest.raises(ProofInvalid):
        WitnessKey.parse(text)


def test_a_key_of_another_kind_is_not_taken_for_it() -> None:
    with pytest.raises(ProofInvalid, match="not an Ed25519 key of its kind"):
        WitnessKey.parse(str(LOG.public))


# k of n


KEYS = [CosigningKey(f"w{n}.example", bytes([n]) * 32) for n in range(3)]
WITNESSES = [key.public for key in KEYS]


def cosigned_by(*keys: CosigningKey, size: int = 5) -> str:
    note = Tree(size).note
    text = note[: note.index("\n\n") + 1]
    return note + "".join(key.cosign(text, NOW) for key in keys)


@pytest.mark.parametrize("cosigners", range(4))
@pytest.mark.parametrize("quorum", range(5))
def test_k_of_n(cosigners: int, quorum: int) -> None:
    note = cosigned_by(*KEYS[:cosigners])
    if cosigners >= quorum:
        assert open_checkpoint(note, LOG.public, WITNESSES, quorum).size == 5
    else:
        with pytest.raises(ProofInvalid, match=f"by {cosigners} of the witnesses, and {quorum} are demanded"):
            open_checkpoint(note, LOG.public, WITNESSES, quorum)
    assert set(cosigned(note, WITNESSES)) == {key.name for key in KEYS[:cosigners]}


def test_one_key_counts_once_under_however_many_names() -> None:
    twins = [CosigningKey(name, SEED) for name in ("a.example", "b.example")]
    note = cosigned_by(*twins, twins[0])
    keys = [twin.public for twin in twins]
    assert set(cosigned(note, keys)) == {"a.example", "b.example"}
    assert open_checkpoint(note, LOG.public, [*keys, keys[0]], 1).size == 5
    with pytest.raises(ProofInvalid, match="by 1 of the witnesses"):
        open_checkpoint(note, LOG.public, [*keys, keys[0]], 2)


def test_the_logs_own_key_is_no_witness() -> None:
    own = CosigningKey("independent.example", SEED[::-1])
    note = cosigned_by(own)
    with pytest.raises(ProofInvalid, match="by 0 of the witnesses"):
        open_checkpoint(note, LOG.public, [own.public], 1)


def test_two_keys_under_one_name_are_two_witnesses() -> None:
    pair = [CosigningKey("w.example", bytes([n]) * 32) for n in (8, 9)]
    note = cosigned_by(*pair)
    assert open_checkpoint(note, LOG.public, [each.public for each in pair], 2).size == 5


def test_the_cosignatures_of_others_are_passed_over() -> None:
    stranger = CosigningKey("stranger.example", b"\x42" * 32)
    note = cosigned_by(stranger, KEYS[0])
    assert cosigned(note, WITNESSES) == {KEYS[0].name: NOW.replace(microsecond=0)}
    assert cosigned(note, []) == {}


def line_with(change: Callable[[bytes], bytes]) -> str:
    """A note whose only cosignature has other bytes after its key's."""
    note = cosigned_by(KEYS[0])
    head, _, encoded = note[:-1].rpartition(" ")
    raw = base64.b64decode(encoded)
    return f"{head} {base64.b64encode(raw[:4] + change(raw[4:])).decode()}\n"


@pytest.mark.parametrize(
    "note",
    [
        line_with(lambda raw: raw[:8] + bytes([raw[8] ^ 1]) + raw[9:]),
        line_with(lambda raw: (SECONDS + 1).to_bytes(8, "big") + raw[8:]),
        line_with(lambda raw: (0).to_bytes(8, "big") + raw[8:]),
        line_with(lambda raw: b"\xff" * 8 + raw[8:]),
        line_with(lambda raw: raw[:-1]),
        line_with(lambda raw: raw + b"\0"),
        line_with(lambda _: b""),
        Tree(5).note + cosigned_by(KEYS[0], size=6).splitlines()[-1] + "\n",
    ],
    ids=["signature", "later", "time 0", "no time", "short", "long", "empty", "another checkpoint's"],
)
def test_a_cosignature_that_does_not_hold_breaks_the_note(note: str) -> None:
    for quorum in (0, 1):
        with pytest.raises(ProofInvalid, match=r"the cosignature of w0\.example is"):
            open_checkpoint(note, LOG.public, WITNESSES, quorum)
    assert open_checkpoint(note, LOG.public).size == 5  # for who demands no witness it is a stranger's line


def test_a_cosignature_of_another_logs_checkpoint_says_nothing_of_this_one() -> None:
    other = SigningKey("other.example/ledger", SEED[::-1])
    theirs = Tree(5, key=other).note
    line = KEYS[0].cosign(theirs[: theirs.index("\n\n") + 1], NOW)
    assert cosigned(theirs + line, WITNESSES)
    with pytest.raises(ProofInvalid, match="not over this text"):
        open_checkpoint(Tree(5).note + line, LOG.public, WITNESSES, 1)


def test_a_time_beyond_all_calendars_is_refused() -> None:
    note = Tree(5).note
    text = note[: note.index("\n\n") + 1]
    seconds = 1 << 62
    signature = Ed25519PrivateKey.from_private_bytes(bytes(32)).sign(
        f"cosignature/v1\ntime {seconds}\n{text}".encode()
    )
    raw = base64.b64encode(WITNESSES[0].hash + seconds.to_bytes(8, "big") + signature).decode()
    with pytest.raises(ProofInvalid, match="of no time"):
        cosigned(f"{note}\u2014 w0.example {raw}\n", WITNESSES)


def test_a_proof_is_verified_with_its_witnesses() -> None:
    tree = Tree(7)
    proof = {
        "format": CONSISTENCY,
        "old": Tree(5).note,
        "new": cosigned_by(*KEYS[:2], size=7),
        "path": [base64.b64encode(each).decode() for each in tree.path(5)],
    }
    found = verify(proof, LOG.public, WITNESSES, 2)
    assert found["cosigned"] == dict.fromkeys(("w0.example", "w1.example"), "2026-03-10T12:00:00+00:00")
    assert "cosigned" not in verify(proof, LOG.public)
    with pytest.raises(ProofInvalid, match="3 are demanded"):
        verify(proof, LOG.public, WITNESSES, 3)


# A witness


def test_a_witness_cosigns_what_continues_its_last(witness: Witness) -> None:
    sizes = [1, 2, 3, 7, 8, 9, 64, 100]
    for old, new in zip([0, *sizes], sizes, strict=False):
        line = add(witness, old, Tree(new))
        note = Tree(new).note + line
        assert open_checkpoint(note, LOG.public, [witness.public], 1).size == new
        assert witness.last(LOG.origin).size == new
    again = add(witness, 100, Tree(100))  # the same once more
    assert cosigned(Tree(100).note + again, [witness.public])


def test_a_log_without_leaves_is_cosigned_too(witness: Witness) -> None:
    note = LOG.sign(0, hashlib.sha256().digest())
    assert cosigned(note + witness.add_checkpoint(0, [], note), [witness.public])
    add(witness, 0, Tree(4))


def test_a_split_view_is_refused(witness: Witness) -> None:
    add(witness, 0, Tree(5))
    with pytest.raises(LogInconsistent, match="fork"):
        add(witness, 5, Tree(5, forked=4))
    assert open_checkpoint(Tree(5).note, LOG.public) == witness.last(LOG.origin)


@pytest.mark.parametrize("forked", [0, 3, 4])
def test_a_rewritten_history_signed_again_is_refused(witness: Witness, forked: int) -> None:
    add(witness, 0, Tree(5))
    rewritten = Tree(9, forked=forked)
    assert open_checkpoint(rewritten.note, LOG.public).size == 9  # by the log's true key
    for path in (rewritten.path(5), Tree(9).path(5), [], rewritten.path(5) * 30):
        with pytest.raises(LogInconsistent):
            witness.add_checkpoint(5, path, rewritten.note)
    for other in (0, 4, 9):  # nor by telling the witness that it cosigned something else
        with pytest.raises(CosignedSizeDiffers) as told:
            add(witness, other, rewritten)
        assert (told.value.size, told.value.status) == (5, 409)
    assert witness.last(LOG.origin).size == 5
    add(witness, 5, Tree(9))


def test_a_smaller_log_is_refused(witness: Witness) -> None:
    add(witness, 0, Tree(9))
    with pytest.raises(CheckpointRefused, match="does not continue") as told:
        witness.add_checkpoint(9, [], Tree(5).note)
    assert told.value.status == 400
    with pytest.raises(CosignedSizeDiffers):
        add(witness, 0, Tree(5))
    assert witness.last(LOG.origin).size == 9


def test_only_known_logs_under_their_own_keys(witness: Witness) -> None:
    thief = SigningKey(LOG.origin, b"\x11" * 32)
    unknown = Tree(5, key=SigningKey("unknown.example/ledger", b"\x12" * 32))
    for note, kind, status in (
        (Tree(5, key=thief).note, LogSignatureInvalid, 403),
        (Tree(5).note.replace("\n5\n", "\n6\n"), LogSignatureInvalid, 403),
        (unknown.note, LogUnknown, 404),
        ("", CheckpointRefused, 400),
        ("x\n\n", CheckpointRefused, 400),
        (Tree(5).note.replace("\n5\n", "\n05\n"), CheckpointRefused, 400),
    ):
        with pytest.raises(CheckpointRefused) as told:
            witness.add_checkpoint(0, [], note)
        assert (type(told.value), told.value.status) == (kind, status)
    assert witness.last(LOG.origin).size == 0


def test_a_log_may_have_two_keys_while_one_replaces_the_other(tmp_path: Path) -> None:
    newer = SigningKey(LOG.origin, b"\x11" * 32)
    witness = Witness.open(tmp_path / "w", [LOG.public, newer.public])
    add(witness, 0, Tree(5))
    add(witness, 5, Tree(9, key=newer))
    with pytest.raises(LogInconsistent):
        add(witness, 9, Tree(9, forked=2))


def test_logs_do_not_disturb_each_other(tmp_path: Path) -> None:
    other = SigningKey("../../etc/other", b"\x11" * 32)
    witness = Witness.open(tmp_path / "w", [LOG.public, other.public])
    add(witness, 0, Tree(5))
    add(witness, 0, Tree(3, key=other))
    assert (witness.last(LOG.origin).size, witness.last(other.origin).size) == (5, 3)
    files = list((tmp_path / "w" / "logs").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert sorted(each.read_text() for each in files) == sorted([Tree(5).note, Tree(3, key=other).note])


# Its home


def test_its_key_is_made_once(tmp_path: Path) -> None:
    first = Witness.open(tmp_path / "w", name="witness.example")
    assert Witness.open(tmp_path / "w").public == first.public
    assert Witness.open(tmp_path / "w", name="witness.example").public == first.public
    with pytest.raises(InvalidInput, match=r"witness\.example already"):
        Witness.open(tmp_path / "w", name="other.example")
    with pytest.raises(InvalidInput):
        Witness.open(tmp_path / "x", name="two words")
    file = tmp_path / "w" / "keys" / "witness.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert repr(CosigningKey.load(tmp_path / "w")) == "<CosigningKey of witness.example>"
    file.chmod(0o644)
    with pytest.raises(SigningKeyUnsafe):
        Witness.open(tmp_path / "w")
    file.chmod(0o600)
    (tmp_path / "log").mkdir()
    SigningKey.create(tmp_path / "log", "witness.example")
    file.write_bytes((tmp_path / "log" / "keys" / "log-signing.key").read_bytes())
    with pytest.raises(SigningKeyWrong):  # a log's key, which signs without a time
        Witness.open(tmp_path / "w")


def test_a_witness_that_lost_its_memory_says_so(witness: Witness, tmp_path: Path) -> None:
    add(witness, 0, Tree(5))
    (file,) = (tmp_path / "w" / "logs").iterdir()
    for damage in (
        b"",
        b"\xff",
        Tree(5).note.encode()[:30],
        Tree(5, key=SigningKey("x", SEED)).note.encode(),
    ):
        file.write_bytes(damage)
        with pytest.raises(WitnessDamaged):
            add(witness, 5, Tree(9))
    file.chmod(0o644)
    with pytest.raises(WitnessDamaged):
        add(witness, 5, Tree(9))
    file.unlink()
    (tmp_path / "w" / "logs").rmdir()
    with pytest.raises(WitnessDamaged):
        add(witness, 5, Tree(9))
    with pytest.raises(WitnessDamaged):
        Witness.open(tmp_path / "w", [LOG.public])


def test_killed_before_the_file_is_replaced_nothing_is_cosigned(
    witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(witness, 0, Tree(5))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            add(witness, 5, Tree(9))
    reopened = Witness.open(tmp_path / "w", [LOG.public])
    assert reopened.last(LOG.origin).size == 5
    add(reopened, 5, Tree(9, forked=6))  # no cosignature of 9 leaves left the house


def test_killed_before_it_signs_the_root_is_remembered(
    witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(witness, 0, Tree(5))

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CosigningKey, "cosign", killed)
        with pytest.raises(KeyboardInterrupt):
            add(witness, 5, Tree(9))
    reopened = Witness.open(tmp_path / "w", [LOG.public])
    with pytest.raises(LogInconsistent):
        add(reopened, 9, Tree(9, forked=6))
    add(reopened, 9, Tree(9))


def _killed_in_the_middle(home: Path) -> None:
    def half(self: SecretFile, content: bytes) -> None:
        (self.path.parent / f".{self.path.name}.half").write_bytes(content[:20])
        os.kill(os.getpid(), 9)

    SecretFile.replace = half  # type: ignore[method-assign]
    add(Witness.open(home, [LOG.public]), 5, Tree(9))


def test_a_process_killed_leaves_a_whole_file_and_no_lock(witness: Witness, tmp_path: Path) -> None:
    add(witness, 0, Tree(5))
    process = multiprocessing.get_context("spawn").Process(
        target=_killed_in_the_middle, args=(tmp_path / "w",)
    )
    process.start()
    process.join(300)
    assert process.exitcode == -9
    assert witness.last(LOG.origin) == open_checkpoint(Tree(5).note, LOG.public)
    add(witness, 5, Tree(9))


def _race(home: Path, forked: int, barrier: object, results: object) -> None:
    witness = Witness.open(home, [LOG.public])
    tree = Tree(9, forked=forked)
    barrier.wait()  # type: ignore[attr-defined]
    try:
        line = add(witness, 5, tree)
    except CosignedSizeDiffers as error:
        results.put((error.size, None))  # type: ignore[attr-defined]
    else:
        results.put((forked, tree.note + line))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_two_at_once_on_one_size_end_with_one_root(witness: Witness, tmp_path: Path, kind: str) -> None:
    add(witness, 0, Tree(5))
    spawned = multiprocessing.get_context("spawn")
    if kind == "threads":
        results: object = queue.Queue()
        barrier: object = threading.Barrier(2)
        runs = [
            threading.Thread(target=_race, args=(tmp_path / "w", forked, barrier, results))
            for forked in (6, 7)
        ]
    else:
        results, barrier = spawned.Queue(), spawned.Barrier(2)
        runs = [
            spawned.Process(target=_race, args=(tmp_path / "w", forked, barrier, results))  # type: ignore[misc]
            for forked in (6, 7)
        ]
    for run in runs:
        run.start()
    found = [results.get(timeout=300) for _ in runs]  # type: ignore[attr-defined]
    for run in runs:
        run.join(300)
    (cosigned_note,) = [note for _, note in found if note is not None]
    (told,) = [size for size, note in found if note is None]
    assert told == 9
    assert open_checkpoint(cosigned_note, LOG.public, [witness.public], 1) == witness.last(LOG.origin)


# What is sent to it


def test_a_submission_is_read_as_it_is_written() -> None:
    tree = Tree(9)
    sent = Submission(5, tree.path(5), tree.note)
    body = sent.encode()
    assert body.startswith(b"old 5\n")
    assert Submission.parse(body) == sent
    assert Submission.parse(Submission(0, [], tree.note).encode()) == Submission(0, [], tree.note)


HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "old 5\n",
        "old 05\n\nnote",
        "old -1\n\nnote",
        "old +1\n\nnote",
        "old \u0665\n\nnote",
        "5\n\nnote",
        "old 99999999999999999999\n\nnote",
        f"old 5\n{HASH[:-4]}\n\nnote",
        f"old 5\n{HASH[:-2]}B=\n\nnote",
        f"old 5\n {HASH}\n\nnote",
        f"old 5\r\n{HASH}\n\nnote",
        "old 5\n" + f"{HASH}\n" * 64 + "\nnote",
        "old 0\n\n" + "x" * 65_536,
    ],
)
def test_what_is_no_submission(body: str) -> None:
    with pytest.raises(CheckpointRefused):
        Submission.parse(body.encode())
    with pytest.raises(CheckpointRefused):
        Submission.parse(b"\xff" + body.encode())

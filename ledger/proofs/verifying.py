"""Verifying a proof offline: this file, Python 3.11 and `cryptography` are all it takes.

Hand it, a proof and the public key to whoever should be able to check:

    python verifying.py PROOF.json PUBLIC_KEY [QUORUM WITNESS_KEY...]

Formats: Merkle tree hashing and its proofs by RFC 9162, sections 2.1.1, 2.1.3.2 and 2.1.4.2, over SHA-256;
checkpoints by C2SP tlog-checkpoint, signed by C2SP signed-note with Ed25519, and by witnesses as C2SP
tlog-cosignature has it. It imports nothing else of this
library, so that it can be read, audited and reimplemented apart from it; docs/proofs.md has every byte.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

INCLUSION, CONSISTENCY, STATEMENT = "emoney-inclusion/1", "emoney-consistency/1", "emoney-statement/1"
ED25519, COSIGNATURE = b"\x01", b"\x04"
"""What kind of key it is, in its first byte: one that signs notes, one that cosigns them with a time."""
HASH_BYTES = 32
NOTE_CHARACTERS_MAX = 65_536
PATH_MAX = 64
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Times in a leaf are microseconds since this moment."""
POSIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Times of cosignatures are seconds since this one."""

_REQUEST = (
    "id uuid, debit_account uuid, credit_account uuid, amount integer, currency text, operation text, "
    "reference text, group_id uuid, effective_at time"
)
_SIDES = "debit_version integer, debit_balance integer, credit_version integer, credit_balance integer"
Layout = tuple[tuple[str, str], ...]


def _layout(text: str) -> Layout:
    return tuple((name, form) for name, form in (field.split() for field in text.split(",")))


LAYOUTS: Mapping[tuple[str, int], Layout] = {
    ("transfer", 1): _layout(f"{_REQUEST}, posted_at time, {_SIDES}, xact integer"),
    ("refusal", 1): _layout(
        f"{_REQUEST}, decided_at time, rule text, decision text, source text, numbers text, xact integer"
    ),
}
"""The fields of each kind and version of leaf, in order. A version never changes; a change is a new one."""
RECORD = _layout("id uuid, commitment hash, xact integer")
"""The fields of a record: a leaf of a table of which the log says no more, named SCHEMA.TABLE."""
FORMS = frozenset({"uuid", "text", "integer", "time", "json", "bytes"})
"""What the fields can be that a record commits to. `json`: its text as PostgreSQL writes jsonb."""


_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_KEY_NAME = re.compile(r"[^\s+]+")


class ProofInvalid(ValueError):
    """The proof does not prove what it says. Not an EmoneyError, to need nothing but this file."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at `size` leaves, as its signed note says."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class _Key:
    """A public key, written `NAME+HASH+BASE64` (C2SP signed-note)."""

    name: str
    key: bytes

    KIND: ClassVar[bytes]
    CALLED: ClassVar[str]
    PRINTED_BY: ClassVar[str]

    @property
    def hash(self) -> bytes:
        """The 4 bytes by which a signature line names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.KIND + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(self.KIND + self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that `text` writes. Raises ProofInvalid."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not parts[0] or any(c.isspace() for c in parts[0]):
            raise ProofInvalid(f"a {cls.CALLED} is written NAME+HASH+BASE64; `{cls.PRINTED_BY}` prints it")
        raw = _base64(parts[2], f"the {cls.CALLED}")
        if len(raw) != 33 or raw[:1] != cls.KIND:
            raise ProofInvalid(f"the {cls.CALLED} is not an Ed25519 key of its kind, {cls.KIND[0]}")
        found = cls(parts[0], raw[1:])
        if found.hash.hex() != parts[1]:
            raise ProofInvalid(
                f"the {cls.CALLED}'s hash is {found.hash.hex()}, but it says {parts[1]}: a typo?"
            )
        return found

    def signed(self, signatures: list[tuple[str, bytes]]) -> list[bytes]:
        """What this key is said to have signed with, without the bytes that name it."""
        return [raw[4:] for name, raw in signatures if name == self.name and raw[:4] == self.hash]

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is by this key over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class PublicKey(_Key):
    """The log's public key."""

    KIND, CALLED, PRINTED_BY = ED25519, "public key", "emoney proof key"


@dataclass(frozen=True, slots=True)
class WitnessKey(_Key):
    """A witness's public key (C2SP tlog-cosignature)."""

    KIND, CALLED, PRINTED_BY = COSIGNATURE, "witness's key", "emoney proof witness key"


# Leaves


def encode_leaf(kind: str, version: int, content: Mapping[str, Any]) -> bytes:
    """The bytes of a leaf: its domain, then each field of its layout, each after its length in 4 bytes.

    `content`: UUIDs and text as text, times in ISO 8601 in UTC, integers of 64 bits, hashes and bytes in
    base64, None where empty; each value has one way to be written, the one that `emoney proof show` writes.
    Raises ProofInvalid for an unknown layout, a field too many or too few, or a value of another type.
    """
    layout = layout_of(kind, version)
    if layout is None:
        raise ProofInvalid(f"leaves of kind {kind!r}, version {version!r} are not known to this verifier")
    if set(content) != {name for name, _ in layout}:
        raise ProofInvalid(f"a {kind} has the fields {', '.join(name for name, _ in layout)}")
    fields = [_value(name, form, content[name]) for name, form in layout]
    return b"".join([framed(domain(kind, version)), *fields])


def layout_of(kind: str, version: int) -> Layout | None:
    """The fields of a kind of leaf, in order; None for one that is not known."""
    return RECORD if _of_record(kind) and 0 < version < 1 << 31 else LAYOUTS.get((kind, version))


def domain(kind: str, version: int) -> bytes:
    """The first field of a leaf, so that no two kinds or versions have the same bytes."""
    return f"emoney/{'record' if _of_record(kind) else 'ledger'}/{kind}/v{version}".encode()


def commitment(kind: str, version: int, record: Any) -> bytes:
    """What a record's leaf holds: the SHA-256 of a domain and of each field after its name and form.

    `record`: a list of field, form and value, as `emoney proof show` writes it. Raises ProofInvalid.
    """
    if not isinstance(record, list):
        raise ProofInvalid(f"the record of a {kind} is a list of fields")
    parts = [framed(content_domain(kind, version))]
    for each in record:
        name, form, value = (_get(each, n) for n in ("field", "form", "value"))
        if not isinstance(name, str) or form not in FORMS:
            raise ProofInvalid(f"a field of the record of a {kind} is malformed")
        parts += [framed(field_header(name, form)), _value(name, form, value)]
    return hashlib.sha256(b"".join(parts)).digest()


def content_domain(kind: str, version: int) -> bytes:
    """The first field of what a record's leaf commits to."""
    return domain(kind, version) + b"/content"


def field_header(name: str, form: str) -> bytes:
    """What stands before a field's value in what a record's leaf commits to."""
    return f"{name} {form}".encode()


def framed(value: bytes) -> bytes:
    """`value` after its length in 4 bytes."""
    return len(value).to_bytes(4, "big") + value


def _of_record(kind: str) -> bool:
    return re.fullmatch(r"[a-z_]{1,63}\.[a-z_]{1,63}", kind) is not None


def _value(name: str, form: str, value: Any) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else framed(_field(name, form, value))


def _field(name: str, form: str, value: Any) -> bytes:
    with contextlib.suppress(ValueError, TypeError, AttributeError, OverflowError):
        if form == "uuid" and value == str(UUID(value)):
            return UUID(value).bytes
        if form in ("text", "json"):
            return str.encode(value)
        if form == "time" and value == (at := datetime.fromisoformat(value).astimezone(UTC)).isoformat():
            return ((at - EPOCH) // timedelta(microseconds=1)).to_bytes(8, "big", signed=True)
        if form == "integer" and type(value) is int:
            return value.to_bytes(8, "big", signed=True)
        if form == "bytes" or (form == "hash" and len(_base64(value, name)) == HASH_BYTES):
            return _base64(value, name)
    raise ProofInvalid(f"{name} is not what a leaf holds there: {form}")


# The tree


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's bytes (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise ProofInvalid unless the tree of `size` leaves under `root` has the hash `leaf` at `index`."""
    if not 0 <= index < size:
        raise ProofInvalid(f"leaf {index} is not one of {size} leaves")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise ProofInvalid("the inclusion path is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or r != root:
        raise ProofInvalid(
            f"leaf {index} is not in the log of this checkpoint: its path leads to another root"
        )


def check_consistency(old: Checkpoint, new: Checkpoint, path: Sequence[bytes]) -> None:
    """Raise ProofInvalid unless the log of `new` begins with all the leaves of `old`, unchanged."""
    if old.origin != new.origin:
        raise ProofInvalid(f"the checkpoints are of two logs, {old.origin} and {new.origin}")
    if old.size > new.size:
        raise ProofInvalid(f"the log shrank from {old.size} to {new.size} leaves")
    if old.size == new.size or old.size == 0:
        if path or (old.size == new.size and old.root != new.root):
            raise ProofInvalid("two logs of the same size differ: one of the checkpoints is of a fork")
        return
    nodes = list(path)
    if old.size & (old.size - 1) == 0:
        nodes.insert(0, old.root)
    if not nodes:
        raise ProofInvalid("the consistency path is empty")
    fn, sn = old.size - 1, new.size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = nodes[0]
    for c in nodes[1:]:
        if sn == 0:
            raise ProofInvalid("the consistency path is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or fr != old.root or sr != new.root:
        raise ProofInvalid(
            f"the log of {new.size} leaves does not continue the one of {old.size}: history was rewritten"
        )


# Checkpoints


def open_checkpoint(
    note: str, key: PublicKey, witnesses: Sequence[WitnessKey] = (), quorum: int = 0
) -> Checkpoint:
    """The checkpoint that a signed note holds, if `key` signed it and `quorum` of the witnesses cosigned it.

    Witnesses are told apart by their keys, so one under two names counts once, and the log's own never.
    Raises ProofInvalid, also for a cosignature of one of them that is not over this text.
    """
    found = parse_checkpoint(open_note(note, key))
    if found.origin != key.name:
        raise ProofInvalid(f"the checkpoint is of the log {found.origin}, the key of {key.name}")
    cosigners = {witness.key for witness, _ in _cosignatures(note, witnesses)} - {key.key}
    if len(cosigners) < quorum:
        raise ProofInvalid(
            f"the checkpoint of {found.size} leaves is cosigned by {len(cosigners)} of the witnesses, "
            f"and {quorum} are demanded"
        )
    return found


def open_note(note: str, key: PublicKey) -> str:
    """The text of a signed note (C2SP signed-note), if `key` signed it. Raises ProofInvalid."""
    text, signatures = parted(note)
    ours = key.signed(signatures)
    if not ours:
        raise ProofInvalid(f"the checkpoint is not signed by the key {key.name}+{key.hash.hex()}")
    if not all(key.holds(signature, text.encode()) for signature in ours):
        raise ProofInvalid("the checkpoint's signature is not by this key over this text")
    return text


def cosigned(note: str, witnesses: Sequence[WitnessKey]) -> dict[str, datetime]:
    """Which of the witnesses cosigned the note, and when they say they did, the last time of each.

    That the log signed it, `open_note` says. Raises ProofInvalid for a cosignature of one of them that is not
    over this text at its time.
    """
    found: dict[str, datetime] = {}
    for witness, at in _cosignatures(note, witnesses):
        found[witness.name] = max(at, found.get(witness.name, at))
    return found


def cosigned_text(text: str, seconds: int) -> bytes:
    """What a witness signs: a note's text with a time, POSIX seconds, before it."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _cosignatures(note: str, witnesses: Sequence[WitnessKey]) -> list[tuple[WitnessKey, datetime]]:
    text, signatures = parted(note)
    found = []
    for witness in witnesses:
        for raw in witness.signed(signatures):
            seconds = int.from_bytes(raw[:8], "big")
            if len(raw) != 72 or not 0 < seconds < 1 << 63:
                raise ProofInvalid(f"the cosignature of {witness.name} is malformed")
            if not witness.holds(raw[8:], cosigned_text(text, seconds)):
                raise ProofInvalid(f"the cosignature of {witness.name} is not over this text at its time")
            try:
                found.append((witness, POSIX_EPOCH + timedelta(seconds=seconds)))
            except OverflowError:
                raise ProofInvalid(f"the cosignature of {witness.name} is of no time there is") from None
    return found


def parted(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """A signed note's text, and of each signature the name and the bytes, unverified. Raises ProofInvalid."""
    if not isinstance(note, str) or len(note) > NOTE_CHARACTERS_MAX:
        raise ProofInvalid("the checkpoint is not a signed note")
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise ProofInvalid("the checkpoint is not a signed note: text, an empty line, signatures")
    if _CONTROL.search(note):
        raise ProofInvalid("a signed note has no control characters but line ends")
    return text + "\n", [_signature(line) for line in signatures[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes]:
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if mark != "\u2014" or not _KEY_NAME.fullmatch(name):
        raise ProofInvalid("a signature line of the checkpoint is malformed")
    return name, _base64(encoded, "a signature")


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text, unverified. Raises ProofInvalid."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or lines[-1]:
        raise ProofInvalid("a checkpoint has an origin, a size and a root, a line each")
    if not (
        lines[1].isascii() and lines[1].isdigit() and len(lines[1]) < 20 and lines[1] == str(int(lines[1]))
    ):
        raise ProofInvalid("the checkpoint's size is not a plain decimal number")
    root, size = _base64(lines[2], "the checkpoint's root"), int(lines[1])
    if len(root) != HASH_BYTES:
        raise ProofInvalid("the checkpoint's root is not a SHA-256 hash")
    if size == 0 and root != hashlib.sha256().digest():
        raise ProofInvalid("the checkpoint of a log without leaves has the root of another one")
    if not all(lines[3:-1]):
        raise ProofInvalid("an extension line of a checkpoint is not empty")
    return Checkpoint(lines[0], size, root)


# Proofs as JSON


def verify(
    proof: Any, key: PublicKey, witnesses: Sequence[WitnessKey] = (), quorum: int = 0
) -> dict[str, Any]:
    """Check a proof, as parsed from JSON, against the log's public key; returns what it proves.

    `quorum`: how many of the witnesses must have cosigned its checkpoint, of a consistency proof the new one,
    which the old one's leaves are part of. Where witnesses are given, `cosigned` tells which of them did, and
    when by their clocks. Raises ProofInvalid when it does not hold.
    """
    if not isinstance(proof, dict):
        raise ProofInvalid("a proof is a JSON object")
    form = proof.get("format")
    if form in (INCLUSION, STATEMENT):
        note = _get(proof, "checkpoint")
        found = _verify_inclusion(proof, open_checkpoint(note, key, witnesses, quorum))
    elif form == CONSISTENCY:
        note = _get(proof, "new")
        old, new = open_checkpoint(_get(proof, "old"), key), open_checkpoint(note, key, witnesses, quorum)
        check_consistency(old, new, _path(proof))
        found = {"format": form, "origin": new.origin, "old_size": old.size, "new_size": new.size}
    else:
        raise ProofInvalid(f"a proof's format is {INCLUSION}, {CONSISTENCY} or {STATEMENT}, not {form!r}")
    if witnesses:
        found["cosigned"] = {name: at.isoformat() for name, at in cosigned(note, witnesses).items()}
    return found


def _verify_inclusion(proof: dict[str, Any], checkpoint: Checkpoint) -> dict[str, Any]:
    leaves, form = _get(proof, "leaves"), proof["format"]
    if not isinstance(leaves, list) or not (leaves or form == STATEMENT):
        raise ProofInvalid("the proof has no leaves")
    proved = [_verify_leaf(leaf, checkpoint, number) for number, leaf in enumerate(leaves, 1)]
    found = {"format": form, "origin": checkpoint.origin, "size": checkpoint.size, "proved": proved}
    if form == STATEMENT:
        found["statement"] = _get(proof, "statement")
        around = _verify_around(proof.get("around", {}), checkpoint)
        entries = _verify_entries(found["statement"], [leaf["content"] for leaf in leaves], around)
        found["proved"] = [{**each, **entry} for each, entry in zip(proved, entries, strict=True)]
        first = _get(_get(found["statement"], "opening"), "version") == 0 and (leaves or "after" in around)
        found["complete"] = {"opening": bool(first) or "before" in around, "closing": "after" in around}
    return found


def _verify_around(around: Any, checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    """Check that the entries around a statement are in the log; gives what their leaves say."""
    if not isinstance(around, dict) or not around.keys() <= {"before", "after"}:
        raise ProofInvalid("around a statement are the entries before and after it")
    shown = {}
    for name, leaf in around.items():
        if leaf is not None:
            _verify_leaf(leaf, checkpoint, 0)
            shown[name] = leaf["content"]
    return shown


def _verify_leaf(leaf: Any, checkpoint: Checkpoint, number: int) -> dict[str, Any]:
    """Check that a leaf is in the log; returns what it proves, for a record whether it says its fields."""
    content, kind, version, index = (_get(leaf, n) for n in ("content", "kind", "version", "index"))
    if not isinstance(content, dict) or not isinstance(kind, str) or type(version) is not int:
        raise ProofInvalid("a leaf of the proof is malformed")
    if type(index) is not int:
        raise ProofInvalid("a leaf's index is not a number")
    called = f"{kind} {content.get('id')}, number {number} of the proof"  # 0: around what it proves
    try:
        hashed = leaf_hash(encode_leaf(kind, version, content))
        check_inclusion(hashed, index, checkpoint.size, _path(leaf), checkpoint.root)
        disclosed = "record" in leaf and commitment(kind, version, leaf["record"])
    except ProofInvalid as error:
        raise ProofInvalid(f"{called}: {error}") from None
    if disclosed and disclosed != base64.b64decode(content.get("commitment", "")):
        raise ProofInvalid(f"{called}: its fields are not those that the log committed to")
    proved = {"kind": kind, "id": content["id"]}
    return {**proved, "disclosed": bool(disclosed)} if _of_record(kind) else proved


def _verify_entries(
    statement: Any, transfers: list[dict[str, Any]], around: Mapping[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Check that proved transfers are an account's entries, one after the other; tells each one.

    `around`: the entries `before` and `after` them, as far as they are shown, which prove that the period has
    none but these. What entries alone cannot show: that, and from one of them, whether a debit raises the
    balance or lowers it.
    """
    names = ("account", "currency", "from", "to", "opening", "closing")
    account, currency, start, end, opening, closing = (_get(statement, name) for name in names)
    version, balance = _get(opening, "version"), _get(opening, "balance")
    if type(version) is not int or type(balance) is not int or (version == 0 and balance != 0):
        raise ProofInvalid(
            "a statement opens at a version and a balance, which are whole numbers, 0 at first"
        )
    begin, stop, last = _microseconds("from", start), _microseconds("to", end), _Entry(version, balance)
    if "before" in around:
        shown = _entry_of(around["before"], account, currency, version)
        if (shown.version, shown.balance) != (version, balance) or shown.posted_at >= begin:
            raise ProofInvalid(f"the entry before, {shown.version}, does not lead to the statement's opening")
    for transfer in transfers:
        last = _next(last, transfer, account, currency)
        if not begin <= last.posted_at < stop:
            raise ProofInvalid(
                f"entry {last.version}: transfer {transfer['id']} was posted at {transfer['posted_at']}, "
                "outside the period"
            )
        said = {name: transfer[name] for name in ("amount", "currency", "posted_at")}
        yield {"entry": last.version, "direction": last.side, **said, "balance": last.balance}
    if (last.version, last.balance) != (_get(closing, "version"), _get(closing, "balance")):
        raise ProofInvalid(
            f"the entries end with entry {last.version} at {last.balance}, the statement does not"
        )
    if "after" in around and _next(last, around["after"], account, currency).posted_at < stop:
        raise ProofInvalid(f"the entry after, {last.version + 1}, was posted in the period")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A side of a transfer. `posted_at`: as in a leaf; `rises`: above zero where a debit raises balances."""

    version: int
    balance: int
    side: str = ""
    posted_at: int = 0
    rises: int = 0


def _entry_of(transfer: dict[str, Any], account: Any, currency: Any, version: int) -> _Entry:
    side = next((s for s in ("debit", "credit") if transfer.get(f"{s}_account") == account), None)
    if side is None or "posted_at" not in transfer or transfer["currency"] != currency:
        raise ProofInvalid(f"entry {version}: transfer {transfer['id']} is not on the account {account}")
    posted_at = _microseconds("posted_at", transfer["posted_at"])
    return _Entry(transfer[f"{side}_version"], transfer[f"{side}_balance"], side, posted_at)


def _next(last: _Entry, transfer: dict[str, Any], account: Any, currency: Any) -> _Entry:
    """The entry after `last`, if `transfer` is that one. Raises ProofInvalid."""
    called = f"entry {last.version + 1}: transfer {transfer['id']}"
    found = _entry_of(transfer, account, currency, last.version + 1)
    if found.version != last.version + 1:
        raise ProofInvalid(f"{called} is entry {found.version}: one is missing, added or out of its place")
    change = found.balance - last.balance if found.side == "debit" else last.balance - found.balance
    if abs(change) != transfer["amount"] or change * last.rises < 0:
        raise ProofInvalid(f"{called} does not lead from a balance of {last.balance} to {found.balance}")
    return replace(found, rises=change)


def _microseconds(name: str, moment: Any) -> int:
    return int.from_bytes(_field(name, "time", moment), "big", signed=True)


def _get(of: Any, name: str) -> Any:
    if not isinstance(of, dict) or name not in of:
        raise ProofInvalid(f"the proof lacks {name!r}")
    return of[name]


def _path(of: dict[str, Any]) -> list[bytes]:
    path = _get(of, "path")
    if not isinstance(path, list) or len(path) > PATH_MAX:
        raise ProofInvalid(f"a path is a list of at most {PATH_MAX} hashes")
    hashes = [_base64(each, "a hash of the path") for each in path]
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofInvalid("a hash of the path is not of SHA-256")
    return hashes


def _base64(text: Any, what: str) -> bytes:
    try:
        decoded = base64.b64decode(str.encode(text, "ascii"), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ProofInvalid(f"{what} is not base64") from None
    if base64.b64encode(decoded).decode() != text:  # one way to write each value
        raise ProofInvalid(f"{what} is not base64 in its one form")
    return decoded


def main() -> int:
    """Verify the file named first by the key named second, and by so many of the witnesses that follow.

    A key is given itself or as a file that holds it.
    """
    if len(sys.argv) not in (3, *range(5, 1_000)) or (len(sys.argv) > 3 and not sys.argv[3].isdecimal()):
        print("usage: python verifying.py PROOF.json PUBLIC_KEY [QUORUM WITNESS_KEY...]", file=sys.stderr)
        return 2
    try:
        key = PublicKey.parse(_given(sys.argv[2]))
        witnesses = [WitnessKey.parse(_given(each)) for each in sys.argv[4:]]
        quorum = int(sys.argv[3]) if witnesses else 0
        found = verify(json.loads(Path(sys.argv[1]).read_bytes()), key, witnesses, quorum)
        print(json.dumps(found, indent=2))
    except (OSError, ValueError, RecursionError) as error:
        print(f"NOT proved: {error}", file=sys.stderr)
        return 1
    return 0


def _given(key: str) -> str:
    return Path(key).read_text(encoding="utf-8") if Path(key).is_file() else key


if __name__ == "__main__":
    sys.exit(main())

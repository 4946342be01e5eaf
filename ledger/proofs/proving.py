"""Proofs for others: that a transfer is in the log, and that the log only ever grew. JSON for `verifying`."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ledger.database import Connection
from ledger.proofs import checkpoints, leaves, log
from ledger.proofs.checkpoints import Stored
from ledger.proofs.errors import LogDamaged, NotSealed, UnknownTransfer
from ledger.proofs.tree import consistency_path, inclusion_path
from ledger.proofs.verifying import CONSISTENCY, INCLUSION, leaf_hash


@dataclass(frozen=True, slots=True)
class Proofs:
    """Proofs of several transfers under one checkpoint.

    `leaves`: for each, in the order asked, its kind, version, content, index and path; `unsealed`: the ids
    that are in the ledger and will be in the log when it is sealed next.
    """

    checkpoint: str
    leaves: list[dict[str, Any]]
    unsealed: list[UUID]

    def to_json(self) -> dict[str, Any]:
        """What `verifying.verify` takes."""
        return {"format": INCLUSION, "checkpoint": self.checkpoint, "leaves": self.leaves}


def proofs_of(connection: Connection, transfer_ids: Sequence[UUID]) -> Proofs:
    """Proofs that these transfers or refusals are in the log, as its last checkpoint has it.

    Each kind of row of an id is proved. Reads O(log n) of the log per proof, fewer for neighbours. Raises
    UnknownTransfer for an id that was neither posted nor refused, NotSealed when there is no checkpoint yet,
    LogDamaged when a row is not what was sealed.
    """
    last = _latest(connection)
    ids = list(dict.fromkeys(transfer_ids))
    rows: dict[UUID, list[leaves.Row]] = {}
    for row in leaves.rows_of(connection, ids):
        rows.setdefault(UUID(bytes=row.id), []).append(row)
    for each in ids:
        if each not in rows:
            raise UnknownTransfer(f"there is no transfer and no refusal {each}")
    ordered = [row for each in ids for row in sorted(rows[each], key=lambda row: row.place)]
    tiles = log.Tiles(connection, last.size)
    proved, unsealed = [], []
    end = log.tail(connection)
    for row, found in zip(ordered, log.find(connection, [row.place for row in ordered]), strict=True):
        called = leaves.name(row.kind, row.id)
        if found is None and row.place <= end.place:
            raise LogDamaged(
                f"{called} is older than the log's end and not in it: `emoney proof verify` says more"
            )
        if found is None or found.index >= last.size:
            unsealed.append(UUID(bytes=row.id))
            continue
        if leaf_hash(row.leaf) != found.hash:
            raise LogDamaged(f"{called} is not what was sealed as leaf {found.index}: it was altered")
        kind, version = leaves.KINDS[row.kind]
        path = inclusion_path(tiles.perfect, found.index, last.size)
        proved.append(
            {
                "kind": kind,
                "version": version,
                "content": leaves.decode(row.kind, row.leaf),
                "index": found.index,
                "path": [_text(each) for each in path],
            }
        )
    return Proofs(last.note, proved, unsealed)


def ids_of(connection: Connection, name: str) -> list[UUID]:
    """The transfers and refusals of `name`: an id, or an operator's reference, which may be of several.

    Raises UnknownTransfer.
    """
    try:
        given = UUID(name)
    except ValueError:
        found = leaves.ids_of_reference(connection, name)
        if not found:
            raise UnknownTransfer(f"there is no transfer with the reference or id {name!r}") from None
        return list(dict.fromkeys(found))
    return [given]


def consistency(connection: Connection, old: int, new: int | None = None) -> dict[str, Any]:
    """The proof that the log of `new` leaves (by default of the last checkpoint) begins with that of `old`.

    Both sizes are those of checkpoints. Raises NotSealed when there is none of that size or `old` is the
    larger.
    """
    later = _latest(connection) if new is None else _at(connection, new)
    earlier = _at(connection, old)
    if earlier.size > later.size:
        raise NotSealed(
            f"the log of {later.size} leaves is the smaller one; name {later.size} as the old size"
        )
    path = consistency_path(log.Tiles(connection, later.size).perfect, earlier.size, later.size)
    return {
        "format": CONSISTENCY,
        "old": earlier.note,
        "new": later.note,
        "path": [_text(each) for each in path],
    }


def _latest(connection: Connection) -> Stored:
    last = checkpoints.latest(connection)
    if last is None:
        raise NotSealed("nothing is sealed yet: run `emoney proof seal`")
    return last


def _at(connection: Connection, size: int) -> Stored:
    found = checkpoints.at(connection, size)
    if found is None:
        raise NotSealed(f"there is no checkpoint of {size} leaves")
    return found


def _text(hashed: bytes) -> str:
    return base64.b64encode(hashed).decode()

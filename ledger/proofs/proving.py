"""Proofs for others: that a row is in the log, and that the log only ever grew. JSON for `verifying`."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from emoney.ledger.base.errors import UnknownTransfer
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.proofs import checkpoints, leaves, log
from emoney.ledger.proofs.checkpoints import Stored
from emoney.ledger.proofs.errors import LogDamaged, NotSealed
from emoney.ledger.proofs.tree import consistency_path
from emoney.ledger.proofs.verifying import CONSISTENCY, INCLUSION, leaf_hash


@dataclass(frozen=True, slots=True)
class Proofs:
    """Proofs of several rows under one checkpoint.

    `leaves`: for each, in the order asked, its kind, version, content, index and path, and of a record its
    fields; `unsealed`: the ids that are in the ledger and will be in the log when it is sealed next.
    """

    checkpoint: str
    leaves: list[dict[str, Any]]
    unsealed: list[UUID]

    def to_json(self) -> dict[str, Any]:
        """What `verifying.verify` takes."""
        return {"format": INCLUSION, "checkpoint": self.checkpoint, "leaves": self.leaves}

    def undisclosed(self) -> "Proofs":
        """The same proofs without the fields of records, which alone they do not tell."""
        bare = [{name: value for name, value in leaf.items() if name != "record"} for leaf in self.leaves]
        return Proofs(self.checkpoint, bare, self.unsealed)


class Prover:
    """Proves rows of the log under its last checkpoint, the same for all that it is asked for.

    Keeps up to `log.TILES_MAX` tiles at hand: rows that are neighbours in the log cost less. Raises NotSealed
    when there is no checkpoint yet.
    """

    def __init__(self, connection: Connection) -> None:
        last = _latest(connection)
        self.checkpoint = last.cosigned
        self._size = last.size
        self._connection = connection
        self._rows = leaves.Rows(connection)
        self._tiles = log.Tiles(connection, last.size)

    def prove(self, ids: Sequence[UUID], *, only: str | None = None) -> Proofs:
        """Proofs of each row of these ids, in the order asked, or of those rows that are of the kind `only`.

        Reads O(log n) of the log per proof. Raises UnknownTransfer for an id that no row has, LogDamaged when
        a row is not what was sealed.
        """
        ids = list(dict.fromkeys(ids))
        rows: dict[UUID, list[leaves.Row]] = {}
        for row in self._rows.of(ids):
            if only is None or self._rows.kinds[row.kind][0] == only:
                rows.setdefault(UUID(bytes=row.id), []).append(row)
        for each in ids:
            if each not in rows:
                raise UnknownTransfer(f"there is no transfer, refusal or other record {each}")
        ordered = [row for each in ids for row in sorted(rows[each], key=lambda row: row.place)]
        places = [row.place for row in ordered]
        proved, unsealed = [], []
        located = log.find(self._connection, places)
        if None in located:  # not sealed yet; what a sealer added meanwhile is found then, or never
            end = log.tail(self._connection).place
            located = log.find(self._connection, places)
        for row, found in zip(ordered, located, strict=True):
            called = self._rows.name(row.kind, row.id)
            if found is None and row.place <= end:
                raise LogDamaged(
                    f"{called} is older than the log's end and not in it: `emoney proof verify` says more"
                )
            if found is None or found.index >= self._size:
                unsealed.append(UUID(bytes=row.id))
                continue
            if leaf_hash(row.leaf) != found.hash:
                raise LogDamaged(f"{called} is not what was sealed as leaf {found.index}: it was altered")
            path = self._tiles.path(found.index)
            proved.append(
                {
                    **self._rows.decode(row),
                    "index": found.index,
                    "path": [_text(each) for each in path],
                }
            )
        return Proofs(self.checkpoint, proved, unsealed)


def proofs_of(connection: Connection, ids: Sequence[UUID]) -> Proofs:
    """Proofs that these transfers, refusals or records are in the log, as its last checkpoint has it.

    See `Prover`, which raises the same errors.
    """
    return Prover(connection).prove(ids)


def ids_of(connection: Connection, name: str) -> list[UUID]:
    """The rows of `name`: an id, or an operator's reference of transfers, refusals and holds.

    Raises UnknownTransfer.
    """
    try:
        given = UUID(name)
    except ValueError:
        found = leaves.ids_of_reference(connection, name)
        if not found:
            raise UnknownTransfer(
                f"there is no transfer, refusal or hold with the reference or id {name!r}"
            ) from None
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
        "old": earlier.cosigned,
        "new": later.cosigned,
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

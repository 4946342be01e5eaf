"""Checkpoints: what the log was at a size, signed and stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs.errors import SigningKeyMissing, SigningKeyWrong
from emoney.ledger.proofs.signing import SigningKey
from emoney.ledger.proofs.verifying import ProofInvalid, open_checkpoint

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint as it is stored. `note`: the signed note, which alone counts for others.

    `cosignatures`: the lines of its witnesses.
    """

    size: int
    root: bytes
    note: str
    cosignatures: str = ""

    @property
    def cosigned(self) -> str:
        """The note with what its witnesses said of it."""
        return self.note + self.cosignatures


@reads_tuples
def latest(connection: Connection) -> Stored | None:
    """The checkpoint of the largest size."""
    row = connection.execute(_queries.latest.sql).fetchone()
    return None if row is None else Stored(*row)


@reads_tuples
def at(connection: Connection, size: int) -> Stored | None:
    """The checkpoint of this size."""
    row = connection.execute(_queries.at.sql, {"size": size}).fetchone()
    return None if row is None else Stored(*row)


@reads_tuples
def every(connection: Connection) -> Iterator[Stored]:
    """All checkpoints, the smallest first."""
    for row in connection.execute(_queries.all.sql):
        yield Stored(*row)


@all_or_nothing
def sign(connection: Connection, key: SigningKey, size: int, root: bytes, now: datetime) -> Stored:
    """Sign and store the log's checkpoint at `size`."""
    made = Stored(size, root, key.sign(size, root))
    connection.execute(
        _queries.add.sql, {"size": made.size, "root": made.root, "note": made.note, "signed_at": now}
    )
    return made


def signing_key(connection: Connection, home: Path, origin: str | None = None) -> SigningKey:
    """The signing key of this home, which must be the one that this database's log is signed with.

    A new one, under the name `origin`, is made only for a log without checkpoints: a fresh key beside them
    would hide that the old one was lost. Raises SigningKeyMissing, SigningKeyUnsafe or SigningKeyWrong.
    """
    last = latest(connection)
    try:
        key = SigningKey.load(home)
    except SigningKeyMissing:
        if last is not None:
            raise
        key = SigningKey.create(home, origin)
    if origin is not None and origin != key.origin:
        raise SigningKeyWrong(
            f"This log's name is {key.origin} already; a name is given once, at the first seal."
        )
    if last is not None:
        try:
            open_checkpoint(last.note, key.public)
        except ProofInvalid as error:
            raise SigningKeyWrong(
                f"The checkpoint of {last.size} leaves is not by this home's signing key ({error}). Put back "
                "the key that this log is signed with, or run `emoney proof verify`."
            ) from error
    return key

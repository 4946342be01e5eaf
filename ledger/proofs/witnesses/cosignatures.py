"""Cosignatures as the log keeps them, and what it sends to get one."""

from datetime import datetime

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs import log
from emoney.ledger.proofs.checkpoints import Stored
from emoney.ledger.proofs.errors import WitnessFailed
from emoney.ledger.proofs.tree import consistency_path
from emoney.ledger.proofs.verifying import ProofInvalid, WitnessKey, cosigned
from emoney.ledger.proofs.witnesses.submission import Submission

_queries = queries_beside(__file__)


def submission(connection: Connection, checkpoint: Stored, old_size: int) -> Submission:
    """What shows a witness that this checkpoint continues the `old_size` leaves it cosigned last.

    0 <= old_size <= the checkpoint's size. Reads O(log n) of the log. Raises LogDamaged.
    """
    tiles = log.Tiles(connection, checkpoint.size)
    path = consistency_path(tiles.perfect, old_size, checkpoint.size) if old_size else []
    return Submission(old_size, path, checkpoint.note)


@reads_tuples
def sizes(connection: Connection) -> dict[str, int]:
    """The largest size of which each witness's cosignature is here, by the witness's name."""
    return dict(connection.execute(_queries.sizes.sql).fetchall())


@all_or_nothing
def add(connection: Connection, checkpoint: Stored, witness: WitnessKey, line: str, now: datetime) -> None:
    """Keep a witness's cosignature beside its checkpoint; one that is there stands.

    Raises WitnessFailed for a line that is not one by this witness over this checkpoint.
    """
    try:
        valid = line.count("\n") == 1 and cosigned(checkpoint.note + line, [witness])
    except ProofInvalid as error:
        raise WitnessFailed(
            f"The witness {witness.name} answered with what does not verify: {error}."
        ) from None
    if not valid:
        raise WitnessFailed(f"The witness {witness.name} answered with no cosignature of its own.")
    connection.execute(
        _queries.add.sql, {"size": checkpoint.size, "witness": witness.name, "line": line, "at": now}
    )

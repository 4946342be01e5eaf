"""The record of an enrolled person, found by the operator's reference.

It stands on this floor, below wallets and parties, since both are given the person whose they are.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.kyc.errors import UnknownPerson
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Person:
    """A person's record. `holder`: the record that stands for the person, where several were linked."""

    id: UUID
    external_ref: str
    kind: str
    holder: UUID
    enrolled_at: datetime


@reads_tuples
def find(connection: Connection, name: str) -> Person:
    """The person of this external reference or, failing that, this id. Raises UnknownPerson."""
    row = connection.execute(_queries.by_ref.sql, {"ref": name}).fetchone()
    if row is None:
        try:
            row = connection.execute(_queries.by_id.sql, {"id": UUID(name)}).fetchone()
        except ValueError:
            row = None
    if row is None:
        raise UnknownPerson(f"nobody is enrolled under the reference or the id {name[:128]!r}")
    return Person(*row)

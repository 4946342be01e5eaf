"""What a blind index tells one who has it but not its key, as a figure for the impact assessment.

The attacker is the strongest of its kind: one who knows exactly how often each value occurs, and matches
codes to values by rank. Among values of equal frequency that attacker can only guess, and is expected to
name one of them right; so the share of rows named right is the sum of the distinct frequencies over the
number of rows.
"""

from dataclasses import dataclass
from datetime import datetime

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.search.blind_index import BlindIndex
from emoney.privacy.search.tables import IndexLeakageRow

_queries = queries_beside(__file__)

RANK_MATCHED_MAX = 0.01
MEASURABLE = 1_000
"""From so many entries on, an index is judged by what was measured."""


@dataclass(frozen=True, slots=True)
class Leakage:
    """A measurement. `rank_matched`: the share of rows, from 0 to 1, that the attacker names right."""

    index: str
    measured_at: datetime
    entries: int
    distinct: int
    most_frequent: int
    rank_matched: float
    refused: bool


@all_or_nothing
def measure(connection: Connection, index: BlindIndex, clock: Clock = system_clock) -> Leakage:
    """Measure an index and record the figure; one that tells too much is refused from then on.

    Refused: more than 1 % of rows named right, or more rows per value than declared; from 1,000 entries on.
    """
    numbers = connection.execute(_queries.frequencies.sql, {"index": index.name}).fetchone()
    assert numbers is not None
    entries, distinct, most, matched = (int(number or 0) for number in numbers)
    share = matched / entries if entries else 0.0
    refused = entries >= MEASURABLE and (
        share > RANK_MATCHED_MAX or entries > distinct * index.rows_per_value
    )
    found = Leakage(index.name, clock(), entries, distinct, most, share, refused)
    row = IndexLeakageRow(
        id=new_id(),
        index_name=found.index,
        measured_at=found.measured_at,
        entries=entries,
        distinct_codes=distinct,
        most_frequent=most,
        rank_matched=share,
        refused=refused,
    )
    add(connection, row)
    return found


@reads_tuples
def newest(connection: Connection) -> list[Leakage]:
    """The last measurement of each index."""
    return [Leakage(*row) for row in connection.execute(_queries.newest_leakage.sql)]

"""The watermark: the end of the last closed period (`ledger.periods`). No transfer counts before it any more.

Posting asks here for a typed error before anything is written. The database asks again, at the end of each
batch; what holds the two apart in time, a close between the question and the write, comes out as the same
error.

Why a close and a posting cannot both succeed against each other: a posting holds its ordinary ROW EXCLUSIVE
lock on `ledger.transfer` from its insert to its end, and reads the watermark after taking it. A close takes
SHARE ROW EXCLUSIVE on that table first, which waits for all who have inserted and makes new ones wait. So a
posting ended before the close, or sees it. A lock of its own (an advisory one that each posting takes in
shared form) would do the same and cost every posting a trip through the shared lock table; this one is taken
anyway.

Cost: nothing for a batch that states no past time, else one round trip; in the database one index probe a
batch.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.transfer import Transfer

_CONSTRAINT = "open_period"


class ClosedPeriod(InvalidInput):
    """A transfer that would count in a period that is closed."""


@reads_tuples
def read(connection: Connection) -> datetime | None:
    """The first moment that is not closed; None while no period is."""
    row = connection.execute("SELECT max(ends_at) FROM ledger.closed_period").fetchone()
    return row[0] if row else None


def check_open(connection: Connection, transfers: Iterable[Transfer], now: datetime) -> None:
    """Raise ClosedPeriod if one of these transfers, posted at `now`, counts before the watermark."""
    backdated = [t for t in transfers if t.effective_at is not None and t.effective_at < now]
    if backdated:
        refuse_closed(backdated, read(connection))


def refuse_closed(transfers: Iterable[Transfer], watermark: datetime | None) -> None:
    """Raise ClosedPeriod for the first transfer that states a time before `watermark`. Pure."""
    for transfer in transfers:
        at = transfer.effective_at
        if watermark is not None and at is not None and at < watermark:
            raise ClosedPeriod(
                f"transfer {transfer.id}: effective_at {_text(at)} lies in a closed period. The books are "
                f"closed up to {_text(watermark)}: state that moment or a later one, or none at all"
            )


def raise_if_closed(error: psycopg.Error) -> None:
    """Raise ClosedPeriod where the database refused a batch for the watermark: a period was just closed."""
    if error.diag.constraint_name == _CONSTRAINT:
        raise ClosedPeriod(
            f"a period was closed meanwhile ({error.diag.message_primary}): state a later effective_at"
        ) from error


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()

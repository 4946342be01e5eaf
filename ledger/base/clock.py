"""Time is injected: whatever needs to know the moment takes a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emoney.ledger.base.errors import ClockSkew

if TYPE_CHECKING:
    import psycopg

Clock = Callable[[], datetime]
"""Returns the present moment as a timezone-aware datetime."""


def from_then(at: datetime, clock: Clock | None) -> Clock:
    """The clock of a run that began at `at`: `clock` or, if None, one that stands there.

    What a run writes names the time at which it is written, which the database holds against its own.
    """
    return clock or (lambda: at)


def system_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def raise_if_skewed(error: "psycopg.Error") -> None:
    """Raise ClockSkew where the database refused a time that is too far from its own."""
    if error.diag.constraint_name == "clock_skew":
        raise ClockSkew(
            f"{error.diag.message_primary}: nothing was written. Set this machine's clock by a time service; "
            "a retry with the same ids is safe. What lies in the past comes in by the import's right"
        ) from error

"""A clock for tests: it stands until it is set or moved."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
"""A Tuesday in the middle of a month: near no midnight, no month's end and no change of summer time."""


class SetClock:
    """Stands at `now`. Give it to `Emoney.open`, or wherever else a clock is taken."""

    def __init__(self, now: datetime = NOON) -> None:
        self.set(now)

    def __call__(self) -> datetime:
        return self.now

    def set(self, moment: datetime) -> None:
        """Put it at a moment, forwards or backwards. A moment without a time zone is a ValueError."""
        if moment.tzinfo is None:
            raise ValueError("a moment with a time zone is needed, such as datetime(2026, 3, 10, tzinfo=UTC)")
        self.now = moment

    def move(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Move it on, or back by negative numbers; returns the new moment."""
        self.set(self.now + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
        return self.now

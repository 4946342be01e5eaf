"""A question for a list: its bounds of time, what it picks, which way round, where a page begins."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.reading.page import Place, checked_limit, place_after
from emoney.ledger.transfers.operations import Operation

FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_LOWEST: dict[type, Any] = {datetime: FIRST, UUID: UUID(int=0), int: -1}
_HIGHEST: dict[type, Any] = {datetime: LAST, UUID: UUID(int=2**128 - 1), int: 2**63 - 1}


@dataclass(frozen=True, slots=True)
class Question:
    """Rows from `since` up to `until`, of an operation and reference where these are named.

    `forms`: the types of a row's place. `of`: what else is asked, in order. Raises InvalidInput.
    """

    of: tuple[object, ...]
    forms: tuple[type, ...]
    since: datetime | None
    until: datetime | None
    operation: Operation | None
    reference: str | None
    newest_first: bool
    limit: int

    def __post_init__(self) -> None:
        checked_limit(self.limit)
        moment(self.since)
        moment(self.until)
        if self.operation is not None and not isinstance(self.operation, Operation):
            raise InvalidInput("`operation` is an Operation, such as Operation.PAY")
        if self.reference is not None and not isinstance(self.reference, str):
            raise InvalidInput("`reference` is a text")

    @property
    def asked(self) -> tuple[object, ...]:
        """All of it but the page: what a page's `next` belongs to."""
        bounds = (self.since, self.until, self.operation, self.reference, bool(self.newest_first))
        return (*self.of, *bounds)

    def place(self, after: str | None) -> Place:
        """Where the page begins: behind another one, or at the list's end from which it is read."""
        return place_after(after, self.asked, self.forms) or self._end(_HIGHEST, _LOWEST)

    def _end(self, newest: dict[type, Any], oldest: dict[type, Any]) -> Place:
        return tuple((newest if self.newest_first else oldest)[form] for form in self.forms)

    def told(self, place: Place) -> dict[str, Any]:
        """The parameters of a list's query: one more row than a page has, so that the next is known."""
        since, until = self.since or FIRST, self.until or LAST
        if self.newest_first:
            behind = place[1:] == self._lowest()
            until = min(until, place[0] if behind else place[0] + _TICK)
        else:
            since = max(since, place[0])
        return {
            "since": since,
            "until": until,
            "operation": None if self.operation is None else self.operation.value,
            "reference": self.reference,
            "limit": self.limit + 1,
        }

    def turned(self, query: str) -> str:
        """The query of a list, oldest first, in the order asked for."""
        return query.replace(" ASC", " DESC").replace(") > (", ") < (") if self.newest_first else query

    def span(self, told: dict[str, Any], length: timedelta) -> dict[str, Any]:
        """The parameters for the first stretch of the time that is left."""
        if self.newest_first:
            return told | {"since": max(told["since"], told["until"] - length)}
        return told | {"until": min(told["until"], told["since"] + length)}

    def beyond(self, told: dict[str, Any]) -> Place:
        """The place behind a stretch that was looked through."""
        at = told["since"] if self.newest_first else told["until"]
        return (at, *self._lowest())

    def _lowest(self) -> Place:
        return tuple(_LOWEST[form] for form in self.forms[1:])


def moment(given: object) -> datetime | None:
    """A moment, or None. Raises InvalidInput for what is neither, or has no time zone."""
    if given is None:
        return None
    if not isinstance(given, datetime) or given.tzinfo is None:
        raise InvalidInput("a time is a datetime with a time zone")
    return min(max(given, FIRST), LAST)

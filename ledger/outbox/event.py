"""An event: what one committed outcome looks like to the outside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from emoney.ledger.transfers.money import to_decimal

POSTED = "transfer.posted"
REFUSED = "transfer.refused"


@dataclass(frozen=True, slots=True)
class Event:
    """A committed outcome.

    `id`: the transfer's id, or the event's own; a receiver knows a repetition by it. `type`:
    transfer.posted, transfer.refused or a recorded kind. `at`: when it was decided. `position`: rises along
    each account, with gaps. `data`: what depends on the type, in JSON values: amounts in minor units and as
    decimal text, accounts by the operator's references, and no personal data.
    """

    id: UUID
    type: str
    at: datetime
    position: int
    data: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The event as JSON values; the same each time it is read."""
        at = self.at.astimezone(UTC).isoformat()
        return {"id": str(self.id), "type": self.type, "at": at, "position": self.position, **self.data}

    def encode(self) -> bytes:
        """`to_json` as compact UTF-8 text: what is signed and sent."""
        return json.dumps(self.to_json(), separators=(",", ":"), ensure_ascii=False).encode()


def from_posted(row: Sequence[Any]) -> Event:
    """The event of a row of the query `posted`."""
    position, event_id, at, *request, debit_version, credit_version = row
    data = _request(*request)
    data["debit"]["version"] = debit_version
    data["credit"]["version"] = credit_version
    return Event(event_id, POSTED, at, position, data)


def from_refused(row: Sequence[Any]) -> Event:
    """The event of a row of the query `refused`."""
    position, event_id, at, *request, rule, decision, source, numbers = row
    return Event(
        event_id,
        REFUSED,
        at,
        position,
        _request(*request) | {"refusal": {"rule": rule, "decision": decision, "source": source, **numbers}},
    )


def from_recorded(row: Sequence[Any]) -> Event:
    """The event of a row of the query `recorded`."""
    position, event_id, at, kind, subject, payload = row
    return Event(event_id, kind, at, position, {"subject": subject, "payload": payload})


def _request(
    debit: str,
    credit: str,
    amount: int,
    currency: str,
    operation: str,
    reference: str | None,
    group: UUID | None,
    effective_at: datetime,
) -> dict[str, Any]:
    return {
        "operation": operation,
        "reference": reference,
        "group": None if group is None else str(group),
        "effective_at": effective_at.astimezone(UTC).isoformat(),
        "amount": {"minor": amount, "decimal": f"{to_decimal(amount, currency):f}", "currency": currency},
        "debit": {"account": debit},
        "credit": {"account": credit},
    }

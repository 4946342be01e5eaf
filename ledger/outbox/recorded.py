"""Events of other kinds than transfers: written with what they tell of, and read like the others."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.outbox.event import Event, from_posted, from_recorded, from_refused

PAYLOAD_BYTES_MAX = 16_384
_KIND = re.compile(r"[a-z_]{1,32}(\.[a-z_]{1,32}){1,3}")

_queries = queries_beside(__file__)


@all_or_nothing
def append(
    connection: Connection,
    kind: str,
    subject: UUID,
    payload: dict[str, Any],
    *,
    at: datetime | None = None,
    event_id: UUID | None = None,
) -> UUID:
    """Add an event to the connection's transaction: it is delivered if and only if that commits.

    `kind`: such as `hold.expired`; `transfer.` is taken. `subject`: the account it is about, which is locked
    here (nothing happens if the caller has it locked), so that the event takes its place among the account's
    transfers; for anything else an id of the caller's, whose events keep their order among themselves.
    Whoever records for several subjects in one transaction does so in the order of their ids, or has them
    locked. `payload`: JSON values without personal data, amounts in minor units, at most 16 KiB.
    Returns the event's id. Raises InvalidInput.
    """
    _demand_kind(kind, at)
    _check(kind, payload)
    connection.execute(_queries.lock_subject.sql, {"subject": subject})
    recorded_as = event_id or new_id()
    connection.execute(
        _queries.record.sql,
        {
            "id": recorded_as,
            "kind": kind,
            "subject": subject,
            "payload": Jsonb(payload),
            "at": at or system_clock(),
        },
    )
    return recorded_as


@all_or_nothing
def append_to_each(
    connection: Connection, kind: str, payloads: Iterable[tuple[UUID, dict[str, Any]]], *, at: datetime
) -> None:
    """Add events of one kind, in this order, to accounts that the caller has locked; else as `append`."""
    _demand_kind(kind, at)
    told = list(payloads)
    for _, payload in told:
        _check(kind, payload)
    if told:
        connection.execute(
            _queries.record_each.sql,
            {
                "ids": [new_id() for _ in told],
                "kind": kind,
                "subjects": [subject for subject, _ in told],
                "payloads": [json.dumps(payload) for _, payload in told],
                "at": at,
            },
        )


def _demand_kind(kind: str, at: datetime | None) -> None:
    if not _KIND.fullmatch(kind) or kind.startswith("transfer."):
        raise InvalidInput(f"{kind!r} is not a kind of event: write words with a point, such as hold.expired")
    if at is not None and at.tzinfo is None:
        raise InvalidInput("the time of an event needs a time zone")


def _check(kind: str, payload: dict[str, Any]) -> None:
    try:
        text = json.dumps(payload, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"the payload of {kind} is not made of JSON values: {type(error).__name__}"
        ) from None
    if len(text) > PAYLOAD_BYTES_MAX or "\\u0000" in text or not isinstance(payload, dict):
        raise InvalidInput(
            f"the payload of {kind} is not an object below {PAYLOAD_BYTES_MAX} bytes without NUL characters"
        )


@reads_tuples
def find(connection: Connection, event_id: UUID) -> Event | None:
    """The event of this id as it was and will be delivered, or None."""
    for query, made in (
        (_queries.posted, from_posted),
        (_queries.refused, from_refused),
        (_queries.recorded, from_recorded),
    ):
        row = connection.execute(query.sql, {"id": event_id}).fetchone()
        if row is not None:
            return made(row)
    return None

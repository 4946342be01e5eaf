"""The log of what happened to keys: the one place that writes `privacy.key_event`."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from ledger.database import Connection
from ledger.ids import new_id
from ledger.queries import queries_beside

_queries = queries_beside(__file__)


class Event(StrEnum):
    """What can happen to a key."""

    CREATED = "created"
    ACTIVATED = "activated"
    RETIRED = "retired"
    REWRAPPED = "rewrapped"
    COMPROMISED = "compromised"
    DESTROYED = "destroyed"
    EXPORTED = "exported"
    DESTROY_REQUESTED = "destroy requested"
    EXPORT_REQUESTED = "export requested"


class KeyKind(StrEnum):
    """The kinds of keys there are."""

    SUBJECT_KEY = "subject key"
    KEK = "kek"
    INDEX_KEY = "index key"
    ROOT = "root"


class Happened(NamedTuple):
    """An event of one key. `kek`: the key itself, or the one it is wrapped under."""

    kind: KeyKind
    kek: str
    event: Event
    subject: UUID | None = None
    index_name: str | None = None
    version: int | None = None
    actor: str | None = None
    reason: str | None = None


def record(connection: Connection, events: Sequence[Happened], now: datetime) -> None:
    """Append events, in one statement, in the caller's transaction."""
    if not events:
        return
    columns: dict[str, list[Any]] = {
        name: [getattr(event, name) for event in events] for name in Happened._fields
    }
    columns["id"] = [new_id() for _ in events]
    connection.execute(_queries.record_events.sql, columns | {"now": now})

"""The log of what happened to keys, `privacy.key_event`.

That a key was wrapped anew or destroyed, the database writes itself (`privacy.record_wrapping_v1`), with the
login of whoever did it; everything else is written here.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing


class KeyEventKind(StrEnum):
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
    PSEUDONYM_KEY = "pseudonym key"
    ROOT = "root"


class KeyEvent(NamedTuple):
    """An event of one key. `kek`: the key itself, or the one it is wrapped under. `domain`: of a pseudonym
    key, whose version is the epoch."""

    kind: KeyKind
    kek: str
    event: KeyEventKind
    subject: UUID | None = None
    index_name: str | None = None
    version: int | None = None
    actor: str | None = None
    reason: str | None = None
    domain: str | None = None


_COPY = f"COPY privacy.key_event (id, {', '.join(KeyEvent._fields)}, happened_at) FROM STDIN (FORMAT BINARY)"
_TYPES = ("uuid", "text", "text", "text", "uuid", "text", "int4", "text", "text", "text", "timestamptz")


@all_or_nothing
def record(connection: Connection, events: Sequence[KeyEvent], now: datetime) -> None:
    """Append events, by one COPY, in the caller's transaction."""
    if not events:
        return
    with connection.cursor().copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for event in events:
            copy.write_row((new_id(), *event, now))

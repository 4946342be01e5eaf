"""The log of openings and of refused ones: the one place that writes `privacy.opening`.

Rows are committed over a connection of the log's own before any content is given out, so that a caller who
rolls back takes nothing back. That connection goes to the caller's database, as the caller's role; there is
one for each database, used by one thread at a time, since a log that waited for a place in the caller's
pool could wait for ever.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from emoney.ledger.base import forks
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.base.ids import new_id, new_ids
from emoney.ledger.base.postgres.binary_arrays import SIXTEEN, encode_time, sized
from emoney.ledger.base.postgres.database import Connection, connect
from emoney.ledger.base.postgres.savepoints import attempt
from emoney.ledger.base.postgres.sessions import add
from emoney.privacy.errors import ProcessingRestricted
from emoney.privacy.vault.tables import OpeningRefusalRow

_COLUMNS = "id, salt, actor, purpose, table_name, column_name, row_id, subject, opened_at"
_COPY = f"COPY privacy.opening ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"

# of COPY's binary form: what comes first and last, and how a row begins
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_NINE_COLUMNS = (9).to_bytes(2, "big") + SIXTEEN
_BLOCK = 500
"""Rows sent at once: few enough to stay in the processor's cache."""


class Run(NamedTuple):
    """Fields of one row that are about one subject, by their columns."""

    table: str
    row: UUID
    subject: UUID
    columns: list[str]


class Refused(NamedTuple):
    """A call that is about to be refused; `table`, `subject`: of the first of its fields."""

    reason: str
    fields: int
    table: str
    subject: UUID


class OpeningLog:
    """Writes the log. Safe to share between threads and across a fork."""

    def __init__(self) -> None:
        self.in_child()
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`."""
        self._lock = threading.Lock()
        self._own: dict[str, Connection] = {}

    def opened(
        self, caller: Connection, runs: Sequence[Run], *, purpose: str, actor: str, now: datetime
    ) -> None:
        """Log openings, one row for the fields of one row, committed on return.

        Raises Unavailable when they cannot be, ProcessingRestricted.
        """
        try:
            with self._transaction(caller) as connection, connection.cursor().copy(_COPY) as copy:
                for block in _packed(runs, purpose, actor, now, connection.info.encoding):
                    copy.write(block)
        except psycopg.errors.RestrictViolation as error:
            raise ProcessingRestricted(
                f"Processing is restricted: fields of a person asked for are not opened for {purpose}. "
                "`emoney privacy rights` tells why."
            ) from error

    def refused(
        self, caller: Connection, refused: Refused, *, purpose: str | None, actor: str, now: datetime
    ) -> None:
        """Log a refusal, committed on return."""
        row = OpeningRefusalRow(
            id=new_id(),
            actor=actor,
            purpose=purpose,
            reason=refused.reason,
            fields=refused.fields,
            table_name=refused.table,
            subject=refused.subject,
            refused_at=now,
        )
        with self._transaction(caller) as connection:
            add(connection, row)

    @contextmanager
    def _transaction(self, caller: Connection) -> Iterator[Connection]:
        with self._lock:
            try:
                connection = self._connection(caller)
                with attempt(connection):
                    yield connection
            except (psycopg.OperationalError, Unavailable) as error:
                self._forget(caller)
                raise Unavailable(
                    f"The log of openings cannot be written ({type(error).__name__}), so nothing is opened."
                ) from error

    def _connection(self, caller: Connection) -> Connection:
        where = _address(caller)
        found = self._own.get(where)
        if found is not None and not found.closed and not found.broken:
            return found
        role = caller.cursor(row_factory=tuple_row).execute("SELECT current_user::text").fetchone()
        assert role is not None
        opened = connect(make_conninfo(where, password=caller.info.password or None), role=role[0])
        opened.autocommit = True
        self._own[where] = opened
        return opened

    def _forget(self, caller: Connection) -> None:
        found = self._own.pop(_address(caller), None)
        if found is not None:
            found.close()

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            for connection in self._own.values():
                connection.close()
            self._own.clear()

    def __del__(self) -> None:
        for connection in self._own.values():
            connection.close()


def _packed(runs: Sequence[Run], purpose: str, actor: str, now: datetime, encoding: str) -> Iterator[bytes]:
    """The rows as COPY's binary form has them, in blocks. Several times quicker than the driver's value by
    value, which at thousands of fields a call would cost more than their decryption.
    """
    who = _text(actor, encoding) + _text(purpose, encoding)
    at = encode_time(now)
    named: dict[tuple[str, ...], bytes] = {}
    yield _HEAD
    for begin in range(0, len(runs), _BLOCK):
        some = runs[begin : begin + _BLOCK]
        ids, salts = new_ids(len(some)), os.urandom(16 * len(some))
        rows: list[bytes] = []
        for number, ((table, row, subject, columns), id_) in enumerate(zip(some, ids, strict=True)):
            what = named.get(about := (table, *columns))
            if what is None:
                what = named[about] = who + _text(table, encoding) + _text(",".join(columns), encoding)
            salt = salts[16 * number : 16 * number + 16]
            rows += (_NINE_COLUMNS, id_, SIXTEEN, salt, what, SIXTEEN, row.bytes, SIXTEEN, subject.bytes, at)
        yield b"".join(rows)
    yield _END


def _text(value: str, encoding: str) -> bytes:
    return sized(value.encode(encoding))


def _address(caller: Connection) -> str:
    return make_conninfo(**caller.info.get_parameters())

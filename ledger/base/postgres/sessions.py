"""A SQLModel session on a connection that its caller holds, in the transaction that the caller ends.

For ordinary records and listings, beside what the caller writes in SQL. `Database.session()` is a session
with a transaction of its own; `raw(session)` is the connection under one. What the database refuses is raised
as psycopg raises it, whichever way it was asked.

    with session_on(connection) as session:
        session.add(TermsRow(...))
        known = session.exec(select(TermsRow).where(TermsRow.kind == kind)).all()

Cost: no round trip of its own. A statement takes several times the processor time of the same SQL sent as it
stands, so the hot path has SQL. SQLAlchemy is loaded with the first session.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from emoney.ledger.base.postgres.database import OLDEST_SERVER, Connection
from emoney.ledger.base.postgres.tuples import tuples

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session
    from sqlmodel.sql.expression import Select, SelectOfScalar

    from emoney.ledger.base.postgres.table import Table

Found = TypeVar("Found")
Columns = TypeVarTuple("Columns")


@contextmanager
def session_on(connection: Connection) -> Iterator["Session"]:
    """A session in the transaction of `connection`: written at the end of the block, ended by the caller.

    Its `commit` is an error. Within the block the connection gives tuples, whatever its owner reads rows as.
    Raises psycopg's errors.
    """
    from sqlalchemy import Connection as Wrapped
    from sqlalchemy.exc import StatementError
    from sqlmodel import Session

    wrapped = Wrapped(_engine(), connection=_Held(connection))  # type: ignore[arg-type]
    try:
        with tuples(connection), Session(wrapped, expire_on_commit=False) as session:
            yield session
            session.flush()
    except StatementError as error:
        if error.orig is None:
            raise
        raise error.orig from None


def add(connection: Connection, *rows: "Table") -> None:
    """Write new rows, and what was changed of rows that were read, in the transaction of `connection`.

    Raises psycopg's errors.
    """
    with session_on(connection) as session:
        session.add_all(rows)


@overload
def read(connection: Connection, statement: "SelectOfScalar[Found]") -> Sequence[Found]: ...


@overload
def read(connection: Connection, statement: "Select[*Columns]") -> Sequence[tuple[*Columns]]: ...


def read(connection: Connection, statement: Any) -> Sequence[Any]:
    """What a select finds: rows of a class, or values of a column; tuples where it is of several.

    Raises psycopg's errors.
    """
    with session_on(connection) as session:
        found: Sequence[Any] = session.exec(statement).all()
        return found


class _Held:
    """What SQLAlchemy takes for a connection of a pool. Its end, and its transaction's, are the caller's."""

    is_detached = False

    def __init__(self, connection: Connection) -> None:
        self.driver_connection = self.dbapi_connection = connection
        self.info: dict[str, Any] = {}

    @property
    def is_valid(self) -> bool:
        return not self.driver_connection.closed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver_connection, name)

    def commit(self) -> None:
        raise RuntimeError("this transaction is its caller's: leave the block, and commit there")

    def rollback(self) -> None:
        """Nothing: an error that leaves the block tells the caller."""

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:
        """Nothing: whoever made the connection finds it broken."""

    def detach(self) -> None:
        """Nothing: it belongs to no pool."""

    def close(self) -> None:
        """Nothing: it is lent."""


@cache
def _engine() -> "Engine":
    """How to write SQL for PostgreSQL, and what was written before. It never connects."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", poolclass=NullPool, hide_parameters=True)
    engine.dialect.server_version_info = (OLDEST_SERVER // 10000,)
    return engine

"""Going over many rows in the order of their ids, a page in a transaction of its own.

No transaction stays open for long, and memory is that of a page.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection, Database

FIRST = UUID(int=0)
"""Before every id."""
PAGE_ROWS = 1_000

Done = TypeVar("Done")


def pages(
    database: Database, query: str, values: Mapping[str, Any] | None = None, *, rows: int | None = None
) -> Iterator[list[tuple[Any, ...]]]:
    """The rows of a query, page by page; by default PAGE_ROWS a page.

    `query` gives at most `%(most)s` rows whose id is after `%(after)s`, in the order of their ids, which
    stand in the first column. Rows that come in meanwhile are seen where their id is after the page.
    """
    most = rows or PAGE_ROWS

    def read(connection: Connection, after: UUID) -> tuple[list[tuple[Any, ...]], UUID | None]:
        page = connection.execute(query, {**(values or {}), "after": after, "most": most}).fetchall()
        return page, page[-1][0] if page else None

    return steps(database, read)


def steps(database: Database, step: Callable[[Connection, UUID], tuple[Done, UUID | None]]) -> Iterator[Done]:
    """What each `step` did, in a transaction of its own, until one finds nothing.

    `step` takes the id to go on after, and gives what it did with the last id that it looked at; None when
    there was none.
    """
    after: UUID | None = FIRST
    while after is not None:
        with database.connection() as connection:
            done, after = step(connection, after)
        if after is not None:
            yield done

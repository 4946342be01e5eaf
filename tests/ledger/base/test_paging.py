"""Paging: every row once, in the order of the ids, each page in a transaction of its own."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from emoney.ledger import AccountKind, Database, NewAccount
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.paging import FIRST, pages, steps
from emoney.ledger.base.postgres.database import Connection

QUERY = """
    SELECT id, currency FROM ledger.account WHERE currency = %(currency)s AND id > %(after)s
    ORDER BY id LIMIT %(most)s
"""


def opened(database: Database, count: int, currency: str = "GHS") -> list[UUID]:
    ids = [new_id() for _ in range(count)]
    with database.connection() as connection:
        now = datetime.now(UTC)
        accounts.open_without_limits(
            connection, [NewAccount(each, AccountKind.CUSTOMER, currency, now) for each in ids]
        )
    return sorted(ids)


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (3, [3]), (6, [3, 3]), (7, [3, 3, 1])])
def test_every_row_comes_once_in_the_order_of_the_ids(
    database: Database, count: int, sizes: list[int]
) -> None:
    ids = opened(database, count)
    opened(database, 2, "EUR")
    found = list(pages(database, QUERY, {"currency": "GHS"}, rows=3))
    assert [len(page) for page in found] == sizes
    assert [row[0] for page in found for row in page] == ids


def test_no_transaction_is_open_while_a_page_is_worked_on_and_new_rows_are_seen(database: Database) -> None:
    opened(database, 3)
    seen = []
    for page in pages(database, QUERY, {"currency": "GHS"}, rows=2):
        if not seen:
            [late] = opened(database, 1)  # its id is after all others
            with database.connection() as connection:
                others = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
                ).fetchone()
            assert others == (0,)
        seen += [row[0] for row in page]
    assert seen[-1] == late
    assert len(seen) == 4


def test_a_step_that_fails_leaves_what_was_done_before_it(database: Database) -> None:
    ids = opened(database, 4)

    def mirror(connection: Connection, after: UUID) -> tuple[UUID, UUID | None]:
        values = {"currency": "GHS", "after": after, "most": 1}
        row = connection.execute(QUERY, values).fetchone()
        new = NewAccount(new_id(), AccountKind.CUSTOMER, "EUR", datetime.now(UTC))
        accounts.open_without_limits(connection, [new])
        if row is None or row[0] == ids[2]:
            raise KeyboardInterrupt
        return row[0], row[0]

    done: list[UUID] = []
    with pytest.raises(KeyboardInterrupt):
        done += steps(database, mirror)
    assert done == ids[:2]
    assert len([row for page in pages(database, QUERY, {"currency": "EUR"}) for row in page]) == 2


def test_steps_end_with_the_one_that_finds_nothing(database: Database) -> None:
    asked = []

    def step(_connection: Connection, after: UUID) -> tuple[int, UUID | None]:
        asked.append(after)
        return len(asked), None if len(asked) == 3 else new_id()

    assert list(steps(database, step)) == [1, 2]
    assert (asked[0], len(asked)) == (FIRST, 3)

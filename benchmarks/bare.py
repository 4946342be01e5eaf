"""What PostgreSQL can write: the baselines of posting, on tables like the ledger's without its rules.

- `Ceiling`: a batch as two COPYs of finished rows and one update of balances, in one durable transaction;
- `Function`: a transfer as one `SELECT function()` round trip that commits by itself;
- `Walk`: a batch as one such round trip: locked and read once, walked in order, a statement for each table.

The tables have the ledger's columns, defaults, indexes and fill factors; no checks, triggers or limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.numeric import Int8

from emoney.ledger import Transfer
from emoney.ledger.base.postgres.queries import queries_beside

_queries = queries_beside(__file__)
_TABLES = ("claim", "transfer", "entry", "account")
_TRANSFER_TYPES = ["uuid"] * 3 + ["int8"] + ["text"] * 3 + ["uuid"] + ["timestamptz"] * 2 + ["int8"] * 4
_ENTRY_TYPES = ["uuid", "int8", "uuid", "int8", "int8", "timestamptz"]

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch as it will stand in the tables, and the parameters of the one update of balances."""

    transfers: list[Row]
    entries: list[Row]
    balances: dict[str, Any]


def make_tables(url: str, accounts: Sequence[UUID]) -> None:
    """Make the tables, with these accounts of the ledger as they stand there, and the function."""
    with psycopg.connect(url) as owner:
        owner.execute("CREATE SCHEMA bare")
        for name in _TABLES:
            owner.execute(
                sql.SQL(
                    "CREATE TABLE bare.{0} (LIKE ledger.{0} INCLUDING DEFAULTS INCLUDING INDEXES)"
                ).format(sql.Identifier(name))
            )
            found = owner.execute(
                "SELECT array_to_string(reloptions, ', ') FROM pg_class"
                " WHERE oid = ('ledger.' || %s)::regclass AND reloptions IS NOT NULL AND relkind = 'r'",
                (name,),
            ).fetchone()
            if found:
                owner.execute(f"ALTER TABLE bare.{name} SET ({found[0]})")
        owner.execute(
            "INSERT INTO bare.account SELECT * FROM ledger.account WHERE id = ANY(%s)", (list(accounts),)
        )
        owner.execute(_queries.function.sql)
        owner.execute(_queries.walk_function.sql)


class Ceiling:
    """Writes batches; keeps versions and balances, so that the rows are those that posting would write."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url)
        self._accounts = {
            account_id: [version, balance]
            for account_id, version, balance in self._connection.execute(
                "SELECT id, version, sign * (debits_posted - credits_posted) FROM bare.account"
            )
        }
        self._connection.commit()

    def prepare(self, batch: Sequence[Transfer]) -> Rows:
        """The rows of a batch: made before the clock starts, as if deciding and building cost nothing."""
        now = datetime.now(UTC)
        transfers: list[Row] = []
        entries: list[Row] = []
        moved: dict[UUID, list[int]] = {}
        for t in batch:
            sides = []
            for account_id, amount in ((t.debit_account, t.amount), (t.credit_account, -t.amount)):
                account = self._accounts[account_id]
                account[0] += 1
                account[1] -= amount
                moved.setdefault(account_id, [0, 0])[amount < 0] += t.amount
                entries.append((account_id, account[0], t.id, amount, account[1], now))
                sides += account
            transfers.append(
                (
                    t.id,
                    t.debit_account,
                    t.credit_account,
                    t.amount,
                    t.currency,
                    t.operation.value,
                    t.reference,
                    None,
                    now,
                    now,
                    *sides,
                )
            )
        balances = {
            "ids": _array(moved),
            "debits": _array(debit for debit, _ in moved.values()),
            "credits": _array(credit for _, credit in moved.values()),
            "versions": _array(self._accounts[account_id][0] for account_id in moved),
            "at": now,
        }
        return Rows(transfers, entries, balances)

    def write(self, rows: Rows) -> None:
        """Write a batch and commit it."""
        with self._connection.cursor() as cursor:
            for statement, types, each in (
                (_queries.copy_transfers.sql, _TRANSFER_TYPES, rows.transfers),
                (_queries.copy_entries.sql, _ENTRY_TYPES, rows.entries),
            ):
                with cursor.copy(statement) as copy:
                    copy.set_types(types)
                    for row in each:
                        copy.write_row(row)
            cursor.execute(_queries.update_accounts.sql, rows.balances)
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()


class Function:
    """Posts one transfer a call."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def post(self, t: Transfer) -> bool:
        """Whether it was posted; committed when this returns."""
        row = self._connection.execute(
            "SELECT bare.post(%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                t.id,
                t.content_hash(),
                t.debit_account,
                t.credit_account,
                t.amount,
                t.currency,
                t.operation.value,
                t.reference,
            ),
        ).fetchone()
        assert row is not None
        return bool(row[0])

    def close(self) -> None:
        self._connection.close()


class Walk:
    """Posts one batch a call."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def post(self, batch: Sequence[Transfer]) -> None:
        """Post a batch of which nothing may be refused; committed when this returns."""
        first = batch[0]
        self._connection.execute(
            "SELECT bare.walk(%b, %b, %b, %b, %s, %s, %s)",
            (
                [t.id for t in batch],
                [t.debit_account for t in batch],
                [t.credit_account for t in batch],
                [Int8(t.amount) for t in batch],
                first.currency,
                first.operation.value,
                first.reference,
            ),
        )

    def close(self) -> None:
        self._connection.close()


def _array(values: Any) -> str:
    return "{" + ",".join(map(str, values)) + "}"

"""A small ledger to test on: accounts by a word, a clock that is set, and every table in one dump."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, settings
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from emoney import testing
from emoney.ledger import Database, Ledger, LimitProfile, LimitRule, Operation, Transfer, account_changes
from emoney.ledger.accounts.account import IMPORT_ROLE
from emoney.ledger.limits.rules import Bound, Direction, Metric, OnExceed, Window
from emoney.ledger.reports import statements
from emoney.testing import NOON

PATIENCE_S = 120
AGE = timedelta(days=3650)
"""How old the accounts are that tests open."""
TABLES = ("limit_profile", "account", "claim", "transfer", "entry", "refusal", "usage_day")
APPEND_ONLY = ("limit_profile", "claim", "transfer", "entry", "refusal")

Dump = dict[str, list[tuple[Any, ...]]]
Force = Callable[[UUID, UUID, int], UUID]
"""Posts what limits forbid, from one account to another; gives the transfer's id."""


def post_by_sql(connection: psycopg.Connection, at: datetime, transfer: Transfer, *numbers: int) -> None:
    """Call the posting function as whoever has no library. `numbers`: version and balance of each side."""
    connection.execute(
        "SELECT ledger.write_posted_v1(%s, ARRAY["
        "ROW(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, %s)]::ledger.decided_row[],"
        " NULL, NULL, false)",
        (
            at,
            transfer.id,
            transfer.debit_account,
            transfer.credit_account,
            transfer.amount,
            *numbers,
            transfer.currency,
            transfer.operation.value,
            transfer.reference,
            transfer.effective_at,
        ),
    )


def until(ready: Callable[[], bool]) -> None:
    """Wait for what other threads do."""
    give_up = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < give_up
        time.sleep(0.002)


def on_database(examples: int) -> settings:
    """Settings for a property that is tried on one database with accounts of its own each time."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


class Books(testing.Books):
    """A ledger whose clock stands at `now`, with what tests ask about it."""

    def __init__(self, database: Database, owner_url: str) -> None:
        self.now = NOON
        self.age = AGE
        super().__init__(database, Ledger(database, lambda: self.now), clock=lambda: self.now)
        self.owner_url = owner_url

    def account(self, *which: Any, opened_at: datetime | None = None, **more: Any) -> UUID:
        """As the kit's, opened `AGE` ago where nothing else is said: tests send what is late, too."""
        return super().account(*which, opened_at=opened_at or self.now - self.age, **more)

    def transfer(self, *sides: Any, at: datetime | None = None, **more: Any) -> Transfer:
        """As the kit's; nothing counts before it has happened, so the clock goes on to `at`."""
        if at is not None and at.tzinfo is not None:
            self.now = max(self.now, at)
        return super().transfer(*sides, at=at, **more)

    @contextmanager
    def importing(self) -> Iterator[None]:
        """What is posted meanwhile comes in by the import's right, as a history does."""
        ordinary, database = self.ledger, Database(self.owner_url, role=IMPORT_ROLE)
        self.ledger = Ledger(database, ordinary.clock)
        try:
            yield
        finally:
            self.ledger = ordinary
            database.close()

    def freeze(self, account_id: UUID, *, debit: bool, credit: bool) -> None:
        """Freeze these sides and unfreeze the others."""
        by = {"actor": "ops-1", "reason": "court order 17"}
        for change, sides in (
            (account_changes.freeze, {"debit": debit, "credit": credit}),
            (account_changes.unfreeze, {"debit": not debit, "credit": not credit}),
        ):
            if any(sides.values()):
                change(self.ledger, account_id, **sides, **by)

    def close(self, account_id: UUID) -> None:
        """Close an empty account."""
        account_changes.close(self.ledger, account_id, actor="ops-1", reason="holder left")

    def dump(self, *, without: Sequence[str] = ()) -> Dump:
        """Every row of every ledger table, in order; `without` some, whose partitions are left out, too."""
        with psycopg.connect(self.owner_url) as connection:
            found = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'ledger'"
            ).fetchall()
            names = {name for (name,) in found}
            assert set(TABLES) <= names
            left_out = re.compile(
                rf"({'|'.join(without)})(_\d{{4}}_\d\d|_ahead|_other|_before)?" if without else "!"
            )
            dump: Dump = {name: [] for name in sorted(names) if not left_out.fullmatch(name)}
            # in one statement, which takes half the time of one for each table
            rows = " UNION ALL ".join(f"SELECT '{name}', t::text FROM ledger.{name} AS t" for name in dump)
            for name, row in connection.execute(f"SELECT * FROM ({rows}) AS every (name, row) ORDER BY 1, 2"):
                dump[name].append((row,))
            return dump

    def owner(self, *statements_: str) -> None:
        """Run SQL as the owner, with every trigger off: what a tamperer with full rights could do."""
        with psycopg.connect(self.owner_url) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements_:
                assert connection.execute(statement).rowcount != 0

    def terminate(self, which: str = "true") -> None:
        """End connections to the database, as a failing network would, and wait until they have ended."""
        name = conninfo_to_dict(self.owner_url)["dbname"]
        with psycopg.connect(make_conninfo(self.owner_url, dbname="postgres"), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity"
                f" WHERE datname = '{name}' AND {which}"
            )

    @contextmanager
    def locked(self, account_id: UUID) -> Iterator[psycopg.Connection[Any]]:
        """Somebody else's transaction, `blocker`, holds the account: what touches it ends after this."""
        with psycopg.connect(self.owner_url, application_name="blocker") as blocker:
            blocker.execute("SELECT FROM ledger.account WHERE id = %s FOR UPDATE", (account_id,))
            yield blocker

    def waiting_for_locks(self) -> int:
        """How many connections to the database wait for another."""
        with psycopg.connect(self.owner_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def usage_breaches(self) -> list[tuple[Any, ...]]:
        """Where what limits have counted is not what transfers and holds come to."""
        with self.database.connection() as connection:
            return connection.execute("SELECT * FROM ledger.usage_breaches_v1()").fetchall()

    def check(self) -> None:
        """Every invariant that holds whatever was posted."""
        super().check()
        with self.database.connection() as connection:
            rows = connection.execute(
                "SELECT id, sign * (debits_posted - credits_posted), version, floor FROM ledger.account"
            ).fetchall()
            uncancelled = connection.execute(
                "SELECT transfer_id FROM ledger.entry"
                " GROUP BY transfer_id HAVING count(*) <> 2 OR sum(amount) <> 0"
            ).fetchall()
            assert uncancelled == []
            assert self.usage_breaches() == []
            for account_id, balance, version, floor in rows:
                lines = list(statements.lines(connection, account_id))
                assert [line.version for line in lines] == list(range(1, version + 1))
                assert sum(line.change for line in lines) == balance
                assert (lines[-1].balance if lines else 0) == balance
                running = 0
                for line in lines:
                    running += line.change
                    assert line.balance == running
                    assert floor is None or running >= floor


def partition_of(books: Books, table: str, column: str, value: UUID) -> str:
    """The name of the partition that holds a row."""
    with psycopg.connect(books.owner_url) as connection:
        row = connection.execute(
            f"SELECT tableoid::regclass::text FROM ledger.{table} WHERE {column} = %s LIMIT 1", (value,)
        ).fetchone()
    assert row is not None
    return str(row[0])


def rule(
    metric: Metric,
    amount: int | None,
    direction: Direction | None = Direction.OUT,
    window: Window | None = None,
    *operations: Operation,
    bound: Bound = Bound.CAPPED,
    name: str = "",
    on_exceed: OnExceed = OnExceed.REQUIRE_UPGRADE,
    **more: Any,
) -> LimitRule:
    """A limit rule; its name says what it is. `more`: as LimitRule has it."""
    return LimitRule(
        name or "-".join(str(part) for part in (metric, direction, window) if part),
        metric,
        bound,
        amount,
        direction,
        frozenset(operations),
        window,
        on_exceed,
        "Act 1, section 2",
        **more,
    )


def profile(
    *rules: LimitRule, time_zone: str = "UTC", name: str = "tier", currency: str = "EUR", **more: Any
) -> LimitProfile:
    """A profile of these rules. `more`: as LimitProfile has it."""
    return LimitProfile(name, currency, time_zone, rules, **more)

"""A small ledger with a log on it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from uuid import UUID

import psycopg
from books import Books

from emoney.jobs.migrate import PACKAGES
from emoney.ledger import Database, Operation
from emoney.ledger.proofs import Audit, Sealed, SigningKey, audit, seal
from emoney.testing import copy_of

_DECLARATION = re.compile(r"^\s*\(\d+, '[a-z_]+\.[a-z_]+', \d+, '[a-z_]+', ARRAY", re.MULTILINE)

EMPTY = 2 + sum(
    len(_DECLARATION.findall(migration.read_text()))
    for package in PACKAGES
    for migration in Path(__file__).parents[3].glob(f"{package}/migrations/**/*.sql")
)
"""Leaves that every log begins with: the declarations of what else is one, and the testing kit's policies."""

DECLARED = EMPTY + 2
"""And when an account of funds is opened, as it is for every Log: the testing kit's two receipts on it."""

TABLES = {
    1: ("ledger.transfer", "id"),
    2: ("ledger.refusal", "transfer_id"),
    3: ("ledger.leaf_source", "id"),
    4: ("ledger.hold", "id"),
    5: ("ledger.hold_event", "id"),
    6: ("ledger.reversal", "transfer_id"),
    7: ("ledger.event", "id"),
    8: ("ledger.dispute", "id"),
    9: ("ledger.dispute_outcome", "dispute_id"),
    10: ("ledger.closed_period", "id"),
    11: ("ledger.account_change", "id"),
    12: ("ledger.transfer_note", "id"),
    13: ("ledger.kept_request", "id"),
    14: ("ledger.kept_request_decision", "request_id"),
    15: ("ledger.kept_request_done", "request_id"),
    16: ("ledger.receipt", "id"),
    17: ("ledger.receipt_match", "receipt_id"),
    18: ("ledger.receipt_withdrawal", "request_id"),
    19: ("ledger.receipt_policy", "id"),
    20: ("ledger.day_total", "id"),
    21: ("ledger.clock_policy", "id"),
    32: ("privacy.key_event", "id"),
    33: ("privacy.opening", "id"),
    34: ("privacy.purpose_list", "id"),
    35: ("privacy.opening_refusal", "id"),
    26: ("ledger.bank_statement", "id"),
    27: ("ledger.reconciliation", "id"),
    28: ("ledger.safeguarding_event", "id"),
    36: ("privacy.key_event", "id"),
    58: ("privacy.destruction", "subject"),
    64: ("kyc.tier_decision", "id"),
}


class Log:
    """Books whose transfers are sealed with a key of their own."""

    def __init__(self, books: Books, home: Path) -> None:
        self.books = books
        self.home = home
        self.key = SigningKey.create(home, "wallet.example/ledger")
        self.funds = books.funded(1_000_000)
        self.payee = books.account()
        self.ids: list[UUID] = []

    @contextmanager
    def copied(self, home: Path) -> Iterator["Log"]:
        """The same on a copy of the database, which nobody uses meanwhile."""
        shutil.copytree(self.home, home, dirs_exist_ok=True)
        with copy_of(self.books.owner_url) as url:
            database = Database(url)
            log = copy(self)
            log.books, log.home, log.ids = Books(database, url), home, [*self.ids]
            log.books.now = self.books.now
            yield log
            database.close()

    def post(self, count: int, *, batch: int = 100) -> list[UUID]:
        """Post `count` transfers, `batch` to a transaction; their ids."""
        made = [
            self.books.transfer(self.funds, self.payee, 1 + n % 7, Operation.P2P, reference=f"ref-{n}")
            for n in range(count)
        ]
        for begin in range(0, count, batch):
            self.books.posted(*made[begin : begin + batch])
        self.ids += [each.id for each in made]
        return [each.id for each in made]

    def refuse(self) -> UUID:
        """Send a transfer that is refused; its id."""
        sent = self.books.transfer(self.payee, self.funds, 999_999_999, reference="too much")
        (outcome,) = self.books.post(sent)
        assert not outcome.posted
        return sent.id

    def seal(self, *, batch_rows: int = 1_000) -> Sealed:
        """Seal what there is."""
        return seal(self.books.database, self.key, clock=lambda: self.books.now, batch_rows=batch_rows)

    def audit(self, *kept: str, key: SigningKey | None = None) -> Audit:
        """Hold the database against the log."""
        with self.books.database.connection() as connection:
            return audit(connection, (key or self.key).public, kept=kept)

    def sequence(self) -> list[tuple[int, int, UUID]]:
        """Sequence, kind and row of every leaf."""
        with psycopg.connect(self.books.owner_url) as connection:
            return connection.execute("SELECT sequence, kind, row_id FROM ledger.leaf ORDER BY 1").fetchall()

    def rows(self) -> list[tuple[int, UUID]]:
        """Kind and id of every row that belongs in the log, in its order."""
        each = (
            f"SELECT xact, {key} AS id, {kind} AS kind FROM {table}" for kind, (table, key) in TABLES.items()
        )
        with psycopg.connect(self.books.owner_url) as connection:
            return connection.execute(
                f"SELECT kind, id FROM ({' UNION ALL '.join(each)}) AS r ORDER BY xact, id, kind"
            ).fetchall()

    def check(self) -> None:
        """Every row has exactly one leaf, in order, and all is sound."""
        found = self.sequence()
        assert [number for number, _, _ in found] == list(range(len(found)))
        assert [(kind, row) for _, kind, row in found] == self.rows()
        audited = self.audit()
        assert audited.findings == []
        assert (audited.size, audited.rows, audited.unsealed) == (len(found), len(found), 0)

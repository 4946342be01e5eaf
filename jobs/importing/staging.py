"""Staging: the whole file in temporary tables, checked there, before anything of it reaches the ledger.

Memory: rows are copied to the database FLUSH_ROWS at a time, so the client holds no more of any file.
Transactions are short, for a long one would hold up vacuum and every reader that waits for older
transactions to end; the tables belong to the session and vanish with it, however it ends. Locks: one
advisory lock for as long as the import runs.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg

from emoney.jobs.importing.bad_file import BadFile, shown
from emoney.jobs.importing.formats import (
    AccountRow,
    Columns,
    Input,
    Opening,
    OpeningRow,
    Row,
    SkippedRow,
    TransferRow,
)
from emoney.jobs.importing.identity import SAFEGUARDING, Identity
from emoney.ledger.accounts.account import EXTERNAL_REF_MAX
from emoney.ledger.base.errors import ConfigurationError, Unavailable
from emoney.ledger.base.postgres.database import APPLICATION_ROLE, connect
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.progress import Progress
from emoney.ledger.transfers.transfer import REFERENCE_MAX

FLUSH_ROWS = 20_000
OPENING_REFERENCE = "opening:"
ACCOUNT_REF_MAX = min(EXTERNAL_REF_MAX, REFERENCE_MAX - len(OPENING_REFERENCE))
_OTHERS_WAIT = "30s"
_BUFFERS = "64MB"

queries = queries_beside(__file__)


class Totals(NamedTuple):
    """What is staged: transfers, the moment of the first, and opening balances (minor units, accounts)."""

    transfers: int
    first_at: datetime | None
    opening_minor: int
    openings: int


class Staging:
    """The temporary tables of one import, on a connection of their own; a context manager.

    `given` and `columns` name files and columns in messages. Raises Unavailable when another import runs.
    """

    def __init__(self, url: str, given: Input, columns: Columns, identity: Identity) -> None:
        self._given, self._columns, self._identity = given, columns, identity
        self._accounts: list[str] = []
        self._openings: list[str] = []
        self._transfers: list[str] = []
        self.skipped: dict[str, int] = {}
        self._last_at: datetime | None = None
        self.connection = connect(url, role=APPLICATION_ROLE)
        try:
            self.connection.execute(f"SET lock_timeout = '{_OTHERS_WAIT}'")
            self.connection.execute(f"SET temp_buffers = '{_BUFFERS}'")
            for query in (
                queries.wait_for_others,
                queries.create_account_rows,
                queries.create_opening_rows,
                queries.create_transfers,
            ):
                self.connection.execute(query.sql)
            self.connection.commit()
        except psycopg.errors.LockNotAvailable as error:
            self.connection.close()
            raise Unavailable("Another import is running on this database; wait for it to end.") from error
        except psycopg.errors.InsufficientPrivilege as error:
            self.connection.close()
            raise ConfigurationError(
                f"The role {APPLICATION_ROLE} may not create temporary tables, which an import needs: "
                "GRANT TEMPORARY ON DATABASE to it."
            ) from error
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        if isinstance(error, psycopg.OperationalError | Unavailable):
            raise Unavailable(
                "The database gave way during the import. "
                "Run it again: what was posted is found again, the rest follows."
            ) from error

    def fill(self, rows: Iterable[Row], progress: Progress) -> None:
        """Stage `rows`, checking each. Raises BadFile. `progress` is told so."""
        staged = 0
        for row in rows:
            if type(row) is TransferRow:
                self._transfers.append(self._transfer_line(row))
            elif type(row) is AccountRow:
                self._accounts.append(self._account_line(row))
            elif type(row) is OpeningRow:
                self._openings.append(f"{row.line}\t{_escaped(row.ref)}\t{row.amount}\n")
            elif type(row) is SkippedRow:
                self.skipped[row.reason] = self.skipped.get(row.reason, 0) + 1
            staged += 1
            if staged % FLUSH_ROWS == 0:
                self._flush()
                progress("reading", staged, None)
        self._flush()
        progress("reading", staged, None)

    def settle(self) -> None:
        """Bring together what was staged; `ledger` tables are not touched."""
        for query in (
            queries.settle_accounts,
            queries.index_accounts,
            queries.index_transfers,
            queries.analyze_openings,
            queries.analyze_transfers,
            queries.analyze_accounts,
        ):
            self.connection.execute(query.sql)
        self.connection.commit()

    def apply_openings(self) -> None:
        """Give accounts the opening balances that are not in their own rows."""
        self.connection.execute(queries.apply_openings.sql)
        self.connection.execute(queries.cover.sql)
        self.connection.execute(queries.analyze_accounts.sql)
        self.connection.commit()

    def first(self, query: str, **parameters: Any) -> tuple[Any, ...] | None:
        """The first row of a named query, if any."""
        found = self.connection.execute(getattr(queries, query).sql, parameters).fetchone()
        self.connection.commit()
        return found

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a named query, which must be few."""
        found = self.connection.execute(getattr(queries, query).sql).fetchall()
        self.connection.commit()
        return found

    def totals(self) -> Totals:
        """What is staged."""
        found = self.first("totals")
        assert found is not None
        return Totals(*found)

    def batches(self, query: str, key: int, start: Any, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a named query in pages of `rows`, by the key in column `key`, beginning after
        `start`.
        """
        sql, after = getattr(queries, query).sql, start
        cursor = self.connection.cursor(binary=True)
        while True:
            page = cursor.execute(sql, {"after": after, "rows": rows}).fetchall()
            self.connection.commit()
            if not page:
                return
            after = page[-1][key]
            yield page

    def _flush(self) -> None:
        for query, lines in (
            (queries.copy_account_rows, self._accounts),
            (queries.copy_opening_rows, self._openings),
            (queries.copy_transfers, self._transfers),
        ):
            if lines:
                with self.connection.cursor().copy(query.sql) as copy:
                    copy.write("".join(lines))
                lines.clear()
        self.connection.commit()

    def _transfer_line(self, row: TransferRow) -> str:
        """The row as COPY takes it, after the checks that need no other row but the one before."""
        line, ref, at, operation, payer, payee, amount = row
        if amount <= 0:
            raise self._wrong(
                line, self._columns.amount, "the amount is zero", "a transfer moves more than that"
            )
        if payer == payee:
            raise self._wrong(
                line, self._columns.credit, f"{shown(payee)} pays itself", "payer and payee must differ"
            )
        if self._last_at is not None and at < self._last_at:
            raise self._wrong(
                line,
                self._columns.at,
                f"{at.isoformat()} is before the row above ({self._last_at.isoformat()})",
                "sort the file by time",
            )
        self._last_at = at
        if not (ref and len(ref) <= REFERENCE_MAX and ref.isprintable()):
            raise self._wrong(line, self._columns.ref, *_ref_fault(ref, REFERENCE_MAX))
        if not payer.isprintable() or not payee.isprintable():
            column, wrong = (
                (self._columns.credit, payee) if payer.isprintable() else (self._columns.debit, payer)
            )
            raise self._wrong(line, column, *_ref_fault(wrong, ACCOUNT_REF_MAX))
        identity = self._identity.transfer(at, ref).hex
        text = f"{line}\t{ref}\t{identity}\t{at}\t{operation.value}\t{payer}\t{payee}\t{amount}\n"
        return text.replace("\\", "\\\\") if "\\" in text else text

    def _account_line(self, row: AccountRow) -> str:
        file = self._given.transfers if row.seen or self._given.accounts is None else self._given.accounts
        if not (row.ref and len(row.ref) <= ACCOUNT_REF_MAX and row.ref.isprintable()):
            what, right = _ref_fault(row.ref, ACCOUNT_REF_MAX)
            raise BadFile(file.name, what, right, line=row.line, column=self._columns.account)
        if row.ref.startswith(SAFEGUARDING):
            raise BadFile(
                file.name,
                f"{shown(row.ref)} is a name that the ledger keeps for itself",
                f"no account of the file may begin with {SAFEGUARDING}",
                line=row.line,
                column=self._columns.account,
            )
        if row.tier is not None and not row.tier.isprintable():
            what, right = _ref_fault(row.tier, ACCOUNT_REF_MAX)
            raise BadFile(file.name, what, right, line=row.line, column=self._columns.tier)
        fields = (
            str(row.line),
            "t" if row.seen else "f",
            _escaped(row.ref),
            self._identity.account(row.opened, row.ref).hex,
            self._identity.opening(row.opened, row.ref).hex,
            row.kind.value,
            r"\N" if row.tier is None else _escaped(row.tier),
            r"\N" if row.opened is None else row.opened.isoformat(),
            r"\N" if row.holder_ref is None else self._identity.holder(row.holder_ref).hex,
            "0" if isinstance(row.opening, Opening) else str(row.opening),
            "t" if row.opening is Opening.COVER else "f",
        )
        return "\t".join(fields) + "\n"

    def _wrong(self, line: int, column: str, what: str, right: str) -> BadFile:
        return BadFile(self._given.transfers.name, what, right, line=line, column=column)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


def _ref_fault(ref: str, most: int) -> tuple[str, str]:
    return f"{shown(ref)} cannot be a reference", f"1 to {most} printable characters are needed"

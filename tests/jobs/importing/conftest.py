"""Small files of a mobile-money operator, and the ledger's content for comparing."""

import gzip
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg import sql

from emoney.jobs.importing import ImportResult, run_import
from emoney.ledger.base.postgres.database import Database
from emoney.testing import copy_of

MOMENTS = {"posted_at", "last_posted_at", "decided_at", "created_at", "xact", "position"}
"""Columns that differ between two runs of the same import."""
OWN_IDS = {"account_change", "event"}
"""Tables whose ids do not follow from the file."""
ACCOUNTS_HEADER = "account_id,kind,kyc_tier,opened,region,device_id,customer_id,opening_balance"
TRANSFERS_HEADER = "tx_id,ts,type,amount,from_account,to_account,agent_id,region,device_id"
_names = itertools.count()


@dataclass
class Operator:
    """An operator's two files. Lines are changed by the test and written when the import runs."""

    folder: Path
    accounts: list[str] = field(
        default_factory=lambda: [
            ACCOUNTS_HEADER,
            "A1,agent,2,2025-01-01,R1,D1,C1,1000.00",
            "W1,wallet,0,2025-02-01,R1,D2,C2,50.00",
            "W2,wallet,1,2026-03-01,R2,D3,C3,0",
            "M1,merchant,2,2025-01-01,R1,D4,C4,10",
            "B1,biller,2,2025-01-01,R1,D5,C5,0",
            "E1,employer,2,2025-01-01,R1,D6,C6,500.5",
        ]
    )
    transfers: list[str] = field(
        default_factory=lambda: [
            TRANSFERS_HEADER,
            "T1,2026-01-01T06:00:00,CASH_IN,35.78,A1,W1,A1,R1,D2",
            "T2,2026-01-01T06:00:01,MERCHANT,9.29,W1,M1,,R1,D2",
            "T3,2026-01-01T06:00:01,P2P,20.00,W1,W2,,R1,D2",
            "T4,2026-01-01T07:30:00,BILL,5,W2,B1,,R1,D3",
            "T5,2026-01-02T07:30:00,SALARY,100.10,E1,W2,,R1,D6",
            "T6,2026-01-02T08:00:00,CASH_OUT,15.00,W2,A1,A1,R1,D3",
        ]
    )

    def write(self, *, zipped: bool = False) -> tuple[Path, Path]:
        """The transfers file and the accounts file."""
        written = []
        for name, lines in (("transactions", self.transfers), ("accounts", self.accounts)):
            content = "".join(line + "\n" for line in lines).encode()
            path = self.folder / (f"{name}.csv.gz" if zipped else f"{name}.csv")
            path.write_bytes(gzip.compress(content) if zipped else content)
            written.append(path)
        return written[0], written[1]

    def run(self, database: Database, **options: object) -> ImportResult:
        """Write the files and import them."""
        transfers, accounts = self.write()
        return run_import(
            database,
            transfers,
            accounts_file=accounts,
            **{"format": "mobile-money", "currency": "GHS"} | options,  # type: ignore[arg-type]
        )


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Six accounts and six transfers, nothing wrong with them."""
    return Operator(tmp_path)


@pytest.fixture
def dump() -> Callable[[Database], dict[str, list[str]]]:
    """All rows of all tables of the ledger, but for moments of the run itself."""

    def read(database: Database) -> dict[str, list[str]]:
        with database.connection() as connection:
            tables = connection.execute(
                "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)"
                " FROM information_schema.columns WHERE table_schema = 'ledger' GROUP BY table_name"
            ).fetchall()
            assert tables
            found: dict[str, list[str]] = {table: [] for table, _ in tables}
            selects = []  # in one statement, which takes half the time of one for each table
            for table, columns in tables:
                other = MOMENTS | ({"id"} if table in OWN_IDS else set())
                kept = sql.SQL(", ").join(sql.Identifier(name) for name in columns if name not in other)
                query = "SELECT {}, ROW({})::text FROM ledger.{} AS t"
                selects.append(sql.SQL(query).format(sql.Literal(table), kept, sql.Identifier(table)))
            for table, row in connection.execute(sql.SQL(" UNION ALL ").join(selects)):
                found[table].append(row)
        return {table: sorted(rows) for table, rows in found.items()}

    return read


@pytest.fixture
def other_database(template: str) -> Iterator[Database]:
    """A second fresh database, to compare with."""
    with copy_of(template) as url:
        opened = Database(url)
        yield opened
        opened.close()


@pytest.fixture
def balances() -> Callable[[Database], dict[str, int]]:
    """Each account's balance in minor units, in its own sense, by external reference."""

    def read(database: Database) -> dict[str, int]:
        with database.connection() as connection:
            return dict(
                connection.execute(
                    "SELECT external_ref, sign * (debits_posted - credits_posted) FROM ledger.account"
                ).fetchall()
            )

    return read

"""Every table is a leaf of the proof log, or it is said why it is none."""

import psycopg
import pytest

from emoney.ledger import Database
from emoney.ledger.proofs import coverage


def test_every_table_is_a_leaf_or_says_why_not(database: Database) -> None:
    with database.connection() as connection:
        leaves, tables = coverage.leaf_tables(connection), set(coverage.tables(connection))
    excused = [name for named in coverage.excuses().values() for name in named]
    assert len(excused) == len(set(excused)), "a table has two grounds"
    assert tables - leaves - set(excused) == set(), "neither a leaf source nor in data/leaves.yaml"
    assert leaves & set(excused) == set(), "a leaf source, and data/leaves.yaml says that it is none"
    assert set(excused) - tables == set(), "data/leaves.yaml names what is not there"


def test_every_ground_says_why() -> None:
    assert set(coverage.excuses()) == {"follows", "state", "log", "personal", "missing"}
    for named in coverage.excuses().values():
        assert all(isinstance(why, str) and why for why in named.values())


def test_a_table_that_nothing_declares_is_not_covered(database: Database, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE TABLE ledger.second_book (id uuid)")
    with database.connection() as connection:
        found = coverage.uncovered(connection)
    assert found["ledger.second_book"] == "a table that nothing declares"
    assert found["ledger.account"].startswith("openings of accounts")
    assert "ledger.entry" not in found


@pytest.mark.parametrize(
    "table",
    [
        "kyc.tier_override",
        "kyc.pack_acceptance",
        "kyc.restriction_step",
        "kyc.terms",
        "kyc.dormancy_step",
        "ledger.bank_statement",
        "ledger.reconciliation",
        "ledger.safeguarding_event",
        "privacy.destruction",
    ],
)
def test_where_a_leaf_stands_is_not_the_applications_to_say(owner_url: str, table: str) -> None:
    with psycopg.connect(owner_url) as owner:
        for column in ("xact", "salt"):
            granted = owner.execute(
                "SELECT has_column_privilege('emoney_app', %s, %s, 'INSERT')", (table, column)
            ).fetchone()
            assert granted == (False,)

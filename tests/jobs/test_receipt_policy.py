"""With which policy a new installation begins, and what an import may issue there."""

from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from unfunded import unfunded

from emoney import Emoney
from emoney.jobs import installation
from emoney.jobs.importing.run import run_import
from emoney.ledger import Database
from emoney.ledger.receipts import Policy, policy, receipt
from emoney.ledger.reports.trial_balance import trial_balance

MOBILE = "tx_id,ts,type,amount,from_account,to_account\nt1,2026-02-01T09:00:00,P2P,5.00,a,b\n"
ACCOUNTS = (
    "account_id,kind,kyc_tier,opened,customer_id,opening_balance\n"
    "a,wallet,1,2026-01-01,c1,20.00\nb,wallet,1,2026-01-01,c2,1.50\n"
)


@pytest.fixture
def bare_url(owner_url: str) -> str:
    """A database whose policy nobody has set yet."""
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM ledger.receipt_policy")
    return owner_url


def current(url: str) -> Policy:
    with psycopg.connect(url) as connection:
        return policy.current(connection)


@pytest.mark.parametrize("named", list(Policy))
def test_a_new_installation_has_the_policy_of_its_settings(bare_url: str, home: Path, named: Policy) -> None:
    assert current(bare_url) is Policy.RECEIPT
    installation.init(bare_url, home, settings={"safeguarding": {"receipts": named.value}})
    assert current(bare_url) is named


def test_what_somebody_set_stays(bare_url: str, home: Path) -> None:
    with Emoney.open(bare_url, home) as em:
        em.receipts.set_policy(Policy.STATEMENT, actor="treasury-1", reason="the auditor wants it")
    installation.init(bare_url, home, settings={"safeguarding": {"receipts": "prefunded"}})
    assert current(bare_url) is Policy.STATEMENT


def test_an_import_receives_what_it_carries_over(owner_url: str, database: Database, tmp_path: Path) -> None:
    unfunded(owner_url)
    transfers, accounts = tmp_path / "transfers.csv", tmp_path / "accounts.csv"

    def imported() -> list[tuple[str, int, int]]:
        result = run_import(
            database, transfers, format="mobile-money", currency="GHS", accounts_file=accounts
        )
        assert (result.openings_refused, result.refused) == (0, 0)
        with database.connection() as connection:
            assert trial_balance(connection).balanced
        with database.connection() as connection:
            return [(each.purpose, each.received, each.drawn) for each in receipt.funds(connection)]

    transfers.write_text(MOBILE)
    accounts.write_text(ACCOUNTS)
    assert imported() == [("opening", 2150, 2150)]
    assert imported() == [("opening", 2150, 2150)]  # what is there already needs no other receipt
    accounts.write_text(ACCOUNTS + "d,agent,,2026-01-01,c3,7.00\n")
    assert imported() == [("opening", 2850, 2850)]
    with database.connection() as connection:
        found = receipt.every(connection)
    assert [each.amount for each in sorted(found, key=lambda each: each.amount)] == [700, 2150]
    assert {(each.actor, each.currency) for each in found} == {("emoney-import", "GHS")}
    assert all(each.reference.startswith("import:mobile-money:") for each in found)


def test_what_a_history_issues_is_received_by_its_references(
    owner_url: str, database: Database, tmp_path: Path
) -> None:
    unfunded(owner_url)
    path = tmp_path / "tx_log.parquet"
    rows = {
        "step": [0, 1, 2, 3],
        "type": ["INITALBALANCE", "TRANSFER", "TRANSFER", "TRANSFER"],
        "amount": [100.0, 30.3, 12.5, 7.2],
        "nameOrig": [-2, -2, 0, -2],
        "nameDest": [0, 1, 1, 0],
    }
    pq.write_table(pa.table(rows), path)
    for _ in range(2):
        result = run_import(database, path, format="amlgentex", currency="SEK")
        assert (result.openings_refused, result.refused) == (0, 0)
    with database.connection() as connection:
        found = sorted((each.reference, each.amount, each.left) for each in receipt.every(connection))
    assert found[:2] == [("2", 3030, 0), ("4", 720, 0)]
    assert [(amount, left) for _, amount, left in found[2:]] == [(10000, 10000)]  # drawn as a sum, unnamed
    with database.connection() as connection:
        assert {(each.purpose, each.left) for each in receipt.funds(connection)} == {
            ("issue", 0),
            ("opening", 0),
        }
    with database.connection() as connection:
        assert trial_balance(connection).balanced

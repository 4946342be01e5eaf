"""A mobile-money operator's files become accounts, opening balances and transfers."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from reader_logins import login_in
from shipped import PACKS

from emoney.jobs.importing import BadFile, run_import
from emoney.ledger import Database, account_changes, clock_policy
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import ConfigurationError, InvalidInput, UnknownCurrency
from emoney.ledger.reports.trial_balance import trial_balance


def test_every_row_is_posted_in_file_order(database, operator, balances):
    result = operator.run(database)

    assert (result.rows, result.posted, result.refused, result.skipped) == (6, 6, 0, 0)
    assert (result.accounts_created, result.openings_posted, result.opening_total) == (6, 4, "1560.50")
    assert balances(database) == {
        "safeguarding:GHS": 156050,
        "A1": 100000 - 3578 + 1500,
        "W1": 5000 + 3578 - 929 - 2000,
        "W2": 2000 - 500 + 10010 - 1500,
        "M1": 1000 + 929,
        "B1": 500,
        "E1": 50050 - 10010,
    }
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT reference, operation, effective_at::text FROM ledger.transfer"
            " WHERE operation <> 'opening' ORDER BY effective_at, reference"
        ).fetchall()
        kinds = dict(connection.execute("SELECT external_ref, kind FROM ledger.account").fetchall())
        openings = connection.execute(
            "SELECT DISTINCT operation, effective_at::text, left(reference, 8) FROM ledger.transfer"
            " WHERE operation = 'opening'"
        ).fetchall()
    assert [row[:2] for row in rows] == [
        ("T1", "cash_in"),
        ("T2", "pay"),
        ("T3", "p2p"),
        ("T4", "bill"),
        ("T5", "disburse"),
        ("T6", "cash_out"),
    ]
    assert rows[0][2] == "2026-01-01 06:00:00+00"
    assert openings == [("opening", "2026-01-01 06:00:00+00", "opening:")]
    assert kinds == {
        "A1": "agent",
        "W1": "customer",
        "W2": "customer",
        "M1": "merchant",
        "B1": "merchant",
        "E1": "merchant",
        "safeguarding:GHS": "safeguarding",
    }


def test_wallets_are_without_limits_by_the_imports_right_and_are_counted(database, operator, owner_url):
    with login_in(owner_url, "teller", ["emoney_app"]) as url:
        teller = Database(url)
        with pytest.raises(ConfigurationError, match="GRANT emoney_import"):
            operator.run(teller)
        teller.close()
    with database.connection() as connection:
        found = connection.execute("SELECT external_ref FROM ledger.account").fetchall()
    assert found == []
    with login_in(owner_url, "importer", ["emoney_app", "emoney_import"]) as url:
        importer = Database(url)
        assert operator.run(importer).accounts_created == 6
        importer.close()
    with database.connection() as connection:
        found = trial_balance(connection)
        wallets = accounts.find(connection, ["W1", "W2"])
    assert (found.balanced, found.without_limits) == (True, 2)
    assert set(found.named_without_limits) == {wallet.id for wallet in wallets.values()}


def test_wallets_under_a_pack_are_not_without_limits(database, operator):
    operator.run(database, pack=PACKS.pack("gh-bog-2024"), tier_names={"0": "minimum", "1": "medium"})
    with database.connection() as connection:
        wallets = accounts.find(connection, ["W1", "W2"])
        changes = [account_changes.changes(connection, wallet.id) for wallet in wallets.values()]
    with database.connection() as connection:
        assert trial_balance(connection).without_limits == 0
    assert [[(c.kind, c.actor, c.reason) for c in of] for of in changes] == [
        [("profile", "adoption", "as given by the operator's file")]
    ] * 2


def test_a_history_is_imported_whatever_the_clocks_policy(database, operator, owner_url):
    policy = clock_policy.ClockPolicy()
    clock_policy.set_policy(owner_url, policy, actor="owner-1", reason="as in production")
    result = operator.run(
        database, pack=PACKS.pack("gh-bog-2024"), tier_names={"0": "minimum", "1": "medium"}
    )
    assert (result.accounts_created, result.openings_posted) == (6, 4)
    with database.connection() as connection:
        assert trial_balance(connection).without_limits == 0


def test_the_second_run_changes_nothing(database, operator, dump):
    operator.transfers.append("T7,2026-01-03T00:00:00,P2P,9999.00,W1,W2,,R1,D2")
    first = operator.run(database)
    before = dump(database)

    second = operator.run(database)

    assert dump(database) == before
    assert (first.posted, first.refused) == (6, 1)
    assert (second.posted, second.replayed, second.refused) == (0, 6, 1)
    assert (second.accounts_created, second.openings_posted, second.openings_replayed) == (0, 0, 4)
    assert second.refusals == first.refusals


def test_a_longer_file_of_the_same_source_adds_what_is_new(database, operator):
    operator.run(database)
    operator.accounts.append("W3,wallet,0,2026-02-01,R1,D9,C9,7.00")
    operator.transfers[1:] = ["T8,2026-02-01T00:00:00,P2P,1.00,W3,W1,,R1,D9"]

    result = operator.run(database)

    assert (result.posted, result.replayed, result.accounts_created) == (1, 0, 1)
    assert (result.openings_posted, result.openings_replayed) == (1, 4)


def test_plain_gzip_bom_and_crlf_are_the_same_file(database, operator, dump):
    transfers, accounts = operator.write()
    run_import(database, transfers, accounts_file=accounts, format="mobile-money", currency="GHS")
    before = dump(database)
    content = b"\xef\xbb\xbf" + transfers.read_bytes().replace(b"\n", b"\r\n").rstrip()
    zipped, zipped_accounts = operator.write(zipped=True)
    other = transfers.with_name("other.csv")
    other.write_bytes(content)

    for again, its_accounts in ((zipped, zipped_accounts), (other, accounts)):
        result = run_import(
            database, again, accounts_file=its_accounts, format="mobile-money", currency="GHS"
        )
        assert result.replayed == 6

    assert dump(database) == before


def test_columns_may_come_in_any_order_with_blank_lines_between(database, operator):
    operator.transfers = [
        "note,to_account,from_account,amount,type,ts,tx_id",
        "",
        '"a, ""b""",W1,A1,1.00,CASH_IN,2026-01-01T06:00:00Z,T1',
        "",
        "é,W1,A1,1.00,CASH_IN,2026-01-01T08:00:00+02:00,T2",
    ]
    assert operator.run(database).posted == 2


def test_references_keep_their_characters(database, operator, balances):
    operator.accounts.append(r"W\t 'é,wallet,0,,R1,D9,C9,7.00")
    operator.transfers.append(r"T\N,2026-01-03T00:00:00,P2P,1.00,W\t 'é,W1,,R1,D9")
    operator.run(database)
    assert balances(database)[r"W\t 'é"] == 600


def test_a_currency_without_minor_units(database, operator, balances):
    operator.accounts = [line.removesuffix(".5") for line in operator.accounts]
    operator.transfers[1:] = ["T1,2026-01-01T06:00:00,CASH_IN,35.00,A1,W1,A1,R1,D2"]
    operator.run(database, currency="UGX")
    assert balances(database)["W1"] == 85


def test_refused_rows_are_reported_and_the_rest_goes_on(database, operator):
    operator.transfers[2:2] = [f"X{n},2026-01-01T06:00:00,P2P,9999.00,W1,W2,,R1,D2" for n in range(150)]

    result = operator.run(database)

    assert (result.rows, result.posted, result.refused) == (156, 6, 150)
    assert result.refused_by_rule == {"funds": 150}
    assert len(result.refusals) == 100
    first = result.refusals[0]
    assert (first.line, first.reference, first.rule) == (3, "X0", "funds")
    assert first.headroom == "85.78"
    assert result.to_json()["refusals"][0]["reference"] == "X0"


def test_the_limits_of_a_pack(database, operator, dump):
    operator.accounts[2] = operator.accounts[2].replace("50.00", "9000.00")  # above the cap, and kept
    operator.transfers[3:] = [
        "T3,2026-01-01T06:00:01,P2P,3100.00,W1,W2,,R1,D2",  # beyond the day's limit of the least tier
        "T4,2026-01-01T06:00:02,P2P,2900.00,W1,W2,,R1,D2",
        "T5,2026-01-01T06:00:03,P2P,2900.00,W2,W1,,R1,D2",  # W1 holds more than its tier may still receive
    ]
    pack = PACKS.pack("gh-bog-2024")

    result = operator.run(database, pack=pack, tier_names={"1": "medium"})

    # T1 is cash in to the wallet above its cap: refused as well
    assert [(row.reference, row.limit) for row in result.refusals] == [
        ("T1", "5000.00"),
        ("T3", "3000.00"),
        ("T5", "5000.00"),
    ]
    assert (result.openings_refused, result.posted) == (0, 2)
    with database.connection() as connection:
        limited = connection.execute(
            "SELECT a.external_ref, p.name FROM ledger.account AS a"
            " JOIN ledger.limit_profile AS p ON p.id = a.profile_id ORDER BY 1"
        ).fetchall()
    assert [ref for ref, _ in limited] == ["W1", "W2"]
    assert "minimum" in limited[0][1]
    assert "medium" in limited[1][1]
    before = dump(database)
    again = operator.run(database, pack=pack, tier_names={"1": "medium"})
    assert (again.posted, again.refusals) == (0, result.refusals)
    assert dump(database) == before


def test_a_pack_that_does_not_fit(database, operator, dump):
    before = dump(database)
    with pytest.raises(InvalidInput, match="choose a pack of the file's currency"):
        operator.run(database, pack=PACKS.pack("eu-amld5-art12"))
    with pytest.raises(InvalidInput, match="has no tier 'gold'"):
        operator.run(database, pack=PACKS.pack("gh-bog-2024"), tier_names={"1": "gold"})
    operator.accounts[2] = operator.accounts[2].replace("wallet,0", "wallet,7")
    with pytest.raises(BadFile, match=r"accounts\.csv:3: column kyc_tier: .*has no tier '7'"):
        operator.run(database, pack=PACKS.pack("gh-bog-2024"))
    assert dump(database) == before


def test_progress_is_told_by_phase(database, operator):
    told: list[tuple[str, int, int | None]] = []
    operator.run(database, batch_rows=4, progress=lambda *step: told.append(step))
    assert told == [
        ("reading", 12, None),
        ("checking", 0, None),
        ("opening", 4, None),
        ("opening", 6, None),
        ("opening", 4, 4),
        ("posting", 4, 6),
        ("posting", 6, 6),
    ]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"format": "visa"}, InvalidInput),
        ({"currency": "GHC"}, UnknownCurrency),
        ({"accounts_file": None}, InvalidInput),
        ({"format": "paysim"}, InvalidInput),
        ({"source": ""}, InvalidInput),
        ({"source": "s" * 65}, InvalidInput),
        ({"batch_rows": 0}, InvalidInput),
    ],
)
def test_wrong_arguments(database, operator, options, error, dump):
    before = dump(database)
    transfers, accounts = operator.write()
    given = {"format": "mobile-money", "currency": "GHS", "accounts_file": accounts} | options
    with pytest.raises(error):
        run_import(database, transfers, **given)
    assert dump(database) == before


def test_the_operators_whole_history(database, shared_data, balances):
    folder = shared_data / "mobile_money"

    result = run_import(
        database,
        folder / "transactions.csv.gz",
        accounts_file=folder / "accounts.csv.gz",
        format="mobile-money",
        currency="GHS",
    )

    assert (result.rows, result.posted, result.refused) == (212_907, 212_907, 0)
    held = balances(database)
    safeguarded = held.pop("safeguarding:GHS")
    assert safeguarded == sum(held.values()) == int(Decimal(result.opening_total) * 100)
    assert held == last_balances(folder)


def last_balances(folder: Path) -> dict[str, int]:
    """What the file itself says each account holds at its end, minor units."""
    last = {}
    with gzip.open(folder / "accounts.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            last[row["account_id"]] = int(Decimal(row["opening_balance"]) * 100)
    with gzip.open(folder / "transactions.csv.gz", "rt") as lines:
        for row in csv.DictReader(lines):
            last[row["from_account"]] = int(Decimal(row["from_balance_after"]) * 100)
            last[row["to_account"]] = int(Decimal(row["to_balance_after"]) * 100)
    return last

"""Enforced twice: who posts can neither record nor draw receipts otherwise; what is changed is found."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from bank import Entry
from books import Books, post_by_sql
from looks import DAY, Bank
from psycopg import errors
from treasury import BY, OTHER, Treasury, told

from emoney.ledger import AccountKind, Operation
from emoney.ledger.base.errors import IntegrityViolation
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.ledger.receipts import Policy, funding
from emoney.ledger.receipts.funding import Funding
from emoney.ledger.reports.trial_balance import trial_balance
from emoney.ledger.transfers.sides import ISSUES
from emoney.ledger.transfers.transfer import Transfer


@pytest.fixture
def app(books: Books) -> Iterator[psycopg.Connection]:
    """The application's login."""
    with psycopg.connect(books.owner_url) as connection:
        connection.execute("SET SESSION AUTHORIZATION emoney_app")
        yield connection
        connection.rollback()


def insert(connection: psycopg.Connection, books: Books, transfer: Transfer) -> None:
    """Post by SQL alone, with the versions and balances that follow."""
    rows = connection.execute(
        "SELECT id, version, sign * (debits_posted - credits_posted), sign FROM ledger.account"
        " WHERE id = ANY(%s)",
        ([transfer.debit_account, transfer.credit_account],),
    ).fetchall()
    states = {account: (version + 1, balance, sign) for account, version, balance, sign in rows}
    numbers = []
    for account, side in ((transfer.debit_account, 1), (transfer.credit_account, -1)):
        version, balance, sign = states[account]
        numbers += [version, balance + sign * side * transfer.amount]
    post_by_sql(connection, books.now, transfer, *numbers)
    connection.execute("INSERT INTO ledger.claim (id) VALUES (%s)", (transfer.id,))


@pytest.mark.parametrize("operation", sorted(ISSUES))
@pytest.mark.parametrize("policy", list(Policy))
def test_sql_issues_nothing_on_an_invented_receipt(
    treasury: Treasury, app: psycopg.Connection, policy: Policy, operation: Operation
) -> None:
    treasury.receipts.set_policy(policy, **BY)
    before = treasury.books.dump()
    with pytest.raises(psycopg.IntegrityError, match="receipt"):
        insert(app, treasury.books, treasury.issue(10_000_000_00, "invented", operation))
    app.rollback()
    assert treasury.books.dump() == before


@pytest.mark.parametrize("policy", list(Policy))
def test_sql_issues_no_more_than_arrived(treasury: Treasury, app: psycopg.Connection, policy: Policy) -> None:
    treasury.receipts.set_policy(policy, **BY)
    treasury.record("slip 1", 100)
    before = treasury.books.dump()
    with pytest.raises(psycopg.IntegrityError):
        insert(app, treasury.books, treasury.issue(101, "slip 1"))
    app.rollback()
    assert treasury.books.dump() == before


def test_sql_issues_once_on_a_receipt(treasury: Treasury, app: psycopg.Connection) -> None:
    treasury.record("slip 1", 100)
    treasury.receipts.record(treasury.books.account(AccountKind.SAFEGUARDING), "slip 2", 100, **BY)
    insert(app, treasury.books, treasury.issue(100, "slip 1"))
    app.commit()
    assert treasury.drawn("slip 1") == 100
    before = treasury.books.dump()
    for reference in ("slip 1", "slip 2"):  # used up, and another account's
        with pytest.raises(psycopg.IntegrityError):
            insert(app, treasury.books, treasury.issue(1, reference))
        app.rollback()
    assert treasury.books.dump() == before
    treasury.books.check()


@pytest.mark.parametrize("operation", [Operation.REFUND, Operation.REVERSAL])
def test_sql_gives_nothing_back_that_was_not_redeemed(
    treasury: Treasury, app: psycopg.Connection, operation: Operation
) -> None:
    treasury.record("slip 1", 100)
    before = treasury.books.dump()
    insert(app, treasury.books, treasury.issue(5, "slip 1", operation))
    with pytest.raises(psycopg.IntegrityError, match=r"receipt_return_gives_back|gives back what"):
        app.commit()
    assert treasury.books.dump() == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.receipt (account_id, reference, purpose, currency, amount, actor, reason,"
        " recorded_at) SELECT account_id, 'slip 2', purpose, currency, 1, actor, reason, recorded_at"
        " FROM ledger.receipt",
        "UPDATE ledger.receipt SET amount = amount + 1",
        "DELETE FROM ledger.receipt",
        "UPDATE ledger.receipt_state SET drawn = 0",
        "UPDATE ledger.receipt_state SET received = received + 1",
        "INSERT INTO ledger.receipt_state (receipt_id, received) VALUES (gen_random_uuid(), 1)",
        "UPDATE ledger.receipt_fund SET drawn = 0",
        "UPDATE ledger.receipt_fund SET received = received + 1",
        "INSERT INTO ledger.receipt_fund (account_id, purpose, received)"
        " SELECT id, 'opening', 1 FROM ledger.account",
        "INSERT INTO ledger.receipt_issue SELECT gen_random_uuid(), id, 1 FROM ledger.receipt",
        "DELETE FROM ledger.receipt_issue",
        "INSERT INTO ledger.receipt_match (receipt_id, statement_id, entry_number, actor, reason, matched_at)"
        " SELECT id, gen_random_uuid(), 1, 'a', 'b', now() FROM ledger.receipt",
        "INSERT INTO ledger.receipt_policy (number, policy, actor, reason, at)"
        " VALUES (99, 'prefunded', 'a', 'b', now())",
        "SELECT ledger.set_receipt_policy_v1('prefunded', 'a', 'b', now())",
        "SELECT ledger.record_receipt_v1(account_id, 'slip 2', 'issue', 'EUR', 1, 'a', 'b', now())"
        " FROM ledger.receipt",
        "SELECT ledger.match_receipt_v1(id, gen_random_uuid(), 1, 'a', 'b', now()) FROM ledger.receipt",
        "SELECT ledger.withdraw_receipt_v1(gen_random_uuid(), id, 1, now()) FROM ledger.receipt",
        "SELECT ledger.draw_receipts_v1('{}')",
        "INSERT INTO ledger.receipt_return VALUES (gen_random_uuid())",
        "DROP FUNCTION ledger.draw_receipts_v1",
        "SET ROLE emoney_receipts",
    ],
)
def test_who_posts_may_not(treasury: Treasury, app: psycopg.Connection, statement: str) -> None:
    treasury.record("slip 1", 100)
    assert treasury.load(40, "slip 1").posted
    before = treasury.books.dump()
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(statement)
    app.rollback()
    assert treasury.books.dump() == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.receipt (account_id, reference, purpose, currency, amount, actor, reason,"
        " recorded_at) SELECT account_id, 'slip 2', purpose, currency, 1, actor, reason, recorded_at"
        " FROM ledger.receipt",
        "UPDATE ledger.receipt_state SET drawn = 0",
        "UPDATE ledger.receipt_fund SET received = received + 1",
        "INSERT INTO ledger.claim (id) VALUES (gen_random_uuid())",
        "INSERT INTO ledger.transfer (id) VALUES (gen_random_uuid())",
        "SELECT ledger.make_partitions_v1(now(), 1)",
        "SET ROLE emoney_app",
    ],
)
def test_who_records_may_not(treasury: Treasury, statement: str) -> None:
    treasury.record("slip 1", 100)
    with psycopg.connect(treasury.books.owner_url) as connection:
        connection.execute("SET SESSION AUTHORIZATION emoney_receipts")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)


def test_a_wrong_decision_is_refused_by_the_database(
    treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    treasury.record("slip 1", 100)
    monkeypatch.setattr(Funding, "short", lambda *_: None)
    before = treasury.books.dump()
    for transfer in (treasury.issue(101, "slip 1"), treasury.issue(1, "slip 2")):
        with pytest.raises(IntegrityViolation):
            treasury.books.post(transfer)
    assert treasury.books.dump() == before


UNGUARDED = (
    "CREATE OR REPLACE FUNCTION ledger.draw_receipts_v1(transfers ledger.issue_row[]) RETURNS void"
    " LANGUAGE plpgsql AS 'BEGIN END'"
)


def test_without_the_databases_guard_it_is_still_decided(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    with psycopg.connect(treasury.books.owner_url) as owner:
        owner.execute(UNGUARDED)
    assert told(treasury.load(101, "slip 1")) == ("receipt.amount", 100, 0, 100)
    assert told(treasury.load(1, "slip 2")) == ("receipt.unknown", None, None, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.receipt_state SET drawn = 0",
        "UPDATE ledger.receipt_state SET received = received + 1",
        "UPDATE ledger.receipt_fund SET drawn = drawn - 1",
        "UPDATE ledger.receipt_fund SET received = received + 1",
        "UPDATE ledger.receipt SET amount = amount + 1",
        "UPDATE ledger.receipt_issue SET amount = amount - 1",
        "DELETE FROM ledger.receipt_issue",
        "DELETE FROM ledger.receipt_state",
        "DELETE FROM ledger.receipt_fund",
        "UPDATE ledger.transfer SET reference = 'slip 2' WHERE operation = 'load'",
    ],
)
def test_the_trial_balance_names_what_was_tampered_with(treasury: Treasury, statement: str) -> None:
    treasury.record("slip 1", 100)
    assert treasury.load(40, "slip 1").posted
    treasury.books.check()
    treasury.books.owner(statement)
    with treasury.books.database.connection() as connection:
        found = trial_balance(connection)
    assert (found.wrong_receipts, found.balanced) == ((treasury.bank,), False)


def test_the_trial_balance_names_what_was_issued_beyond(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    with psycopg.connect(treasury.books.owner_url) as owner:
        owner.execute(UNGUARDED)
        insert(owner, treasury.books, treasury.issue(101, "slip 1"))
    with treasury.books.database.connection() as connection:
        assert trial_balance(connection).wrong_receipts == (treasury.bank,)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger.receipt SET reason = 'another'",
        "UPDATE ledger.receipt_match SET actor = 'nobody'",
        "UPDATE ledger.receipt_withdrawal SET amount = amount - 1",
        "UPDATE ledger.receipt_policy SET policy = 'prefunded' WHERE policy = 'statement'",
        "DELETE FROM ledger.receipt_match",
        "DELETE FROM ledger.receipt_withdrawal",
    ],
)
def test_the_proof_log_names_what_was_changed(treasury: Treasury, tmp_path: Path, change: str) -> None:
    books = treasury.books
    Bank(books, treasury.bank, tmp_path).says(DAY, Entry(100, DAY, "slip 1"))
    treasury.record("slip 1", 100, statement="S-1", entry=1)
    request = treasury.receipts.ask_withdrawal(treasury.bank, "slip 1", 40, **BY)
    treasury.receipts.approve_withdrawal(request, **OTHER)
    treasury.receipts.set_policy(Policy.STATEMENT, **BY)
    key = SigningKey.create(tmp_path, "wallet.example/ledger")
    seal(books.database, key)
    with books.database.connection() as connection:
        assert audit(connection, key.public).sound
    books.owner(change)
    with books.database.connection() as connection:
        found = audit(connection, key.public)
    assert {each.what for each in found.findings} >= {"altered" if change.startswith("UPDATE") else "removed"}


def test_funding_is_read_of_what_a_batch_issues_on(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    with treasury.books.database.connection() as connection:
        (found,) = funding.read(connection, {treasury.bank: {"slip 1", "slip 2"}}).values()
    assert list(found.named) == ["slip 1"]

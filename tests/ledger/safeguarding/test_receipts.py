"""What arrived: recorded once, confirmed by a statement, withdrawn by two as far as none is issued on it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from bank import Entry
from books import NOON, Books
from looks import DAY, Bank
from psycopg import sql
from treasury import BY, OTHER, Treasury

from emoney.ledger import AccountKind, Money
from emoney.ledger.base.errors import (
    AmountTooLarge,
    InvalidId,
    InvalidInput,
    InvalidReference,
    InvalidRequest,
    UnknownCurrency,
    WrongAccount,
    ZeroAmount,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.receipts import (
    Policy,
    ReceiptConflict,
    ReceiptDrawn,
    Receipts,
    ReceiptsDenied,
    UnknownBankEntry,
    UnknownReceipt,
    policy,
    receipt,
)
from emoney.ledger.receipts.recording import WITHDRAW
from emoney.ledger.two_persons import RequestClosed, SamePerson


def test_a_receipt_says_what_arrived_and_who_saw_it(treasury: Treasury) -> None:
    found = treasury.receipts.record(treasury.bank, "slip 1", Money("40.00", "EUR"), **BY)
    assert (found.reference, found.purpose, found.currency) == ("slip 1", "issue", "EUR")
    assert (found.amount, found.received, found.drawn, found.left) == (4000, 4000, 0, 4000)
    assert (found.actor, found.reason, found.recorded_at) == (BY["actor"], BY["reason"], NOON)
    assert treasury.fund() == [("issue", 4000, 0)]


def test_the_same_receipt_again_changes_nothing(treasury: Treasury) -> None:
    first = treasury.record("slip 1", 100)
    before = treasury.books.dump()
    assert treasury.record("slip 1", 100) == first
    assert treasury.books.dump() == before


@pytest.mark.parametrize(
    ("error", "change"),
    [
        (ReceiptConflict, {"amount": 101}),
        (ReceiptConflict, {"opening": True}),
        (WrongAccount, {"account": new_id()}),
        (WrongAccount, {"account": "wallet"}),
        (WrongAccount, {"currency": "USD"}),
        (InvalidId, {"account": "bank-1"}),
        (InvalidReference, {"reference": ""}),
        (InvalidReference, {"reference": "x" * 129}),
        (InvalidReference, {"reference": "a\0b"}),
        (ZeroAmount, {"amount": 0}),
        (InvalidInput, {"amount": -1}),
        (InvalidInput, {"amount": 1.5}),
        (AmountTooLarge, {"amount": 10**15 + 1}),
        (UnknownCurrency, {"currency": "XXQ"}),
        (InvalidRequest, {"actor": "two words"}),
        (InvalidRequest, {"reason": " "}),
        (UnknownBankEntry, {"reference": "slip 2", "statement": "S-9", "entry": 1}),
        (UnknownBankEntry, {"reference": "slip 2", "entry": 1}),
    ],
)
def test_what_is_no_receipt_is_not_recorded(
    treasury: Treasury, error: type[Exception], change: dict[str, Any]
) -> None:
    treasury.record("slip 1", 100)
    before = treasury.books.dump()
    given = {"account": treasury.bank, "reference": "slip 1", "amount": 100, **BY} | change
    if given["account"] == "wallet":
        given["account"] = treasury.wallet
    with pytest.raises(error):
        treasury.receipts.record(**given)
    assert treasury.books.dump() == before


def test_many_are_recorded_or_none(treasury: Treasury) -> None:
    treasury.receipts.record_many(treasury.bank, [(f"slip {n}", n) for n in range(1, 40)], "EUR", **BY)
    assert treasury.fund() == [("issue", 780, 0)]
    before = treasury.books.dump()
    with pytest.raises(ReceiptConflict):
        treasury.receipts.record_many(treasury.bank, [("slip 40", 1), ("slip 39", 1)], "EUR", **BY)
    assert treasury.books.dump() == before


def test_receipts_are_found_and_listed(treasury: Treasury) -> None:
    for number in (1, 2):
        treasury.books.now += timedelta(minutes=1)
        treasury.record(f"slip {number}", 10)
    assert treasury.load(10, "slip 1").posted
    other = treasury.books.account(AccountKind.IN_TRANSIT)
    treasury.books.now += timedelta(minutes=1)
    treasury.receipts.record(other, "slip 1", 5, **BY)

    def listed(**asked: Any) -> list[tuple[UUID, str]]:
        with treasury.books.database.connection() as connection:
            return [(each.account_id, each.reference) for each in receipt.every(connection, **asked)]

    one, two, there = (treasury.bank, "slip 1"), (treasury.bank, "slip 2"), (other, "slip 1")
    assert listed() == [there, two, one]
    assert listed(account_id=treasury.bank) == [two, one]
    assert listed(open_only=True) == [there, two]
    assert listed(most=1) == [there]
    with treasury.books.database.connection() as connection, pytest.raises(UnknownReceipt):
        receipt.find(connection, treasury.bank, "slip 3")


def test_an_entry_of_the_bank_confirms_receipts_up_to_its_amount(treasury: Treasury, tmp_path: Path) -> None:
    bank = Bank(treasury.books, treasury.bank, tmp_path)
    bank.says(DAY, Entry(100, DAY, "batch 1"), Entry(-30, DAY, "out"))
    for reference, amount in (("slip 1", 60), ("slip 2", 40), ("slip 3", 1)):
        treasury.record(reference, amount)
    for reference in ("slip 1", "slip 2"):
        found = treasury.receipts.match(treasury.bank, reference, "S-1", 1, **BY)
        assert (found.statement, found.entry) == ("S-1", 1)
    before = treasury.books.dump()
    assert treasury.receipts.match(treasury.bank, "slip 1", "S-1", 1, **OTHER).entry == 1
    for error, reference, statement, entry in (
        (ReceiptConflict, "slip 3", "S-1", 1),
        (ReceiptConflict, "slip 1", "S-1", 2),
        (ReceiptConflict, "slip 3", "S-1", 2),  # which the bank paid out
        (UnknownBankEntry, "slip 3", "S-1", 3),
        (UnknownBankEntry, "slip 3", "S-2", 1),
        (UnknownReceipt, "slip 4", "S-1", 1),
    ):
        with pytest.raises(error):
            treasury.receipts.match(treasury.bank, reference, statement, entry, **BY)
    assert treasury.books.dump() == before


def test_an_entry_of_another_account_confirms_nothing(treasury: Treasury, tmp_path: Path) -> None:
    other = treasury.books.account(AccountKind.SAFEGUARDING)
    Bank(treasury.books, other, tmp_path).says(DAY, Entry(100, DAY, "slip 1"))
    treasury.record("slip 1", 100)
    with pytest.raises(UnknownBankEntry):
        treasury.receipts.match(treasury.bank, "slip 1", "S-1", 1, **BY)


def test_receipts_are_confirmed_by_what_has_their_reference_and_amount(
    treasury: Treasury, tmp_path: Path
) -> None:
    for reference, amount in (("slip 1", 60), ("slip 2", 40), ("slip 3", 20)):
        treasury.record(reference, amount)
    bank = Bank(treasury.books, treasury.bank, tmp_path)
    bank.says(
        DAY, Entry(60, DAY, "slip 1"), Entry(40, DAY, bank_reference="slip 2"), Entry(21, DAY, "slip 3")
    )
    found = treasury.receipts.match_by_reference(treasury.bank, **BY)
    assert [(each.reference, each.entry) for each in sorted(found, key=lambda each: each.reference)] == [
        ("slip 1", 1),
        ("slip 2", 2),
    ]
    assert treasury.receipts.match_by_reference(treasury.bank, **BY) == []


def test_what_did_not_arrive_is_withdrawn_by_two(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    assert treasury.load(30, "slip 1").posted
    request = treasury.receipts.ask_withdrawal(treasury.bank, "slip 1", 50, **BY)
    assert treasury.fund() == [("issue", 100, 30)]
    with pytest.raises(SamePerson):
        treasury.receipts.approve_withdrawal(request, **BY)
    found = treasury.receipts.approve_withdrawal(request, **OTHER)
    assert (found.amount, found.received, found.drawn, found.left) == (100, 50, 30, 20)
    assert treasury.fund() == [("issue", 50, 30)]
    with pytest.raises(RequestClosed):
        treasury.receipts.approve_withdrawal(request, **OTHER)
    rest = treasury.receipts.ask_withdrawal(treasury.bank, "slip 1", **BY)
    assert treasury.receipts.approve_withdrawal(rest, **OTHER).left == 0
    treasury.books.check()


def test_what_is_issued_on_is_not_withdrawn(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    request = treasury.receipts.ask_withdrawal(treasury.bank, "slip 1", 80, **BY)
    assert treasury.load(21, "slip 1").posted
    before = treasury.books.dump()
    with pytest.raises(ReceiptDrawn):
        treasury.receipts.approve_withdrawal(request, **OTHER)
    with pytest.raises(ReceiptDrawn):
        treasury.receipts.ask_withdrawal(treasury.bank, "slip 1", 80, **BY)
    with pytest.raises(UnknownReceipt):
        treasury.receipts.ask_withdrawal(treasury.bank, "slip 2", 1, **BY)
    assert treasury.books.dump() == before
    assert treasury.receipts.reject_withdrawal(request, **OTHER).outcome == "rejected"
    assert treasury.fund() == [("issue", 100, 21)]


def test_nothing_is_withdrawn_that_was_not_asked_for(treasury: Treasury) -> None:
    """By SQL of one who may record, too."""
    found = treasury.record("slip 1", 100)
    request = treasury.receipts.ask_withdrawal(treasury.bank, "slip 1", 50, **BY)
    withdraw = "SELECT ledger.withdraw_receipt_v1(%s, %s, %s, now())"
    for given in ((request, found.id, 50), (request, found.id, 100), (new_id(), found.id, 50)):
        with psycopg.connect(treasury.books.owner_url) as connection:
            connection.execute("SET ROLE emoney_receipts")
            with pytest.raises(psycopg.IntegrityError):
                connection.execute(withdraw, given)
    treasury.receipts.approve_withdrawal(request, **OTHER)
    assert treasury.fund() == [("issue", 50, 0)]


def test_the_policy_is_changed_by_somebody_for_a_reason(treasury: Treasury) -> None:
    def current() -> Policy:
        with treasury.books.database.connection() as connection:
            return policy.current(connection)

    assert current() is Policy.RECEIPT
    changes = treasury.receipts.set_policy(Policy.STATEMENT, **BY)
    assert (changes[0].policy, changes[0].actor, changes[0].reason) == (Policy.STATEMENT, *BY.values())
    assert current() is Policy.STATEMENT
    assert treasury.receipts.set_policy("statement", **OTHER) == changes
    with pytest.raises(InvalidInput):
        treasury.receipts.set_policy("none", **BY)
    treasury.receipts.begin_with("prefunded")
    assert current() is Policy.STATEMENT


@pytest.mark.parametrize(
    "act",
    [
        lambda receipts, bank: receipts.record(bank, "slip 1", 1, **BY),
        lambda receipts, _: receipts.set_policy("prefunded", **BY),
        lambda receipts, bank: receipts.ask_withdrawal(bank, "slip 1", **BY),
    ],
)
def test_who_may_post_may_not_record(
    treasury: Treasury, books: Books, act: Callable[[Receipts, UUID], object]
) -> None:
    with psycopg.connect(books.owner_url, autocommit=True) as owner:
        database = sql.Identifier(owner.info.dbname)
        owner.execute("DROP ROLE IF EXISTS clerk")
        owner.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk' IN ROLE emoney_app")
        try:
            owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO clerk").format(database))
            url = psycopg.conninfo.make_conninfo(books.owner_url, user="clerk", password="clerk")
            before = books.dump()
            with pytest.raises(ReceiptsDenied, match="emoney_receipts"):
                act(Receipts(url), treasury.bank)
            assert books.dump() == before
        finally:
            owner.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM clerk").format(database))
            owner.execute("DROP ROLE clerk")


def test_the_act_that_takes_two_is_registered(treasury: Treasury) -> None:
    with treasury.books.database.connection() as connection:
        found = connection.execute(
            "SELECT FROM ledger.request_action WHERE name = %s", (WITHDRAW,)
        ).fetchall()
    assert len(found) == 1

"""E-money comes into being against what arrived, and never passes it: what is decided, by which policy."""

import threading
from pathlib import Path

import pytest
from bank import Entry
from books import until
from looks import DAY, Bank
from treasury import BY, OTHER, Treasury, told

from emoney.ledger import AccountKind, Operation, reversals
from emoney.ledger.base.ids import new_id
from emoney.ledger.receipts import Policy, receipt
from emoney.ledger.transfers.sides import ISSUES, SIDES

WRITERS = 8


@pytest.mark.parametrize("operation", sorted(ISSUES - {Operation.OPENING}))
def test_an_issue_draws_on_the_receipt_that_it_names(treasury: Treasury, operation: Operation) -> None:
    treasury.record("slip 1", 100)
    treasury.record("slip 2", 100)
    assert treasury.load(60, "slip 1", operation).posted
    assert treasury.load(40, "slip 1", operation).posted
    assert (treasury.drawn("slip 1"), treasury.drawn("slip 2")) == (100, 0)
    assert treasury.fund() == [("issue", 200, 100)]
    treasury.books.check()


@pytest.mark.parametrize("operation", sorted(ISSUES - {Operation.OPENING}))
def test_beyond_it_by_one_is_refused_and_leaves_all_as_it_was(
    treasury: Treasury, operation: Operation
) -> None:
    treasury.record("slip 1", 100)
    assert treasury.load(60, "slip 1").posted
    before = treasury.state()
    refused = treasury.issue(41, "slip 1", operation)
    (outcome,) = treasury.books.post(refused)
    assert told(outcome) == ("receipt.amount", 100, 60, 40)
    (again,) = treasury.books.post(refused)
    assert (again.refusal, again.replayed) == (outcome.refusal, True)
    assert treasury.state() == before


@pytest.mark.parametrize("reference", ["slip 2", "SLIP 1", "slip 1 "])
def test_on_an_invented_reference_it_is_refused(treasury: Treasury, reference: str) -> None:
    treasury.record("slip 1", 100)
    before = treasury.state()
    assert told(treasury.load(1, reference)) == ("receipt.unknown", None, None, None)
    assert treasury.state() == before


def test_on_another_accounts_receipt_it_is_refused(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    books, other = treasury.books, treasury.books.account(AccountKind.SAFEGUARDING)
    (outcome,) = books.post(books.transfer(other, treasury.wallet, 1, Operation.LOAD, reference="slip 1"))
    assert told(outcome) == ("receipt.unknown", None, None, None)
    treasury.receipts.record(other, "slip 9", 1, **BY)
    (outcome,) = books.post(books.transfer(other, treasury.wallet, 1, Operation.LOAD, reference="slip 1"))
    assert told(outcome) == ("receipt.unknown", None, None, None)


def test_many_on_one_receipt_count_in_order(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    sent = [treasury.issue(amount, "slip 1") for amount in (40, 50, 11, 10, 1)]
    outcomes = treasury.books.post(*sent)
    assert [told(each) for each in outcomes] == [
        None,
        None,
        ("receipt.amount", 100, 90, 10),
        None,
        ("receipt.amount", 100, 100, 0),
    ]
    assert treasury.drawn("slip 1") == 100
    with treasury.books.database.connection() as connection:
        known = receipt.find(connection, treasury.bank, "slip 1")
        assert sorted(amount for _, amount in receipt.issues(connection, known.id)) == [10, 40, 50]


def test_a_refused_issue_refuses_its_group_and_gives_back_what_that_drew(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    books, group = treasury.books, new_id()
    linked = [
        books.transfer(
            treasury.bank, treasury.wallet, amount, Operation.LOAD, reference="slip 1", group=group
        )
        for amount in (70, 31)
    ]
    outcomes = books.post(*linked, treasury.issue(100, "slip 1"))
    assert [each.refusal and each.refusal.rule for each in outcomes] == ["linked", "receipt.amount", None]
    books.check()


def test_each_way_of_posting_decides_the_same(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    ledger = treasury.books.ledger
    batches = [[treasury.issue(60, "slip 1")], [treasury.issue(41, "slip 1")], [treasury.issue(40, "slip 1")]]
    told_of = [told(outcome) for (outcome,) in ledger.post_all(batches)]
    assert told_of == [None, ("receipt.amount", 100, 60, 40), None]
    with treasury.books.database.connection() as connection:
        (outcome,) = ledger.post_in(connection, [treasury.issue(1, "slip 1")])
    assert told(outcome) == ("receipt.amount", 100, 100, 0)


def test_a_statement_has_to_confirm_what_is_issued_against(treasury: Treasury, tmp_path: Path) -> None:
    treasury.receipts.set_policy(Policy.STATEMENT, **BY)
    treasury.record("slip 1", 100)
    before = treasury.state()
    assert told(treasury.load(1, "slip 1")) == ("receipt.unconfirmed", None, None, None)
    assert told(treasury.load(1, "slip 2")) == ("receipt.unknown", None, None, None)
    assert treasury.state() == before
    Bank(treasury.books, treasury.bank, tmp_path).says(
        DAY, Entry(100, DAY, "slip 1"), Entry(7, DAY, "slip 2")
    )
    treasury.receipts.match_by_reference(treasury.bank, **BY)
    treasury.record("slip 2", 7, statement="S-1", entry=2)
    assert treasury.load(100, "slip 1").posted
    assert treasury.load(7, "slip 2").posted
    assert told(treasury.load(1, "slip 2")) == ("receipt.amount", 7, 7, 0)


def test_prefunded_issues_draw_on_all_that_was_received(treasury: Treasury) -> None:
    treasury.receipts.set_policy(Policy.PREFUNDED, **BY)
    before = treasury.state()
    assert told(treasury.load(1, "order 1")) == ("receipt.unknown", None, None, None)
    assert treasury.state() == before
    for number in (1, 2):
        treasury.record(f"slip {number}", 50)
    assert treasury.load(70, "order 1").posted
    assert told(treasury.load(31, "slip 1")) == ("receipt.amount", 100, 70, 30)
    assert treasury.load(30, "order 2").posted
    assert treasury.fund() == [("issue", 100, 100)]
    treasury.books.check()


def test_a_change_of_policy_lets_nothing_be_issued_twice(treasury: Treasury) -> None:
    treasury.receipts.set_policy(Policy.PREFUNDED, **BY)
    treasury.record("slip 1", 100)
    assert treasury.load(80, "order 1").posted
    treasury.receipts.set_policy(Policy.RECEIPT, **BY)
    assert told(treasury.load(21, "slip 1")) == ("receipt.amount", 100, 80, 20)
    assert treasury.load(20, "slip 1").posted
    treasury.receipts.set_policy(Policy.PREFUNDED, **BY)
    assert told(treasury.load(1, "order 2")) == ("receipt.amount", 100, 100, 0)
    treasury.books.check()


def test_who_decides_by_a_policy_posts_before_it_changes(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    treasury.receipts.set_policy(Policy.PREFUNDED, **BY)
    changed = threading.Thread(target=treasury.receipts.set_policy, args=("receipt",), kwargs=OTHER)
    with treasury.books.database.connection() as connection:
        (before,) = treasury.books.ledger.post_in(connection, [treasury.issue(10, "order 1")])
        changed.start()
        until(lambda: treasury.books.waiting_for_locks() == 1)
        (after,) = treasury.books.ledger.post_in(connection, [treasury.issue(10, "order 2")])
    changed.join()
    assert (before.posted, after.posted) == (True, True)
    assert told(treasury.load(10, "order 3")) == ("receipt.unknown", None, None, None)


def test_balances_carried_over_draw_on_receipts_of_their_own(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    assert told(treasury.load(1, "slip 1", Operation.OPENING)) == ("receipt.unknown", None, None, None)
    treasury.record("old ledger", 50, opening=True)
    assert treasury.load(30, "opening:w-1", Operation.OPENING).posted
    assert told(treasury.load(21, "opening:w-1", Operation.OPENING)) == ("receipt.amount", 50, 30, 20)
    assert told(treasury.load(1, "old ledger")) == ("receipt.unknown", None, None, None)
    assert treasury.fund() == [("issue", 100, 0), ("opening", 50, 30)]
    treasury.books.check()


def test_a_reversed_issue_frees_its_receipt(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    wrong = treasury.issue(100, "slip 1")
    treasury.books.posted(wrong)
    assert reversals.reverse(treasury.books.ledger, wrong.id, new_id(), 60, reason="wrong wallet").posted
    assert (treasury.drawn("slip 1"), treasury.fund()) == (40, [("issue", 100, 40)])
    assert told(treasury.load(61, "slip 1")) == ("receipt.amount", 100, 40, 60)
    assert treasury.load(60, "slip 1").posted
    treasury.books.check()


def test_a_refunded_issue_was_paid_out_and_keeps_its_receipt(treasury: Treasury) -> None:
    treasury.record("slip 1", 100)
    load = treasury.issue(100, "slip 1")
    treasury.books.posted(load)
    assert reversals.refund(treasury.books.ledger, load.id, new_id(), 60, reason="sent back").posted
    assert (treasury.drawn("slip 1"), treasury.fund()) == (100, [("issue", 100, 100)])
    treasury.books.check()


@pytest.mark.parametrize("give_back", [reversals.reverse, reversals.refund])
def test_a_redemption_that_came_back_needs_no_receipt(treasury: Treasury, give_back: object) -> None:
    treasury.record("slip 1", 100)
    books = treasury.books
    assert treasury.load(100, "slip 1").posted
    out = books.transfer(treasury.wallet, treasury.bank, 100, Operation.REDEEM_BANK)
    books.posted(out)
    assert told(treasury.load(1, "slip 1")) == ("receipt.amount", 100, 100, 0)  # what was paid out is gone
    assert give_back(books.ledger, out.id, new_id(), reason="account closed").posted  # type: ignore[operator]
    assert (books.balance(treasury.wallet), treasury.fund()) == (100, [("issue", 100, 100)])
    books.check()


def test_money_on_its_way_and_guarantees_are_received_too(treasury: Treasury) -> None:
    books = treasury.books
    for kind in (AccountKind.IN_TRANSIT, AccountKind.ISSUED_UNFUNDED):
        account = books.account(kind)
        load = books.transfer(account, treasury.wallet, 7, Operation.LOAD, reference="contract 1")
        assert told(books.post(load)[0]) == ("receipt.unknown", None, None, None)
        treasury.receipts.record(account, "contract 1", 7, **BY)
        books.posted(books.transfer(account, treasury.wallet, 7, Operation.LOAD, reference="contract 1"))


def test_what_issues_is_what_the_table_of_sides_says() -> None:
    assert sorted(ISSUES) == ["load", "load_card", "load_emoney", "opening", "remit_in"]
    raised = {operation for operation, pairs in SIDES.items() if ("safeguarding", "customer") in pairs}
    assert raised == ISSUES | {Operation.REFUND, Operation.REVERSAL}


@pytest.mark.parametrize("policy", list(Policy))
def test_never_beyond_under_any_concurrency(treasury: Treasury, tmp_path: Path, policy: Policy) -> None:
    treasury.receipts.set_policy(policy, **OTHER)
    received = 8 * 97 + 3
    Bank(treasury.books, treasury.bank, tmp_path).says(DAY, Entry(received, DAY, "slip 1"))
    treasury.record("slip 1", received, statement="S-1", entry=1)
    wallets = [treasury.books.account() for _ in range(WRITERS)]
    start, issued = threading.Barrier(WRITERS), [0] * WRITERS

    def write(number: int) -> None:
        start.wait()
        for amount in [13] * 9 + [1] * 4:
            books = treasury.books
            sent = books.transfer(treasury.bank, wallets[number], amount, Operation.LOAD, reference="slip 1")
            issued[number] += amount * books.post(sent)[0].posted

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(issued) == received
    assert treasury.fund() == [("issue", received, received)]
    assert told(treasury.load(1, "slip 1")) == ("receipt.amount", received, received, 0)
    treasury.books.check()

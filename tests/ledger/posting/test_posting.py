from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from books import NOON, Books

from emoney.ledger import AccountKind, Operation, Transfer
from emoney.ledger.base.errors import (
    AccountClosed,
    AmountTooLarge,
    BatchTooLarge,
    CurrencyMismatch,
    IdempotencyConflict,
    IntegrityViolation,
    InvalidAmount,
    InvalidInput,
    InvalidReference,
    NegativeAmount,
    SelfTransfer,
    SplitGroup,
    UnknownAccount,
    UnknownCurrency,
    WrongAccount,
    ZeroAmount,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.posting.locked import BATCH_MAX
from emoney.ledger.reports import statements
from emoney.ledger.transfers import everyday as emoney
from emoney.ledger.transfers.money import AMOUNT_MAX


def test_a_transfer_moves_its_amount(books: Books) -> None:
    payer, payee = books.funded(1000), books.account()
    sent = books.transfer(payer, payee, 400, reference="tx-1")
    (outcome,) = books.post(sent)
    assert (outcome.transfer_id, outcome.posted, outcome.replayed) == (sent.id, True, False)
    assert (books.balance(payer), books.balance(payee)) == (600, 400)
    books.check()


def test_no_transfers_are_no_outcomes(books: Books) -> None:
    before = books.dump()
    assert books.post() == []
    assert books.dump() == before


def test_a_batch_is_decided_in_its_order(books: Books) -> None:
    a, b, c = books.funded(100), books.account(), books.account()
    outcomes = books.post(
        books.transfer(b, c, 100),  # not yet
        books.transfer(a, b, 100),
        books.transfer(b, c, 60),
        books.transfer(b, c, 41),  # one too many
        books.transfer(b, c, 40),
    )
    assert [outcome.posted for outcome in outcomes] == [False, True, True, False, True]
    assert [books.balance(account) for account in (a, b, c)] == [0, 0, 100]
    books.check()


def test_the_largest_batch(books: Books) -> None:
    payer, payee = books.funded(BATCH_MAX), books.account()
    batch = [books.transfer(payer, payee, 1) for _ in range(BATCH_MAX)]
    assert all(outcome.posted for outcome in books.ledger.post(batch))
    assert (books.balance(payer), books.balance(payee)) == (0, BATCH_MAX)


def test_linked_transfers_stand_together(books: Books) -> None:
    a, b, fees = books.funded(100), books.account(), books.account(AccountKind.FEES)
    group = new_id()
    books.posted(
        books.transfer(a, b, 90, group=group), books.transfer(a, fees, 10, Operation.FEE, group=group)
    )
    assert [books.balance(account) for account in (a, b, fees)] == [0, 90, 10]
    books.check()


@pytest.mark.parametrize("refused", [0, 1, 2])
def test_linked_transfers_fall_together_and_others_stand(books: Books, refused: int) -> None:
    a, b, other = books.funded(100), books.account(), books.funded(50)
    group = new_id()
    linked = [books.transfer(a, b, 200 if at == refused else 30, group=group) for at in range(3)]
    before, after = books.transfer(other, a, 10), books.transfer(a, other, 110)
    outcomes = books.post(before, *linked, after)
    assert [outcome.posted for outcome in outcomes] == [True, False, False, False, True]
    rules = [outcome.refusal.rule for outcome in outcomes[1:4] if outcome.refusal]
    assert rules == ["funds" if at == refused else "linked" for at in range(3)]
    assert [books.balance(account) for account in (a, b, other)] == [0, 0, 150]
    assert [outcome.replayed for outcome in books.post(before, *linked, after)] == [True] * 5
    books.check()


def test_a_group_may_pass_money_on_within_itself(books: Books) -> None:
    a, b, c = books.funded(100), books.account(), books.account()
    group = new_id()
    books.posted(books.transfer(a, b, 100, group=group), books.transfer(b, c, 100, group=group))
    assert books.balance(c) == 100


def test_a_group_that_was_refused_is_sent_again_and_not_continued(books: Books) -> None:
    a, b, group = books.funded(10), books.account(), new_id()
    linked = [books.transfer(a, b, amount, group=group) for amount in (1, 11)]
    assert not any(outcome.posted for outcome in books.post(*linked))
    again = books.post(*linked)
    assert [(outcome.posted, outcome.replayed) for outcome in again] == [(False, True)] * 2
    before = books.dump()
    with pytest.raises(SplitGroup):
        books.post(books.transfer(a, b, 1, group=group))
    assert books.dump() == before
    books.check()


def test_a_group_that_many_send_parts_of_at_once_is_the_firsts(books: Books) -> None:
    group, b = new_id(), books.account()
    payers = [books.funded(10) for _ in range(16)]

    def send(payer: UUID) -> bool:
        try:
            return books.post(books.transfer(payer, b, 1, group=group))[0].posted
        except SplitGroup:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(send, payers)) == 1
    assert books.balance(b) == 1
    books.check()


def test_a_group_that_grew_is_a_conflict(books: Books) -> None:
    a, b, group = books.funded(100), books.account(), new_id()
    first = books.transfer(a, b, 10, group=group)
    books.posted(first)
    before = books.dump()
    with pytest.raises(SplitGroup, match="whole"):
        books.post(first, books.transfer(a, b, 10, group=group))
    assert books.dump() == before


def test_the_same_id_again_changes_nothing(books: Books) -> None:
    a, b = books.funded(100), books.account()
    good, bad = books.transfer(a, b, 40), books.transfer(a, b, 61)
    first = books.post(good, bad)
    before = books.dump()
    books.now += timedelta(days=3)
    again = books.post(bad, good)
    assert all(outcome.replayed for outcome in again)
    assert [replace(outcome, replayed=False) for outcome in again] == [first[1], first[0]]
    assert books.dump() == before


def test_a_refused_id_stays_refused_when_funds_have_come(books: Books) -> None:
    a, b, rich = books.account(), books.account(), books.funded(100)
    refused = books.transfer(a, b, 10)
    books.post(refused)
    books.posted(books.transfer(rich, a, 100))
    (again,) = books.post(refused)
    assert (again.posted, again.replayed) == (False, True)
    books.posted(books.transfer(a, b, 10))


def test_an_id_is_resolved_before_anything_else(books: Books) -> None:
    a, b = books.funded(100), books.account()
    sent = books.transfer(a, b, 40)
    books.posted(sent)
    books.freeze(a, debit=True, credit=True)
    (again,) = books.post(sent)
    assert (again.posted, again.replayed) == (True, True)


def test_one_id_twice_in_a_batch_moves_once(books: Books) -> None:
    a, b = books.funded(100), books.account()
    sent = books.transfer(a, b, 40)
    outcomes = books.post(sent, books.transfer(a, b, 1), sent)
    assert [outcome.replayed for outcome in outcomes] == [False, False, True]
    assert all(outcome.posted for outcome in outcomes)
    assert books.balance(a) == 59
    books.check()


def test_old_and_new_ids_share_a_batch(books: Books) -> None:
    a, b = books.funded(100), books.account()
    old, new = books.transfer(a, b, 40), books.transfer(a, b, 60)
    books.posted(old)
    assert [outcome.replayed for outcome in books.post(new, old)] == [False, True]
    assert books.balance(b) == 100


@pytest.mark.parametrize("funds", [100, 0], ids=["posted", "refused"])
@pytest.mark.parametrize(
    "change",
    [
        {"amount": 11},
        {"operation": Operation.PAY},
        {"reference": None},
        {"reference": "invoice 8"},
        {"group": UUID(int=1)},
        {"effective_at": None},
        {"effective_at": NOON - timedelta(days=1, microseconds=1)},
        {"debit_account": True},
        {"credit_account": True},
        {"currency": "GHS"},
    ],
    ids=str,
)
def test_an_id_with_any_other_content_is_a_conflict(books: Books, funds: int, change: dict[str, Any]) -> None:
    a, b = books.funded(funds), books.account()
    other = books.account(currency=change.get("currency", "EUR"))
    yesterday = NOON - timedelta(days=1)
    sent = books.transfer(a, b, 10, reference="invoice 7", at=yesterday)
    (first,) = books.post(sent)
    assert first.posted is bool(funds)
    before = books.dump()
    changed = replace(sent, **{name: other if value is True else value for name, value in change.items()})
    with pytest.raises(IdempotencyConflict, match=str(sent.id)):
        books.post(changed)
    assert books.dump() == before
    elsewhere = yesterday.astimezone(timezone(timedelta(hours=-7)))
    (again,) = books.post(replace(sent, effective_at=elsewhere))  # the same moment
    assert again == replace(first, replayed=True)


def test_a_time_that_was_filled_in_is_the_same_content(books: Books) -> None:
    a, b = books.funded(100), books.account()
    sent, explicit = books.transfer(a, b, 10), books.transfer(a, b, 10, at=NOON)
    books.posted(sent, explicit)
    books.now += timedelta(hours=1)
    assert [outcome.replayed for outcome in books.post(sent, explicit)] == [True, True]


def test_a_claim_without_an_outcome_is_not_taken_for_posted(books: Books) -> None:
    a, b = books.funded(100), books.account()
    sent = books.transfer(a, b, 40)
    with books.database.connection() as connection:
        connection.execute("INSERT INTO ledger.claim (id) VALUES (%s)", (sent.id,))
    before = books.dump()
    with pytest.raises(IntegrityViolation, match="outcome"):
        books.post(sent)
    assert books.dump() == before


def test_a_caller_that_rolls_back_leaves_nothing(books: Books) -> None:
    a, b = books.funded(100), books.account()
    before = books.dump()
    with pytest.raises(KeyError), books.database.connection() as connection:  # noqa: PT012
        books.ledger.post_in(connection, [books.transfer(a, b, 40)])
        raise KeyError
    assert books.dump() == before


def test_two_batches_in_one_transaction_see_each_other(books: Books) -> None:
    a, b, c = books.funded(100), books.account(), books.account()
    sent = books.transfer(a, b, 100)
    with books.database.connection() as connection:
        books.ledger.post_in(connection, [sent])
        outcomes = books.ledger.post_in(connection, [books.transfer(b, c, 100), sent])
    assert [(outcome.posted, outcome.replayed) for outcome in outcomes] == [(True, False), (True, True)]
    books.check()


# What no state of the ledger could accept: an error, and nothing is written.

Wrong = Callable[[Books, UUID, UUID], list[Transfer]]


def one(**change: Any) -> Wrong:
    """A good transfer with something wrong in it."""
    return lambda books, a, b: [replace(books.transfer(a, b, 10), **change)]


def _twice_with_other_content(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    sent = books.transfer(a, b, 10)
    return [sent, replace(sent, amount=11)]


def _used_before(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    sent = books.transfer(a, b, 1)
    books.posted(sent)
    return [replace(sent, reference="other")]


def _interrupted(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    group = new_id()
    return [books.transfer(a, b, 1, group=each) for each in (group, None, group)]


def _interleaved(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    one, two = new_id(), new_id()
    return [books.transfer(a, b, 1, group=each) for each in (one, two, one)]


def _sent_before(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    group = new_id()
    books.posted(books.transfer(a, b, 1, group=group))
    return [books.transfer(a, b, 1, group=group)]


def _named_as_a_member_sent_before(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    group = new_id()
    books.posted(replace(books.transfer(a, b, 1, group=group), id=group))
    return [books.transfer(a, b, 1, group=group)]


def between(operation: Operation, debit: AccountKind | None, credit: AccountKind | None) -> Wrong:
    """A transfer by `operation` between accounts of these kinds; None is one of the customers."""

    def made(books: Books, a: UUID, b: UUID) -> list[Transfer]:
        payer, payee = debit and books.account(debit), credit and books.account(credit)
        return [books.transfer(payer or a, payee or b, 10, operation, reference="r")]

    return made


def _closed(side: int) -> Wrong:
    def made(books: Books, a: UUID, b: UUID) -> list[Transfer]:
        sides = [a, b]
        sides[side] = books.account()
        books.close(sides[side])
        return [books.transfer(*sides, 10)]

    return made


def _lone_leg(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    return [books.transfer(a, b, 10, Operation.EXCHANGE, group=new_id())]


def _exchange_within_a_currency(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    group = new_id()
    return [
        books.transfer(payer, payee, 10, Operation.EXCHANGE, group=group) for payer, payee in ((a, b), (b, a))
    ]


def _other_currency_of_payee(books: Books, a: UUID, b: UUID) -> list[Transfer]:
    return [books.transfer(a, books.account(currency="USD"), 10)]


WRONG: dict[str, tuple[type[InvalidInput], Wrong]] = {
    "zero": (ZeroAmount, one(amount=0)),
    "negative": (NegativeAmount, one(amount=-10)),
    "bool": (InvalidAmount, one(amount=True)),
    "float": (InvalidAmount, one(amount=10.0)),
    "text": (InvalidAmount, one(amount="10")),
    "nothing": (InvalidAmount, one(amount=None)),
    "beyond the bound": (AmountTooLarge, one(amount=AMOUNT_MAX + 1)),
    "beyond a bigint": (AmountTooLarge, one(amount=2**64)),
    "no currency": (UnknownCurrency, one(currency="EU")),
    "currency of neither": (CurrencyMismatch, one(currency="USD")),
    "currency of one": (CurrencyMismatch, _other_currency_of_payee),
    "closed payer": (AccountClosed, _closed(0)),
    "closed payee": (AccountClosed, _closed(1)),
    "unknown payer": (UnknownAccount, one(debit_account=UUID(int=7))),
    "unknown payee": (UnknownAccount, one(credit_account=UUID(int=7))),
    "operation in text": (InvalidInput, one(operation="p2p")),
    "NUL in reference": (InvalidReference, one(reference="a\0b")),
    "lone surrogate in reference": (InvalidReference, one(reference="a\ud800")),
    "empty reference": (InvalidReference, one(reference="")),
    "long reference": (InvalidReference, one(reference="x" * 129)),
    "issue without receipt": (InvalidReference, one(operation=Operation.LOAD)),
    "opening without receipt": (InvalidReference, one(operation=Operation.OPENING)),
    "issue under another name": (WrongAccount, between(Operation.P2P, AccountKind.SAFEGUARDING, None)),
    "issue out of own funds": (WrongAccount, between(Operation.LOAD, AccountKind.OWN_FUNDS, None)),
    "redemption to a wallet": (WrongAccount, between(Operation.REDEEM_BANK, None, None)),
    "redemption under another name": (WrongAccount, between(Operation.PAY, None, AccountKind.SAFEGUARDING)),
    "cash from a customer": (WrongAccount, between(Operation.CASH_IN, None, None)),
    "cash to a customer": (WrongAccount, between(Operation.CASH_OUT, None, None)),
    "payment to a customer": (WrongAccount, between(Operation.PAY, None, None)),
    "bill to a customer": (WrongAccount, between(Operation.BILL, None, None)),
    "wages from a customer": (WrongAccount, between(Operation.DISBURSE, None, None)),
    "float of a customer": (WrongAccount, between(Operation.FLOAT, None, AccountKind.AGENT)),
    "dormant to a customer": (WrongAccount, between(Operation.DORMANCY, None, None)),
    "escheat to a customer": (WrongAccount, between(Operation.DORMANCY, AccountKind.ESCHEAT, None)),
    "transfer out of own funds": (WrongAccount, between(Operation.P2P, AccountKind.OWN_FUNDS, None)),
    "fee to a customer": (WrongAccount, between(Operation.FEE, None, None)),
    "exchange alone": (InvalidInput, between(Operation.EXCHANGE, None, None)),
    "one leg of an exchange": (InvalidInput, _lone_leg),
    "exchange within a currency": (InvalidInput, _exchange_within_a_currency),
    "no time zone": (InvalidInput, one(effective_at=datetime(2026, 1, 1))),  # noqa: DTZ001
    "the last day of time": (InvalidInput, one(effective_at=datetime.max.replace(tzinfo=UTC))),
    "the first day of time": (InvalidInput, one(effective_at=datetime.min.replace(tzinfo=UTC))),
    "self-transfer": (SelfTransfer, lambda books, a, b: [books.transfer(a, a, 10)]),
    "id twice with other content": (IdempotencyConflict, _twice_with_other_content),
    "id used before": (IdempotencyConflict, _used_before),
    "interrupted group": (SplitGroup, _interrupted),
    "interleaved groups": (SplitGroup, _interleaved),
    "group over two batches": (SplitGroup, _sent_before),
    "group over two batches, named as a transfer": (SplitGroup, _named_as_a_member_sent_before),
    "batch too large": (
        BatchTooLarge,
        lambda books, a, b: [books.transfer(a, b, 1)] * (BATCH_MAX + 1),
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("place", ["alone", "last"])
def test_bad_input_is_refused_and_nothing_is_written(shared_books: Books, case: str, place: str) -> None:
    books = shared_books
    error, make = WRONG[case]
    a, b = books.funded(100), books.account()
    wrong = make(books, a, b)
    good = [books.transfer(a, b, 1)] if place == "last" else []
    before = books.dump()
    with pytest.raises(error) as raised:
        books.post(*good, *wrong)
    assert type(raised.value) is error
    assert books.dump() == before
    books.posted(*good)  # its ids were not burnt


# What the state of the ledger does not allow: an outcome, recorded.


def test_a_refusal_is_recorded_with_its_rule_and_numbers(books: Books) -> None:
    a, b, group = books.funded(100), books.account(), new_id()
    at = datetime(2026, 3, 1, tzinfo=UTC)
    sent = books.transfer(a, b, 101, Operation.P2P_REGISTERED, reference="tx-9", group=group, at=at)
    before = books.dump(without=["claim", "refusal"])
    (outcome,) = books.post(sent)
    assert outcome.refusal is not None
    assert (outcome.refusal.rule, outcome.refusal.decision) == ("funds", "deny")
    assert (outcome.refusal.limit, outcome.refusal.used, outcome.refusal.headroom) == (0, None, 100)
    assert books.dump(without=["claim", "refusal"]) == before
    with books.database.connection() as connection:
        row = connection.execute(
            "SELECT transfer_id, debit_account, credit_account, amount, currency, operation, reference,"
            " group_id, effective_at, decided_at, rule, decision, source, numbers FROM ledger.refusal"
        ).fetchall()
    request = (sent.id, a, b, 101, "EUR", "p2p_registered", "tx-9", group, at, books.now)
    why = ("funds", "deny", "ledger rule", {"limit": 0, "used": None, "headroom": 100})
    assert row == [(*request, *why)]


@pytest.mark.parametrize(
    ("freeze_payer", "freeze_payee", "rule"),
    [
        ((True, False), (False, False), "account.frozen_debit"),
        ((False, True), (False, False), None),
        ((False, False), (False, True), "account.frozen_credit"),
        ((False, False), (True, False), None),
    ],
)
def test_frozen_accounts(
    books: Books, freeze_payer: tuple[bool, bool], freeze_payee: tuple[bool, bool], rule: str | None
) -> None:
    a, b = books.funded(100), books.account()
    for account, (debit, credit) in ((a, freeze_payer), (b, freeze_payee)):
        books.freeze(account, debit=debit, credit=credit)
    (outcome,) = books.post(books.transfer(a, b, 10))
    assert (outcome.refusal.rule if outcome.refusal else None) == rule
    books.check()


def test_an_error_of_a_batch_names_all_that_it_cannot_have(books: Books) -> None:
    payer, payee, closed = books.funded(100), books.account(), books.account()
    books.close(closed)
    good = [books.transfer(payer, payee, 1) for _ in range(3)]
    bad = {
        AccountClosed: books.transfer(payer, closed, 1),
        UnknownAccount: books.transfer(payer, new_id(), 1),
        WrongAccount: books.transfer(payer, payee, 1, Operation.CASH_IN),
    }
    batch = [good[0], *bad.values(), *good[1:]]
    for post in (books.ledger.post, lambda batch: list(books.ledger.post_all([batch]))):
        with pytest.raises(AccountClosed) as caught:
            post(batch)
        wrong = caught.value.transfers
        assert {kind: type(wrong[sent.id]) for kind, sent in bad.items()} == {kind: kind for kind in bad}
        assert len(wrong) == 3
    books.posted(*(each for each in batch if each.id not in wrong))


def test_what_was_posted_before_an_account_was_closed_is_replayed_after(books: Books) -> None:
    payer, payee = books.funded(10), books.account()
    sent = books.transfer(payer, payee, 10)
    books.posted(sent)
    books.close(payer)
    (outcome,) = books.post(sent)
    assert (outcome.posted, outcome.replayed) == (True, True)


def test_issue_and_redemption_move_both_sides_at_par(books: Books) -> None:
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    books.posted(emoney.issue(funds=funds, wallet=wallet, amount=500, currency="EUR", receipt="r-1"))
    assert (books.balance(funds), books.balance(wallet)) == (500, 500)
    books.posted(emoney.redeem(wallet=wallet, funds=funds, amount=200, currency="EUR"))
    books.posted(emoney.redeem(wallet=wallet, funds=funds, amount=100, currency="EUR", cash=True))
    assert (books.balance(funds), books.balance(wallet)) == (200, 200)
    (outcome,) = books.post(emoney.redeem(wallet=wallet, funds=funds, amount=201, currency="EUR"))
    assert not outcome.posted
    books.check()


def test_funds_may_not_be_paid_out_below_what_is_there(books: Books) -> None:
    """The payee's side can be the one lowered: a credit lowers an asset."""
    bank, other_bank = books.account(AccountKind.SAFEGUARDING), books.account(AccountKind.SAFEGUARDING)
    a = books.funded(100)
    (outcome,) = books.post(emoney.redeem(wallet=a, funds=bank, amount=100, currency="EUR"))
    assert outcome.refusal is not None
    assert outcome.refusal.rule == "funds"
    (moved,) = books.post(books.transfer(other_bank, bank, 1, Operation.FLOAT))
    assert not moved.posted


def test_accounts_without_a_floor_go_below_zero(books: Books) -> None:
    own, transit, a = (
        books.account(kind) for kind in (AccountKind.OWN_FUNDS, AccountKind.IN_TRANSIT, AccountKind.FEES)
    )
    books.posted(books.transfer(own, a, 10, Operation.FEE))
    assert books.balance(own) == -10
    books.posted(books.transfer(a, transit, 10, Operation.REDEEM_BANK))
    assert books.balance(transit) == -10


def test_sums_beyond_a_bigint_are_a_typed_error_and_leave_nothing(books: Books) -> None:
    own, a = books.account(AccountKind.OWN_FUNDS), books.account()
    before = books.dump()
    with pytest.raises(IntegrityViolation):
        books.post(*(books.transfer(own, a, AMOUNT_MAX, Operation.DISBURSE) for _ in range(9300)))
    assert books.dump() == before


def test_a_reference_may_be_any_text(books: Books) -> None:
    a, b = books.funded(100), books.account()
    texts = ["'; DROP TABLE ledger.transfer; --", '{},\\"', "₵ 100 ☂ 🦁", "\t\n", "x" * 128, "🦁" * 128]
    books.posted(*(books.transfer(a, b, 1, reference=text) for text in texts))
    with books.database.connection() as connection:
        found = connection.execute("SELECT reference FROM ledger.transfer ORDER BY debit_version").fetchall()
    assert {text for (text,) in found} >= set(texts)


def test_entries_stay_in_order_of_time_when_a_clock_steps_back(books: Books) -> None:
    a, b = books.funded(100), books.account()
    books.posted(books.transfer(a, b, 1))
    latest, books.now = books.now, books.now - timedelta(hours=1)
    books.posted(books.transfer(a, b, 2))
    books.now = latest + timedelta(seconds=1)
    books.posted(books.transfer(b, a, 3))
    with books.database.connection() as connection:
        times = [line.posted_at for line in statements.lines(connection, a)]
    assert times == [latest, latest, latest, latest + timedelta(seconds=1)]
    books.check()

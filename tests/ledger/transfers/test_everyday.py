"""The operator's face: each operation moves what it says, fees and exchanges stand or fall together."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from books import Books
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Operation
from emoney.ledger.base.errors import InvalidAmount, InvalidReference
from emoney.ledger.base.ids import new_id
from emoney.ledger.reports import statements
from emoney.ledger.transfers import everyday as ops


def test_issue_and_redemption_are_at_par(books: Books) -> None:
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    books.posted(ops.issue(funds=funds, wallet=wallet, amount=100, currency="EUR", receipt="slip"))
    assert (books.balance(funds), books.balance(wallet)) == (100, 100)
    books.posted(ops.redeem(wallet=wallet, funds=funds, amount=30, currency="EUR"))
    books.posted(ops.redeem(wallet=wallet, funds=funds, amount=20, currency="EUR", cash=True))
    assert (books.balance(funds), books.balance(wallet)) == (50, 50)
    books.check()


def test_cash_in_and_cash_out_move_the_agents_float(books: Books) -> None:
    bank, agent = books.account(AccountKind.SAFEGUARDING), books.account(AccountKind.AGENT)
    customer, id_in, id_out, at = books.account(), new_id(), new_id(), books.now - timedelta(hours=1)
    books.posted(ops.issue(funds=bank, wallet=agent, amount=100, currency="EUR", receipt="float"))
    for replayed in (False, True):  # sent again under the same id
        (outcome,) = books.post(
            ops.cash_in(agent=agent, customer=customer, amount=40, currency="EUR", id=id_in, effective_at=at)
        )
        assert (outcome.posted, outcome.replayed) == (True, replayed)
        (outcome,) = books.post(
            ops.cash_out(customer=customer, agent=agent, amount=15, currency="EUR", id=id_out)
        )
        assert (outcome.posted, outcome.replayed) == (True, replayed)
    assert (books.balance(agent), books.balance(customer)) == (75, 25)
    with books.database.connection() as connection:
        came, went = statements.lines(connection, customer)
    assert [(line.operation, line.effective_at) for line in (came, went)] == [
        (Operation.CASH_IN, at),
        (Operation.CASH_OUT, books.now),
    ]


def test_each_way_to_pay_is_counted_as_what_it_is(books: Books) -> None:
    payer, friend, shop = books.funded(100), books.account(), books.account(AccountKind.MERCHANT)
    fees = books.account(AccountKind.FEES)
    books.posted(
        ops.send(payer=payer, payee=friend, amount=1, currency="EUR", reference="lunch"),
        ops.pay(payer=payer, merchant=shop, amount=2, currency="EUR", reference="till 7"),
        ops.pay(payer=payer, merchant=shop, amount=3, currency="EUR", remote=True),
        ops.bill(payer=payer, biller=shop, amount=4, currency="EUR", reference="invoice 9"),
        ops.fee(payer=payer, fees=fees, amount=5, currency="EUR", reference="March"),
    )
    with books.database.connection() as connection:
        _, *went = statements.lines(connection, payer)
    assert [(line.operation, line.change, line.reference) for line in went] == [
        (Operation.P2P, -1, "lunch"),
        (Operation.PAY, -2, "till 7"),
        (Operation.PAY_REMOTE, -3, None),
        (Operation.BILL, -4, "invoice 9"),
        (Operation.FEE, -5, "March"),
    ]
    assert (books.balance(friend), books.balance(shop), books.balance(fees)) == (1, 9, 5)


def test_a_term_that_there_is_none_of_is_misuse() -> None:
    sides = {"amount": 1, "currency": "EUR", "wallet": new_id(), "funds": new_id()}
    for terms in ({"efective_at": None}, {"receipt": "r", "reference": "twice"}):
        with pytest.raises(TypeError):
            ops.redeem(**sides, **terms)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ops.issue(**sides, receipt="r", reference="twice")  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize(("included", "balances"), [(False, (38, 60, 2)), (True, (40, 58, 2))])
def test_a_fee_is_on_top_or_comes_out_of_the_amount(
    books: Books, included: bool, balances: tuple[int, int, int]
) -> None:
    payer, shop, fees = (
        books.funded(100),
        books.account(AccountKind.MERCHANT),
        books.account(AccountKind.FEES),
    )
    payment = ops.pay(payer=payer, merchant=shop, amount=60, currency="EUR")
    both = ops.with_fee(payment, fees=fees, fee=2, included=included)
    books.posted(*both)
    assert all(outcome.replayed for outcome in books.post(*both))
    assert (books.balance(payer), books.balance(shop), books.balance(fees)) == balances


def test_without_funds_for_the_fee_nothing_moves(books: Books) -> None:
    payer, shop, fees = books.funded(60), books.account(), books.account(AccountKind.FEES)
    payment = ops.send(payer=payer, payee=shop, amount=60, currency="EUR")
    assert not any(outcome.posted for outcome in books.post(*ops.with_fee(payment, fees=fees, fee=1)))
    assert books.balance(payer) == 60


@pytest.mark.parametrize(("fee", "included"), [(0, False), (-1, False), (60, True), (61, True)])
def test_a_fee_that_does_not_fit_is_an_error(books: Books, fee: int, included: bool) -> None:
    payment = ops.send(payer=new_id(), payee=new_id(), amount=60, currency="EUR")
    with pytest.raises(InvalidAmount):
        ops.with_fee(payment, fees=new_id(), fee=fee, included=included)


def test_the_reference_of_a_fee_is_whole_or_refused() -> None:
    sides = {"payer": new_id(), "payee": new_id(), "amount": 60, "currency": "EUR"}
    whole = ops.send(**sides, reference="r" * 124)  # type: ignore[arg-type]
    assert ops.with_fee(whole, fees=new_id(), fee=1)[1].reference == "fee:" + "r" * 124
    with pytest.raises(InvalidReference, match="124 characters"):
        ops.with_fee(replace(whole, reference="r" * 125), fees=new_id(), fee=1)


def test_an_exchange_moves_both_currencies_or_neither(books: Books) -> None:
    wallet, into = books.funded(1_000), books.account(currency="JPY")
    euros, yen = books.account(AccountKind.AGENT), books.account(AccountKind.AGENT, "JPY")
    bank = books.account(AccountKind.SAFEGUARDING, "JPY")
    books.posted(ops.issue(funds=bank, wallet=yen, amount=10_000, currency="JPY", receipt="slip"))
    legs = ops.exchange(
        wallet=wallet,
        into=into,
        liquidity=euros,
        liquidity_into=yen,
        amount=1_000,
        currency="EUR",
        currency_into="JPY",
        rate=Decimal("163.455"),
        reference="order 5",
        effective_at=books.now - timedelta(hours=1),
    )
    books.posted(*legs)
    assert (books.balance(wallet), books.balance(into)) == (0, 1_635)
    with books.database.connection() as connection:
        _, gave = statements.lines(connection, wallet)
        (got,) = statements.lines(connection, into)
    assert [(line.operation, line.reference, line.effective_at) for line in (gave, got)] == [
        (Operation.EXCHANGE, "exchange EUR/JPY 163.455: order 5", books.now - timedelta(hours=1))
    ] * 2
    assert ops.exchange_rate(got.reference or "") == Decimal("163.455")
    more = ops.exchange(
        wallet=wallet,
        into=into,
        liquidity=euros,
        liquidity_into=yen,
        amount=1,
        currency="EUR",
        currency_into="JPY",
        rate=Decimal(163),
    )
    assert not any(outcome.posted for outcome in books.post(*more))
    assert books.balance(into) == 1_635
    books.check()


def test_an_exchange_may_carry_a_fee(books: Books) -> None:
    wallet, into = books.funded(1_000), books.account(currency="JPY")
    euros, yen = books.account(AccountKind.AGENT), books.account(AccountKind.AGENT, "JPY")
    bank, fees = books.account(AccountKind.SAFEGUARDING, "JPY"), books.account(AccountKind.FEES)
    books.posted(ops.issue(funds=bank, wallet=yen, amount=10_000, currency="JPY", receipt="slip"))
    gave, got = ops.exchange(
        wallet=wallet,
        into=into,
        liquidity=euros,
        liquidity_into=yen,
        amount=900,
        currency="EUR",
        currency_into="JPY",
        rate=Decimal(160),
    )
    books.posted(*ops.with_fee(gave, fees=fees, fee=9), got)
    assert [books.balance(each) for each in (wallet, euros, fees, into)] == [91, 900, 9, 1_440]


@pytest.mark.parametrize("reference", ["exchange EUR/JPY", "order 5", "exchange EUR/JPY 1.5x", ""])
def test_other_references_name_no_rate(reference: str) -> None:
    with pytest.raises(InvalidReference):
        ops.exchange_rate(reference)


@given(rate=st.decimals("0.000000000001", "1000000000", places=12), reference=st.text(max_size=80))
def test_the_rate_is_read_from_an_exchange_as_it_was_given(rate: Decimal, reference: str) -> None:
    accounts = [new_id() for _ in range(4)]
    try:
        legs = ops.exchange(
            wallet=accounts[0],
            into=accounts[1],
            liquidity=accounts[2],
            liquidity_into=accounts[3],
            amount=10**14,
            currency="EUR",
            currency_into="JPY",
            rate=rate,
            reference=reference,
        )
    except InvalidReference:
        assert len(reference) > 60 or "\0" in reference
    else:
        assert [ops.exchange_rate(leg.reference or "") for leg in legs] == [rate, rate]


@given(amount=st.integers(1, 10**9), rate=st.decimals("0.000001", "1000000", places=6))
def test_an_exchange_is_within_half_a_minor_unit_of_the_rate(amount: int, rate: Decimal) -> None:
    accounts = [new_id() for _ in range(4)]
    try:
        _, leg = ops.exchange(
            wallet=accounts[0],
            into=accounts[1],
            liquidity=accounts[2],
            liquidity_into=accounts[3],
            amount=amount,
            currency="EUR",
            currency_into="USD",
            rate=rate,
        )
    except InvalidAmount:
        assert amount * rate <= Decimal("0.5")
    else:
        assert abs(leg.amount - amount * rate) <= Decimal("0.5")

"""E-money operations: what an operator does every day, as transfers on the chart of accounts.

Issue and redemption are at par: the wallet and the funds behind it move by the same amount, and what an
operation costs is a transfer of its own. Nobody composes debits and credits by hand for these.

Each function returns the request; `Ledger.post` posts it, alone, in a batch, or in a group with others. Give
it an `id` or a `key` that you keep: sent again under it, it is posted once. Amounts are minor units, or major
ones as a Decimal or Money, never floats; ids are UUIDs, their texts, or Keys. Between accounts of
other kinds than the operation is for, posting raises WrongAccount. What is reserved first is for
`ledger.holds`, what is given back for `ledger.reversals`, whose `refund` and `reverse` post at once.
"""

import re
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypedDict, Unpack
from uuid import UUID

from emoney.ledger.base.errors import InvalidAmount, InvalidId, InvalidReference
from emoney.ledger.base.ids import Id, Key, as_id, new_id
from emoney.ledger.base.names import REFERENCE_MAX, is_reference
from emoney.ledger.transfers.metadata import Metadata
from emoney.ledger.transfers.money import (
    Amount,
    amount_text,
    as_minor,
    check_amount,
    checked_currency,
    exponent,
)
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Transfer, no_transfer

_RATE = re.compile(r"exchange [A-Z]{3}/[A-Z]{3} (\d+(?:\.\d+)?)(?=$|: )")


class When(TypedDict, total=False):
    """`id`: kept for retries; a new one if left out. `key`: a text of the operator's own in its place.
    `group`: of what stands or falls together. `effective_at`: when it counts; the posting time if left out.
    `metadata`: what the operator keeps with it, see `ledger.transfers.metadata`.
    """

    id: Id | None
    key: str | None
    group: Id | None
    effective_at: datetime | None
    metadata: Metadata | None


class Terms(When, total=False):
    """What an operation may say beside who pays whom how much. `reference`: the operator's own."""

    reference: str | None


def issue(
    *, funds: Id, wallet: Id, amount: Amount, currency: str | None = None, receipt: str, **when: Unpack[When]
) -> Transfer:
    """Issue e-money into `wallet` against funds received on `funds` (safeguarding or in transit).

    `receipt`: the bank's or collector's reference of the money received, which is the transfer's.
    """
    return _made(Operation.LOAD, funds, wallet, amount, currency, reference=receipt, **when)


def redeem(
    *,
    wallet: Id,
    funds: Id,
    amount: Amount,
    currency: str | None = None,
    cash: bool = False,
    **terms: Unpack[Terms],
) -> Transfer:
    """Redeem e-money from `wallet` at par, paid out of `funds`, in cash or to a bank account."""
    operation = Operation.REDEEM_CASH if cash else Operation.REDEEM_BANK
    return _made(operation, wallet, funds, amount, currency, **terms)


def send(
    *,
    payer: Id,
    payee: Id,
    amount: Amount,
    currency: str | None = None,
    operation: Operation = Operation.P2P,
    **terms: Unpack[Terms],
) -> Transfer:
    """Move e-money from one holder to another: p2p, or by another `operation` such as disburse or float."""
    return _made(operation, payer, payee, amount, currency, **terms)


def pay(
    *,
    payer: Id,
    merchant: Id,
    amount: Amount,
    currency: str | None = None,
    remote: bool = False,
    **terms: Unpack[Terms],
) -> Transfer:
    """Pay a merchant, at the counter or, if `remote`, at a distance."""
    operation = Operation.PAY_REMOTE if remote else Operation.PAY
    return _made(operation, payer, merchant, amount, currency, **terms)


def bill(
    *, payer: Id, biller: Id, amount: Amount, currency: str | None = None, **terms: Unpack[Terms]
) -> Transfer:
    """Pay a bill; the reference is the biller's own, such as the number of the invoice."""
    return _made(Operation.BILL, payer, biller, amount, currency, **terms)


def cash_in(
    *, agent: Id, customer: Id, amount: Amount, currency: str | None = None, **terms: Unpack[Terms]
) -> Transfer:
    """Cash handed to an agent becomes e-money of the customer, out of the agent's float."""
    return _made(Operation.CASH_IN, agent, customer, amount, currency, **terms)


def cash_out(
    *, customer: Id, agent: Id, amount: Amount, currency: str | None = None, **terms: Unpack[Terms]
) -> Transfer:
    """The customer's e-money becomes cash from an agent, whose float grows by it."""
    return _made(Operation.CASH_OUT, customer, agent, amount, currency, **terms)


def fee(
    *, payer: Id, fees: Id, amount: Amount, currency: str | None = None, **terms: Unpack[Terms]
) -> Transfer:
    """Charge a fee by itself, such as a monthly one; with what it is for: `with_fee`."""
    return _made(Operation.FEE, payer, fees, amount, currency, **terms)


def _made(
    operation: Operation,
    payer: Id,
    payee: Id,
    amount: Amount,
    currency: str | None,
    reference: str | None = None,
    id: Id | None = None,
    group: Id | None = None,
    effective_at: datetime | None = None,
    key: str | None = None,
    metadata: Metadata | None = None,
) -> Transfer:
    minor, code = as_minor(amount, currency, operation)
    return Transfer(
        _named(id, key),
        payer,
        payee,
        minor,
        code,
        operation,
        reference,
        group,
        effective_at,
        metadata=metadata,
    )


def _named(id: Id | None, key: str | None) -> Id:
    """The id of a request: as given, of its key, or a new one. Raises InvalidId."""
    if key is not None:
        if id is not None:
            raise InvalidId("give an id or a key, not both: the id follows from the key")
        return Key(key)
    return new_id() if id is None else id


def with_fee(transfer: Transfer, *, fees: Id, fee: Amount, included: bool = False) -> list[Transfer]:
    """`transfer` and a fee of its payer to the account `fees`, as one group: both are posted, or neither.

    `included`: the fee comes out of the amount, so the payee gets less; else the payer pays it on top. The
    fee's id follows from the transfer's, so a retry sends the same two; its reference is `fee:` and the
    transfer's. Raises InvalidAmount for a fee that is not positive, or that leaves nothing of the amount,
    InvalidReference for a reference of more than 124 characters: nothing is cut.
    """
    if not isinstance(transfer, Transfer):
        raise no_transfer(transfer)
    fee, _ = as_minor(fee, transfer.currency, "fee")
    moved = transfer.amount - fee if included else transfer.amount
    if fee <= 0 or moved <= 0:
        wrong, whole = (amount_text(each, transfer.currency) for each in (fee, transfer.amount))
        raise InvalidAmount(f"a fee of {wrong} does not fit an amount of {whole}")
    group = transfer.group or transfer.id
    reference = None if transfer.reference is None else f"fee:{transfer.reference}"
    if reference is not None and len(reference) > REFERENCE_MAX:
        raise InvalidReference(
            f"transfer {transfer.id}: with a fee, which is fee: and its reference, that has at most "
            f"{REFERENCE_MAX - len('fee:')} characters"
        )
    charge = replace(
        transfer,
        id=UUID(int=transfer.id.int ^ 1),
        credit_account=as_id(fees, "fees"),
        amount=fee,
        operation=Operation.FEE,
        reference=reference,
        group=group,
        key=None,
        metadata=None,
    )
    return [replace(transfer, amount=moved, group=group), charge]


def exchange(
    *,
    wallet: Id,
    into: Id,
    liquidity: Id,
    liquidity_into: Id,
    amount: Amount,
    currency: str | None = None,
    currency_into: str,
    rate: Decimal,
    reference: str | None = None,
    id: Id | None = None,
    key: str | None = None,
    effective_at: datetime | None = None,
) -> list[Transfer]:
    """Exchange `amount` of `currency` at `rate` (units of `currency_into` for one of `currency`).

    Two linked transfers through the operator's liquidity accounts of the two currencies: both are posted, or
    neither. These accounts are of a kind that holds e-money, such as an agent's float, so that no currency is
    issued without funds behind it. The amount received is rounded half to even to a minor unit; the reference
    of each transfer names the rate before `reference`, for `exchange_rate` to read. Neither is posted without
    the other. Raises InvalidAmount where nothing would be received, InvalidReference where that is too long.
    """
    if not isinstance(rate, Decimal) or not rate.is_finite() or rate <= 0:
        raise InvalidAmount("a rate is a positive Decimal")
    amount, currency = as_minor(amount, currency, "exchange")
    check_amount(amount, "exchange")
    checked_currency(currency_into)
    scaled = Decimal(amount).scaleb(exponent(currency_into) - exponent(currency)) * rate
    received = int(scaled.to_integral_value(ROUND_HALF_EVEN))
    if received <= 0:
        raise InvalidAmount(f"{amount_text(amount, currency)} are nothing in {currency_into} at {rate}")
    name = _named(id, key)
    first = as_id(name, "exchange")
    if reference is not None and not isinstance(reference, str):
        raise InvalidReference("the reference of an exchange is a text")
    said = f"exchange {currency}/{currency_into} {rate:f}" + (f": {reference}" if reference else "")
    if not is_reference(said):
        raise InvalidReference(
            f"{said!r} is no reference: with the rate, it has at most {REFERENCE_MAX} characters"
        )
    return [
        Transfer(name, wallet, liquidity, amount, currency, Operation.EXCHANGE, said, first, effective_at),
        Transfer(
            UUID(int=first.int ^ 2),  # a fee beside the first has the other bit
            liquidity_into,
            into,
            received,
            currency_into,
            Operation.EXCHANGE,
            said,
            first,
            effective_at,
        ),
    ]


def exchange_rate(reference: str) -> Decimal:
    """The rate that an exchange's transfers name in their reference. Raises InvalidReference for another."""
    found = _RATE.match(reference)
    if found is None:
        raise InvalidReference(f"{reference!r} names no rate of exchange")
    return Decimal(found[1])

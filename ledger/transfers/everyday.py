"""E-money operations: what an operator does every day, as transfers on the chart of accounts.

Issue and redemption are at par: the wallet and the funds behind it move by the same amount, and what an
operation costs is a transfer of its own. Nobody composes debits and credits by hand for these.

Each function returns the request; `Ledger.post` posts it, alone, in a batch, or in a group with others. Give
it an `id` that you keep: sent again under it, it is posted once. Amounts are minor units. Between accounts of
other kinds than the operation is for, posting raises WrongAccount. What is reserved first is for
`ledger.holds`, what is given back for `ledger.reversals`, whose `refund` and `reverse` post at once.
"""

import re
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypedDict, Unpack
from uuid import UUID

from emoney.ledger.base.errors import InvalidAmount, InvalidReference
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import REFERENCE_MAX, is_reference
from emoney.ledger.transfers.money import amount_text, exponent
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Transfer

_RATE = re.compile(r"exchange [A-Z]{3}/[A-Z]{3} (\d+(?:\.\d+)?)(?=$|: )")


class When(TypedDict, total=False):
    """`id`: kept for retries; a new one if left out. `group`: of what stands or falls together.
    `effective_at`: when it counts; the posting time if left out.
    """

    id: UUID | None
    group: UUID | None
    effective_at: datetime | None


class Terms(When, total=False):
    """What an operation may say beside who pays whom how much. `reference`: the operator's own."""

    reference: str | None


def issue(
    *, funds: UUID, wallet: UUID, amount: int, currency: str, receipt: str, **when: Unpack[When]
) -> Transfer:
    """Issue e-money into `wallet` against funds received on `funds` (safeguarding or in transit).

    `receipt`: the bank's or collector's reference of the money received, which is the transfer's.
    """
    return _made(Operation.LOAD, funds, wallet, amount, currency, reference=receipt, **when)


def redeem(
    *, wallet: UUID, funds: UUID, amount: int, currency: str, cash: bool = False, **terms: Unpack[Terms]
) -> Transfer:
    """Redeem e-money from `wallet` at par, paid out of `funds`, in cash or to a bank account."""
    operation = Operation.REDEEM_CASH if cash else Operation.REDEEM_BANK
    return _made(operation, wallet, funds, amount, currency, **terms)


def send(
    *,
    payer: UUID,
    payee: UUID,
    amount: int,
    currency: str,
    operation: Operation = Operation.P2P,
    **terms: Unpack[Terms],
) -> Transfer:
    """Move e-money from one holder to another: p2p, or by another `operation` such as disburse or float."""
    return _made(operation, payer, payee, amount, currency, **terms)


def pay(
    *, payer: UUID, merchant: UUID, amount: int, currency: str, remote: bool = False, **terms: Unpack[Terms]
) -> Transfer:
    """Pay a merchant, at the counter or, if `remote`, at a distance."""
    operation = Operation.PAY_REMOTE if remote else Operation.PAY
    return _made(operation, payer, merchant, amount, currency, **terms)


def bill(*, payer: UUID, biller: UUID, amount: int, currency: str, **terms: Unpack[Terms]) -> Transfer:
    """Pay a bill; the reference is the biller's own, such as the number of the invoice."""
    return _made(Operation.BILL, payer, biller, amount, currency, **terms)


def cash_in(*, agent: UUID, customer: UUID, amount: int, currency: str, **terms: Unpack[Terms]) -> Transfer:
    """Cash handed to an agent becomes e-money of the customer, out of the agent's float."""
    return _made(Operation.CASH_IN, agent, customer, amount, currency, **terms)


def cash_out(*, customer: UUID, agent: UUID, amount: int, currency: str, **terms: Unpack[Terms]) -> Transfer:
    """The customer's e-money becomes cash from an agent, whose float grows by it."""
    return _made(Operation.CASH_OUT, customer, agent, amount, currency, **terms)


def fee(*, payer: UUID, fees: UUID, amount: int, currency: str, **terms: Unpack[Terms]) -> Transfer:
    """Charge a fee by itself, such as a monthly one; with what it is for: `with_fee`."""
    return _made(Operation.FEE, payer, fees, amount, currency, **terms)


def _made(
    operation: Operation,
    payer: UUID,
    payee: UUID,
    amount: int,
    currency: str,
    reference: str | None = None,
    id: UUID | None = None,
    group: UUID | None = None,
    effective_at: datetime | None = None,
) -> Transfer:
    return Transfer(id or new_id(), payer, payee, amount, currency, operation, reference, group, effective_at)


def with_fee(transfer: Transfer, *, fees: UUID, fee: int, included: bool = False) -> list[Transfer]:
    """`transfer` and a fee of its payer to the account `fees`, as one group: both are posted, or neither.

    `included`: the fee comes out of the amount, so the payee gets less; else the payer pays it on top. The
    fee's id follows from the transfer's, so a retry sends the same two. Raises InvalidAmount for a fee that
    is not positive, or that leaves nothing of the amount.
    """
    moved = transfer.amount - fee if included else transfer.amount
    if fee <= 0 or moved <= 0:
        wrong, whole = (amount_text(each, transfer.currency) for each in (fee, transfer.amount))
        raise InvalidAmount(f"a fee of {wrong} does not fit an amount of {whole}")
    group = transfer.group or transfer.id
    reference = None if transfer.reference is None else f"fee:{transfer.reference}"[:REFERENCE_MAX]
    charge = replace(
        transfer,
        id=UUID(int=transfer.id.int ^ 1),
        credit_account=fees,
        amount=fee,
        operation=Operation.FEE,
        reference=reference,
        group=group,
    )
    return [replace(transfer, amount=moved, group=group), charge]


def exchange(
    *,
    wallet: UUID,
    into: UUID,
    liquidity: UUID,
    liquidity_into: UUID,
    amount: int,
    currency: str,
    currency_into: str,
    rate: Decimal,
    reference: str | None = None,
    id: UUID | None = None,
    effective_at: datetime | None = None,
) -> list[Transfer]:
    """Exchange `amount` of `currency` at `rate` (units of `currency_into` for one of `currency`).

    Two linked transfers through the operator's liquidity accounts of the two currencies: both are posted, or
    neither. These accounts are of a kind that holds e-money, such as an agent's float, so that no currency is
    issued without funds behind it. The amount received is rounded half to even to a minor unit; the reference
    of each transfer names the rate before `reference`, for `exchange_rate` to read. Neither is posted without
    the other. Raises InvalidAmount where nothing would be received, InvalidReference where that is too long.
    """
    if not rate.is_finite() or rate <= 0:
        raise InvalidAmount(f"{rate} is not a rate: it is positive")
    scaled = Decimal(amount).scaleb(exponent(currency_into) - exponent(currency)) * rate
    received = int(scaled.to_integral_value(ROUND_HALF_EVEN))
    if received <= 0:
        raise InvalidAmount(f"{amount_text(amount, currency)} are nothing in {currency_into} at {rate}")
    first = id or new_id()
    said = f"exchange {currency}/{currency_into} {rate:f}" + (f": {reference}" if reference else "")
    if not is_reference(said):
        raise InvalidReference(
            f"{said!r} is no reference: with the rate, it has at most {REFERENCE_MAX} characters"
        )
    return [
        Transfer(first, wallet, liquidity, amount, currency, Operation.EXCHANGE, said, first, effective_at),
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

"""E-money operations: what an operator does every day, as transfers on the chart of accounts.

Issue and redemption are at par: the wallet and the funds behind it move by the same amount, and what a
redemption costs is a transfer of its own. Nobody composes debits and credits by hand for these.

Each function returns the request; `Ledger.post` posts it, alone, in a batch, or in a group with others.
"""

from datetime import datetime
from uuid import UUID

from ledger.ids import new_id
from ledger.operations import Operation
from ledger.transfers import Transfer


def issue(
    *,
    funds: UUID,
    wallet: UUID,
    amount: int,
    currency: str,
    receipt: str,
    id: UUID | None = None,
    effective_at: datetime | None = None,
) -> Transfer:
    """Issue e-money into `wallet` against funds received on `funds` (safeguarding or in transit).

    `amount`: minor units. `receipt`: the bank's or collector's reference of the money received.
    """
    return Transfer(
        id or new_id(), funds, wallet, amount, currency, Operation.LOAD, receipt, effective_at=effective_at
    )


def redeem(
    *,
    wallet: UUID,
    funds: UUID,
    amount: int,
    currency: str,
    cash: bool = False,
    reference: str | None = None,
    id: UUID | None = None,
    effective_at: datetime | None = None,
) -> Transfer:
    """Redeem e-money from `wallet` at par, paid out of `funds`, in cash or to a bank account."""
    operation = Operation.REDEEM_CASH if cash else Operation.REDEEM_BANK
    return Transfer(
        id or new_id(), wallet, funds, amount, currency, operation, reference, effective_at=effective_at
    )


def pay(
    *,
    payer: UUID,
    payee: UUID,
    amount: int,
    currency: str,
    operation: Operation = Operation.P2P,
    reference: str | None = None,
    group: UUID | None = None,
    id: UUID | None = None,
    effective_at: datetime | None = None,
) -> Transfer:
    """Move e-money from one holder to another: p2p, pay, bill, cash_in, cash_out, disburse, fee, float."""
    return Transfer(id or new_id(), payer, payee, amount, currency, operation, reference, group, effective_at)

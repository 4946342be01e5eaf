"""Between which accounts of the chart each operation moves money, by their kinds.

Limits, monitoring and reports go by the operation, so one that goes by another's name would pass them by: a
load that says it is a transfer, a customer who hands out an agent's cash.
"""

from collections.abc import Collection, Mapping
from itertools import product

from ledger.chart import ASSETS, OUTSTANDING, AccountKind
from ledger.operations import Operation

Pairs = frozenset[tuple[str, str]]
"""The kinds that are debited and credited together, by their values."""

_TILLS = (AccountKind.AGENT, AccountKind.MERCHANT)  # merchants do agents' work, too
_WALLETS = (AccountKind.CUSTOMER, *_TILLS)
_OWN = (AccountKind.FEES, AccountKind.OWN_FUNDS)
_OWED = (*OUTSTANDING, *_OWN)


def _between(debit: Collection[AccountKind], credit: Collection[AccountKind]) -> Pairs:
    return frozenset((payer.value, payee.value) for payer, payee in product(debit, credit))


_ISSUED, _REDEEMED = _between(ASSETS, _OWED), _between(_OWED, ASSETS)
_PAID, _BETWEEN_BANKS = _between(_OWED, _OWED), _between(ASSETS, ASSETS)
_ANY = _ISSUED | _REDEEMED | _PAID | _BETWEEN_BANKS

SIDES: Mapping[Operation, Pairs] = {
    Operation.OPENING: _ISSUED,
    Operation.LOAD: _ISSUED,
    Operation.LOAD_CARD: _ISSUED,
    Operation.LOAD_EMONEY: _ISSUED,
    Operation.REMIT_IN: _ISSUED,
    Operation.CASH_IN: _between(_TILLS, _WALLETS),
    Operation.CASH_OUT: _between(_WALLETS, _TILLS),
    Operation.PAY: _PAID,
    Operation.PAY_REMOTE: _PAID,
    Operation.BILL: _PAID,
    Operation.P2P: _PAID,
    Operation.P2P_REGISTERED: _PAID,
    Operation.CROSS_BORDER: _PAID | _REDEEMED,
    Operation.CRYPTO: _PAID,
    Operation.DISBURSE: _PAID,
    Operation.FLOAT: _PAID | _BETWEEN_BANKS,
    Operation.FEE: _between(_OWED, _OWN),
    Operation.EXCHANGE: _PAID,
    Operation.REFUND: _ANY,  # the other way round from where it came
    Operation.REVERSAL: _ANY,
    Operation.REDEEM_BANK: _REDEEMED,
    Operation.REDEEM_OWN_BANK: _REDEEMED,
    Operation.REDEEM_CASH: _REDEEMED,
    Operation.DORMANCY: _between(OUTSTANDING, OUTSTANDING),
}


def described(operation: Operation) -> str:
    """The kinds of an operation's accounts, for people."""
    pairs = SIDES[operation]
    payers, payees = (", ".join(sorted({pair[side] for pair in pairs})) for side in (0, 1))
    return f"{operation.value} goes from {payers} to {payees}"

"""Between which accounts of the chart each operation moves money, by their kinds.

Limits, monitoring and reports go by the operation, so one that goes by another's name would pass them by: a
load that says it is a transfer, a customer who is paid as a shop or hands out an agent's cash. Held here
alone; that both sides cancel, what issues value and who holds what the database checks, too.
"""

from collections.abc import Collection, Mapping
from itertools import product

from emoney.ledger.transfers.chart import ASSETS, OUTSTANDING, AccountKind
from emoney.ledger.transfers.operations import Operation

Pairs = frozenset[tuple[str, str]]
"""The kinds that are debited and credited together, by their values."""

_TILLS = (AccountKind.AGENT, AccountKind.MERCHANT)  # merchants do agents' work, too
_WALLETS = (AccountKind.CUSTOMER, *_TILLS)
_OWN = (AccountKind.FEES, AccountKind.OWN_FUNDS)
_BUSINESSES = (*_TILLS, AccountKind.SUSPENSE, *_OWN)
_OWED = (*OUTSTANDING, *_OWN)
_ELSEWHERE = (AccountKind.IN_TRANSIT,)  # on its way to whom another issuer or a bank pays


def _between(debit: Collection[AccountKind], credit: Collection[AccountKind]) -> Pairs:
    return frozenset((payer.value, payee.value) for payer, payee in product(debit, credit))


_ISSUED, _REDEEMED, _BETWEEN_BANKS = (
    _between(ASSETS, _OWED),
    _between(_OWED, ASSETS),
    _between(ASSETS, ASSETS),
)
_PAID = _between(_OWED, (*_BUSINESSES, *_ELSEWHERE))
_SENT = _between(OUTSTANDING, (*OUTSTANDING, *_ELSEWHERE))
_APART = (AccountKind.DORMANT,)

SIDES: Mapping[Operation, Pairs] = {
    Operation.OPENING: _ISSUED,
    Operation.LOAD: _ISSUED,
    Operation.LOAD_CARD: _ISSUED,
    Operation.LOAD_EMONEY: _ISSUED,
    Operation.REMIT_IN: _ISSUED | _between(_TILLS, _WALLETS),  # or out of a partner's float
    Operation.CASH_IN: _between(_TILLS, _WALLETS),
    Operation.CASH_OUT: _between(_WALLETS, _TILLS),
    Operation.PAY: _PAID,
    Operation.PAY_REMOTE: _PAID,
    Operation.BILL: _PAID,
    Operation.P2P: _SENT,
    Operation.P2P_REGISTERED: _SENT,
    Operation.CROSS_BORDER: _SENT | _REDEEMED,
    Operation.CRYPTO: _PAID,
    Operation.DISBURSE: _between((*_BUSINESSES, AccountKind.ESCHEAT), _OWED),
    Operation.FLOAT: _between(_BUSINESSES, _BUSINESSES) | _BETWEEN_BANKS,
    Operation.FEE: _between(_OWED, _BUSINESSES) | _between(_OWN, ASSETS),  # a bank's charges, too
    Operation.EXCHANGE: _between(_OWED, _OWED),
    Operation.REFUND: _ISSUED | _REDEEMED | _BETWEEN_BANKS | _between(_OWED, _OWED),
    Operation.REVERSAL: _ISSUED | _REDEEMED | _BETWEEN_BANKS | _between(_OWED, _OWED),
    Operation.REDEEM_BANK: _REDEEMED,
    Operation.REDEEM_OWN_BANK: _REDEEMED,
    Operation.REDEEM_CASH: _REDEEMED,
    Operation.DORMANCY: _between(_WALLETS, _APART)
    | _between(_APART, (*_WALLETS, AccountKind.SUSPENSE, AccountKind.ESCHEAT)),
}
"""What gives back goes the other way round from where it came, so between any."""

ISSUES = frozenset(operation for operation, pairs in SIDES.items() if pairs & _ISSUED) - {
    Operation.REFUND,
    Operation.REVERSAL,
}
"""By which e-money comes into being, for some or all of their pairs, and by what gives back a redemption."""


def described(operation: Operation) -> str:
    """The kinds of an operation's accounts, for people."""
    pairs = SIDES[operation]
    payers, payees = (", ".join(sorted({pair[side] for pair in pairs})) for side in (0, 1))
    return f"{operation.value} goes from {payers} to {payees}"

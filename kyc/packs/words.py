"""The words of policy packs for operations, and which operations of the ledger each one names.

Seen from the wallet: every word but `any` has one direction. A rule measures all that its words name. Where
one operation is meant, such as in "what would happen if", a word stands for the most ordinary operation it
names: `load` for a transfer by bank, `pay_any` for a payment in person, `p2p_out` for one to a payee who was
not registered before, `redeem_bank` for one to the holder's own bank account.
"""

from typing import Literal, NamedTuple, get_args

from emoney.ledger.limits.rules import Direction
from emoney.ledger.transfers.operations import Operation

PackOperation = Literal[
    "any",
    "load",
    "load_cash",
    "load_bank",
    "load_card",
    "load_emoney",
    "remit_in",
    "pay_present",
    "pay_remote",
    "pay_any",
    "bill_pay",
    "p2p_in",
    "p2p_out",
    "p2p_out_registered_payee",
    "p2p_out_other",
    "bank_out",
    "bank_out_own",
    "cash_out",
    "redeem_cash",
    "redeem_bank",
    "cross_border_out",
    "crypto_out",
]

DeniedOperation = Literal[PackOperation, "load_reload"]
"""`load_reload`: every load but a wallet's first."""

WORDS: tuple[PackOperation, ...] = get_args(PackOperation)


class Named(NamedTuple):
    """What a word names. `asked_as`: the one operation it stands for; `direction`: None for both."""

    direction: Direction | None
    operations: frozenset[Operation]
    asked_as: Operation


COUNTED = frozenset(Operation) - {Operation.OPENING, Operation.DORMANCY}
"""Every operation but those that are not the holder's doing, such as a balance carried over."""


def _in(*operations: Operation) -> Named:
    return Named(Direction.IN, frozenset(operations), operations[0])


def _out(*operations: Operation) -> Named:
    return Named(Direction.OUT, frozenset(operations), operations[0])


_LOADS = (
    Operation.LOAD,
    Operation.LOAD_CARD,
    Operation.LOAD_EMONEY,
    Operation.CASH_IN,
    Operation.REMIT_IN,  # whoever is sent money from abroad has the wallet loaded
)

_NAMED: dict[str, Named] = {
    "any": Named(None, COUNTED, Operation.FEE),  # a fee is in no other word
    "load": _in(*_LOADS),
    "load_reload": _in(*_LOADS),
    "load_cash": _in(Operation.CASH_IN),
    "load_bank": _in(Operation.LOAD),
    "load_card": _in(Operation.LOAD_CARD),
    "load_emoney": _in(Operation.LOAD_EMONEY),
    "remit_in": _in(Operation.REMIT_IN),
    "pay_present": _out(Operation.PAY),
    "pay_remote": _out(Operation.PAY_REMOTE, Operation.BILL),  # a bill is paid at a distance
    "pay_any": _out(Operation.PAY, Operation.PAY_REMOTE, Operation.BILL),
    "bill_pay": _out(Operation.BILL),
    "p2p_in": _in(Operation.P2P, Operation.P2P_REGISTERED),
    "p2p_out": _out(Operation.P2P, Operation.P2P_REGISTERED),
    "p2p_out_registered_payee": _out(Operation.P2P_REGISTERED),
    "p2p_out_other": _out(Operation.P2P),
    "bank_out": _out(Operation.REDEEM_BANK, Operation.REDEEM_OWN_BANK),
    "bank_out_own": _out(Operation.REDEEM_OWN_BANK),
    "cash_out": _out(Operation.CASH_OUT),
    "redeem_cash": _out(Operation.REDEEM_CASH),
    "redeem_bank": _out(Operation.REDEEM_OWN_BANK),
    "cross_border_out": _out(Operation.CROSS_BORDER),
    "crypto_out": _out(Operation.CRYPTO),
}

REDEMPTION = frozenset({Operation.REDEEM_OWN_BANK})
"""Stays open where no text refuses it by name: e-money is redeemable at par at any moment.

Source: Directive 2009/110/EC art. 11.
"""

ASKED_FOR = {
    Direction.IN: frozenset({*_LOADS, Operation.P2P, Operation.P2P_REGISTERED, Operation.DISBURSE}),
    Direction.OUT: frozenset().union(
        *(n.operations for n in _NAMED.values() if n.direction is Direction.OUT)
    ),
}
"""What a holder may ask for, by direction: what a list of allowed operations leaves out of it is refused."""


def named_by(word: str) -> Named:
    """What `word` names. Raises KeyError."""
    return _NAMED[word]


def operations_of(words: tuple[str, ...], *, excluding: tuple[str, ...] = ()) -> frozenset[Operation]:
    """All operations that `words` name and `excluding` does not."""
    named = frozenset().union(*(_NAMED[word].operations for word in words))
    return named.difference(*(_NAMED[word].operations for word in excluding))


def direction_of(word: str) -> Direction | None:
    """The direction an operation has by its name; None for `any`, which has both."""
    return _NAMED[word].direction

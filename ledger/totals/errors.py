"""What goes wrong with day totals."""

from emoney.ledger.base.errors import EmoneyError


class TotalsDamaged(EmoneyError):
    """Accounts, or the last day total itself, are not what was totalled: no other is made on top of it."""

"""Safeguarding: bank statements, the daily reconciliation of the books against them, and own funds."""

from emoney.ledger.safeguarding.bank_statements import BankStatement, StatementEntry, StatementError
from emoney.ledger.safeguarding.importing import Imported, import_statements, read_statements
from emoney.ledger.safeguarding.own_funds import OwnFunds, own_funds
from emoney.ledger.safeguarding.reconciliation import (
    AccountFinding,
    CurrencyFinding,
    Event,
    EventKind,
    Reconciliation,
    last_day,
    reconcile,
)

__all__ = [
    "BankStatement",
    "StatementEntry",
    "StatementError",
    "Imported",
    "import_statements",
    "read_statements",
    "OwnFunds",
    "own_funds",
    "AccountFinding",
    "CurrencyFinding",
    "Event",
    "EventKind",
    "Reconciliation",
    "reconcile",
    "last_day",
]

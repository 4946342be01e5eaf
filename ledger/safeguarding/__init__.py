"""Safeguarding: bank statements, the daily reconciliation of the books against them, and own funds."""

from ledger.safeguarding.bank_statements import BankStatement, StatementEntry, StatementError
from ledger.safeguarding.importing import Imported, import_statements, read_statements
from ledger.safeguarding.own_funds import OwnFunds, own_funds
from ledger.safeguarding.reconciliation import (
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

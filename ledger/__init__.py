"""Floor 1: moves money. Accounts, transfers, limits. Holds no personal data: a holder is an opaque UUID."""

from ledger.accounts import Account, NewAccount
from ledger.chart import AccountKind
from ledger.database import Database
from ledger.group_commit import GroupCommit
from ledger.ledger import Ledger
from ledger.limits import LimitProfile, LimitRule
from ledger.operations import Operation
from ledger.transfers import Outcome, Refusal, Transfer

__all__ = [
    "Ledger",
    "GroupCommit",
    "Database",
    "Transfer",
    "Operation",
    "Outcome",
    "Refusal",
    "AccountKind",
    "NewAccount",
    "Account",
    "LimitProfile",
    "LimitRule",
]

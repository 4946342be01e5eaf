"""Floor 1: moves money. Accounts, transfers, limits. Holds no personal data: a holder is an opaque UUID."""

from emoney.ledger.accounts.account import Account, NewAccount
from emoney.ledger.async_ledger import AsyncLedger
from emoney.ledger.base.ids import Key
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.group_commit.commit import GroupCommit
from emoney.ledger.ledger import Ledger
from emoney.ledger.limits.rules import LimitProfile, LimitRule
from emoney.ledger.reading import Page, Reading
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.money import Money
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer

__all__ = [
    "Ledger",
    "GroupCommit",
    "AsyncLedger",
    "Reading",
    "Page",
    "Database",
    "Transfer",
    "Operation",
    "Key",
    "Money",
    "Outcome",
    "Refusal",
    "AccountKind",
    "NewAccount",
    "Account",
    "LimitProfile",
    "LimitRule",
]

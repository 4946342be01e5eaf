"""Floor 1: moves money. Accounts, transfers, limits. Holds no personal data: a holder is an opaque UUID."""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.ledger.accounts.account import IMPORT_ROLE, Account, NewAccount
    from emoney.ledger.async_ledger import AsyncLedger
    from emoney.ledger.base.errors import EmoneyError, InvalidInput
    from emoney.ledger.base.ids import Key
    from emoney.ledger.base.postgres.database import Database
    from emoney.ledger.base.postgres.pool import PoolOptions
    from emoney.ledger.group_commit.commit import GroupCommit
    from emoney.ledger.ledger import Ledger
    from emoney.ledger.limits.profiles import POLICY_ROLE
    from emoney.ledger.limits.rules import LimitProfile, LimitRule
    from emoney.ledger.reading import Page, Reading
    from emoney.ledger.receipts import Receipts
    from emoney.ledger.transfers.chart import AccountKind
    from emoney.ledger.transfers.money import Money
    from emoney.ledger.transfers.operations import Operation
    from emoney.ledger.transfers.transfer import Outcome, Refusal, Transfer
else:
    __getattr__ = face(
        __name__,
        {
            "Ledger": "ledger",
            "GroupCommit": "group_commit.commit",
            "AsyncLedger": "async_ledger",
            "Reading": "reading",
            "Page": "reading",
            "Receipts": "receipts",
            "Key": "base.ids",
            "EmoneyError": "base.errors",
            "InvalidInput": "base.errors",
            "Money": "transfers.money",
            "Database": "base.postgres.database",
            "PoolOptions": "base.postgres.pool",
            "Transfer": "transfers.transfer",
            "Operation": "transfers.operations",
            "Outcome": "transfers.transfer",
            "Refusal": "transfers.transfer",
            "AccountKind": "transfers.chart",
            "NewAccount": "accounts.account",
            "Account": "accounts.account",
            "IMPORT_ROLE": "accounts.account",
            "POLICY_ROLE": "limits.profiles",
            "LimitProfile": "limits.rules",
            "LimitRule": "limits.rules",
        },
    )

__all__ = [
    "Ledger",
    "GroupCommit",
    "AsyncLedger",
    "Reading",
    "Page",
    "Receipts",
    "Database",
    "PoolOptions",
    "Transfer",
    "Operation",
    "Key",
    "EmoneyError",
    "InvalidInput",
    "Money",
    "Outcome",
    "Refusal",
    "AccountKind",
    "NewAccount",
    "Account",
    "IMPORT_ROLE",
    "POLICY_ROLE",
    "LimitProfile",
    "LimitRule",
]

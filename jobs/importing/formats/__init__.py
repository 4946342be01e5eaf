"""What a file format is, and the formats there are.

A format reads an operator's files as a stream of rows: accounts, openings, transfers. It checks values, row
by row; what concerns rows together (unknown accounts, ids used twice, order of time) is checked for all
formats alike by staging. A further format is one module in this package that ends in `FORMAT = ...`; its
name is the module's, with hyphens.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.extras import demanded
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.operations import Operation


class Input(NamedTuple):
    """What there is to read. `start`: the moment a simulation's first step begins, for formats that count
    steps.
    """

    transfers: Path
    accounts: Path | None
    currency: str
    start: datetime


class Opening(Enum):
    """Opening balances that are not a number."""

    COVER = "cover"
    """As much as the account pays out in the whole file, so that it can never be short: for float that the
    file uses without saying what it was. What the account receives is left out, for a payer may be
    refused."""


class AccountRow(NamedTuple):
    """An account. `seen`: only mentioned by a transfer, so that it may come again; the first mention counts.

    `opening`: minor units. `opened`: None when the file does not say. `holder_ref`: the operator's customer
    number, if any. `tier`: the file's word for the customer's KYC tier. `line`: in the accounts file, or in
    the transfers file when `seen`.
    """

    line: int
    ref: str
    kind: AccountKind
    tier: str | None = None
    opened: datetime | None = None
    holder_ref: str | None = None
    opening: int | Opening = 0
    seen: bool = False


class OpeningRow(NamedTuple):
    """An opening balance, in minor units, that the transfers file states on a line of its own."""

    line: int
    ref: str
    amount: int


class TransferRow(NamedTuple):
    """A transfer: who pays (`debit_ref`), who is paid, and minor units above zero. `ref`: the operator's
    own id.
    """

    line: int
    ref: str
    at: datetime
    operation: Operation
    debit_ref: str
    credit_ref: str
    amount: int


class SkippedRow(NamedTuple):
    """A row of the transfers file that moves nothing, and why, in few words that are the same for all its
    kind.
    """

    line: int
    reason: str


Row = AccountRow | OpeningRow | TransferRow | SkippedRow


class Columns(NamedTuple):
    """What the file calls its columns, for messages. `account` and `opening` are the accounts file's."""

    account: str
    opening: str
    tier: str
    ref: str
    at: str
    debit: str
    credit: str
    amount: str


class Format(Protocol):
    """A file format."""

    needs_accounts: bool
    """Whether an accounts file must be given."""
    takes_accounts: bool
    """Whether one may be given."""
    columns: Columns

    def read(self, given: Input) -> Iterator[Row]:
        """The rows in file order, in bounded memory. Raises BadFile."""


def names() -> list[str]:
    """The formats there are."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find(name: str) -> Format:
    """The format of that name. Raises InvalidInput, and MissingExtra without what reads such files."""
    if name not in names():
        raise InvalidInput(f"{name!r} is not a format of import files; there are {', '.join(names())}")
    with demanded():
        module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast(Format, module.FORMAT)

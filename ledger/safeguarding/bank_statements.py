"""A bank's statement of a safeguarding account, whatever format it came in.

Of each entry the amount, the booking date and the references are kept. Names, other parties' account numbers
and free text stay in the bank's file: the ledger holds no personal data.
"""

import hashlib
from dataclasses import dataclass
from datetime import date

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.names import is_reference
from emoney.ledger.transfers.money import amount_text

NO_REFERENCE = frozenset({"NOTPROVIDED", "NONREF", "NOTAVAILABLE", "NOREF"})
"""What formats and banks write where there is no reference."""

BANK_ACCOUNT_MAX = 64


class StatementError(InvalidInput):
    """A bank statement that cannot be taken. `line`: where in the file, counted from 1, where it is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """A booked entry. `amount`: minor units, positive where funds came in.

    `reference`: the end-to-end reference, ours if the bank carries it; `bank_reference`: the bank's own.
    """

    booked_on: date
    amount: int
    reference: str | None
    bank_reference: str | None


@dataclass(frozen=True, slots=True)
class BankStatement:
    """One statement: the opening balance, the booked entries, the closing balance; minor units of `currency`.

    `statement_ref`: the bank's id of the statement. `bank_account`: the bank's name for the account. It
    covers the days from `opening_on` to `closing_on`; `sequence` orders those that close on one day.
    """

    statement_ref: str
    format: str
    bank_account: str
    currency: str
    sequence: int
    opening_on: date
    closing_on: date
    opening_balance: int
    closing_balance: int
    entries: tuple[StatementEntry, ...]
    line: int

    def check(self) -> None:
        """Raise StatementError unless the entries lead from the opening to the closing balance."""
        if not is_reference(self.statement_ref):
            raise StatementError("the statement's id has not 1 to 128 characters", self.line)
        if not 0 < len(self.bank_account) <= BANK_ACCOUNT_MAX:
            raise StatementError(f"the account's id has not 1 to {BANK_ACCOUNT_MAX} characters", self.line)
        if self.opening_on > self.closing_on:
            raise StatementError(
                f"statement {self.statement_ref} opens on {self.opening_on}, after it closes on "
                f"{self.closing_on}",
                self.line,
            )
        moved = sum(entry.amount for entry in self.entries)
        if self.opening_balance + moved != self.closing_balance:
            opening, entries, made, closing = (
                amount_text(minor, self.currency)
                for minor in (self.opening_balance, moved, self.opening_balance + moved, self.closing_balance)
            )
            raise StatementError(
                f"statement {self.statement_ref} does not add up: opening {opening} and entries of {entries} "
                f"make {made}, not the closing {closing}",
                self.line,
            )

    def content_hash(self) -> bytes:
        """SHA-256 of what the statement says (32 bytes): the same id with another hash is a conflict."""
        head = (
            "bank-statement/1",
            self.bank_account,
            self.currency,
            self.sequence,
            self.opening_on,
            self.closing_on,
            self.opening_balance,
            self.closing_balance,
        )
        rows = ((e.booked_on, e.amount, e.reference, e.bank_reference) for e in self.entries)
        return hashlib.sha256(
            "\n".join(repr(tuple(map(str, row))) for row in (head, *rows)).encode()
        ).digest()


def clean_reference(text: str | None) -> str | None:
    """A reference as it is kept: trimmed; None where there is none or where it could not be stored."""
    trimmed = (text or "").strip()
    if trimmed.upper() in NO_REFERENCE or not is_reference(trimmed):
        return None
    return trimmed

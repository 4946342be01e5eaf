"""Bank statements in SWIFT MT940, read through the `mt-940` library.

A file holds messages, each from a `:20:` to the next; a message is one statement or one page of one. The
library keeps no line numbers, so where one is to be told the file's own lines are looked at again.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import mt940

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.safeguarding.bank_statements import (
    BankStatement,
    StatementEntry,
    StatementError,
    clean_reference,
)
from emoney.ledger.transfers.money import to_minor

_OPTIONS = mt940.Options.all()
_TAG = re.compile(r":([0-9]{2}[A-Z]?|NS):")
_ENTRY = mt940.tags.Statement()
_OPENING = ("final_opening_balance", "intermediate_opening_balance", "opening_balance")
_CLOSING = ("final_closing_balance", "intermediate_closing_balance", "closing_balance")


def read_mt940(path: Path) -> Iterator[BankStatement]:
    """The statements of an MT940 file, in its order. Raises StatementError with the line.

    Reads UTF-8 or, failing that, ISO 8859-1. Memory: the file.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso-8859-1")
    lines = text.replace("\r\n", "\n").split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith(":20:")]
    if not starts:
        raise StatementError("no message: an MT940 statement begins with :20:", 1)
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield _statement(lines[start:end], start + 1)


def _statement(lines: list[str], first: int) -> BankStatement:
    """The statement of one message, whose first line has the number `first` in the file."""
    end = next((n for n, line in enumerate(lines) if line.rstrip() in ("-", "-}")), len(lines))
    fields = _fields(lines[:end], first)
    try:
        (found,) = mt940.parse_statements("\n".join(lines[:end]), options=_OPTIONS)
        return _bound(found.data, found.transactions, fields)
    except StatementError:
        raise
    except (InvalidInput, RuntimeError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        why = str(error) if isinstance(error, InvalidInput) else "a field is missing or malformed"
        raise StatementError(f"in the message that begins here: {why}", first) from error


def _fields(lines: list[str], first: int) -> dict[str, list[tuple[int, str]]]:
    """The lines of the file where each tag stands, with its text; entries that are no entries are refused."""
    fields: dict[str, list[tuple[int, str]]] = {}
    current: list[tuple[int, str]] | None = None
    for number, line in enumerate(lines, first):
        tag = _TAG.match(line)
        if tag is not None:
            current = fields.setdefault(tag[1], [])
            current.append((number, line[tag.end() :]))
        elif current is not None and line.strip():
            at, before = current[-1]
            current[-1] = (at, f"{before}\n{line}")
    for number, text in fields.get("61", ()):
        found = _ENTRY.re.match(text.strip())
        # the library takes an entry without a comma or a type, and reads what follows as its reference
        if found is None or found["amount"].count(",") != 1 or found["id"] is None:
            raise StatementError(
                "not an entry (:61:): date, C or D, amount with a comma, type, reference", number
            )
    for number, text in (field for tag in ("60F", "60M", "62F", "62M") for field in fields.get(tag, ())):
        if re.fullmatch(r"[CD]\d{6}[A-Z]{3}\d{1,12},\d{0,3}", text.strip()) is None:
            raise StatementError("not a balance: C or D, date, currency, amount with a comma", number)
    return fields


def _bound(
    data: dict[str, Any], transactions: list[Any], fields: dict[str, list[tuple[int, str]]]
) -> BankStatement:
    line = fields["20"][0][0]
    opening, closing = _balance(data, _OPENING), _balance(data, _CLOSING)
    if opening is None or closing is None:
        missing = ":60F: or :60M:" if opening is None else ":62F: or :62M:"
        raise StatementError(f"the message has no balance {missing}", line)
    account = data.get("account_identification")
    if not account:
        raise StatementError("the message has no account (:25:)", line)
    currency = opening.amount.currency
    if closing.amount.currency != currency:
        raise StatementError("the opening and closing balances are in different currencies", line)
    at = [number for number, _ in fields.get("61", ())]
    booked = [transaction for transaction in transactions if transaction.data.get("amount") is not None]
    if len(at) != len(booked):
        raise StatementError(f"{len(at)} entries (:61:) were written and {len(booked)} understood", line)
    entries = [
        _entry(transaction.data, currency, number) for transaction, number in zip(booked, at, strict=True)
    ]
    number, page = data.get("statement_number") or "0", data.get("sequence_number") or "0"
    closing_on = _plain(closing.date)
    opening_on = min((entry.booked_on for entry in entries), default=closing_on)
    statement = BankStatement(
        f"{data['transaction_reference']}:{number}/{page}:{closing_on.isoformat()}",
        "mt940",
        str(account),
        currency,
        int(number) * 100_000 + int(page),
        min(opening_on, closing_on),
        closing_on,
        _minor(opening.amount.amount, currency),
        _minor(closing.amount.amount, currency),
        tuple(entry for entry in entries if entry.amount),
        line,
    )
    statement.check()
    return statement


def _balance(data: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)


def _entry(data: dict[str, Any], currency: str, line: int) -> StatementEntry:
    booked_on = _plain(data.get("entry_date") or data["date"])
    if abs(booked_on - _plain(data["date"])) > timedelta(days=366):
        raise StatementError("the entry's dates are more than a year apart", line)
    try:
        amount = _minor(data["amount"].amount, currency)
    except InvalidInput as error:
        raise StatementError(str(error), line) from error
    return StatementEntry(
        booked_on,
        amount,
        clean_reference(data.get("customer_reference")),
        clean_reference(data.get("bank_reference")),
    )


def _minor(amount: Decimal, currency: str) -> int:
    return to_minor(Decimal(amount), currency)


def _plain(found: date) -> date:
    return date(found.year, found.month, found.day)

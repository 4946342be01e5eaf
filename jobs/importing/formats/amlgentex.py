"""The output of the AMLGentex simulator: a Parquet log of daily steps and, optionally, its accounts.csv.

Account -2 is where income comes from and -1 where spending goes: both are funds in transit between the
issuer and the bank, so income is a load and spending a redemption. INITALBALANCE rows (the simulator's
spelling) are opening balances. Amounts are binary fractions. Rows have no id of their own: it is their
number, from 1. A step is a day; its transfers are dated noon.
"""

from collections.abc import Iterator
from datetime import timedelta

from emoney.jobs.importing.bad_file import BadValue, shape
from emoney.jobs.importing.formats import (
    AccountRow,
    Columns,
    Format,
    Input,
    OpeningRow,
    Row,
    SkippedRow,
    TransferRow,
)
from emoney.jobs.importing.parquet import ParquetTable
from emoney.jobs.importing.reading import CsvTable
from emoney.jobs.importing.values import amount_reader, count_reader, float_amount_reader
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.operations import Operation

_INCOME = -2
_DAYS_MAX = 36_600
_NOON = timedelta(hours=12)
_OPENING_TYPE = "INITALBALANCE"
_CASH_TYPE = "CASH"
_TYPES = ("TRANSFER", _CASH_TYPE, _OPENING_TYPE)
_REMEMBERED_MAX = 100_000
"""Mentions beyond these may be repeated; staging keeps the first."""


class AmlGentex:
    """The format `amlgentex`."""

    needs_accounts = False
    takes_accounts = True
    columns = Columns(
        account="ACCOUNT_ID",
        opening="INIT_BALANCE",
        tier="none",
        ref="row number",
        at="step",
        debit="nameOrig",
        credit="nameDest",
        amount="amount",
    )

    def read(self, given: Input) -> Iterator[Row]:
        """The accounts where they are given, then the log. Raises BadFile."""
        if given.accounts is not None:
            yield from _accounts(given)
        yield from _log(given, mention_customers=given.accounts is None)


def _accounts(given: Input) -> Iterator[Row]:
    assert given.accounts is not None
    table = CsvTable(given.accounts, ("ACCOUNT_ID", "CUSTOMER_ID", "INIT_BALANCE"))
    opening_of = amount_reader("INIT_BALANCE", given.currency)
    number_of = count_reader("ACCOUNT_ID", 0, 2**31 - 1)
    for account, customer, opening in table:
        try:
            yield AccountRow(
                table.line,
                str(number_of(account)),
                AccountKind.CUSTOMER,
                holder_ref=customer or None,
                opening=opening_of(opening),
            )
        except BadValue as wrong:
            raise table.bad(wrong) from None


def _log(given: Input, *, mention_customers: bool) -> Iterator[Row]:
    columns = {
        "step": "integer",
        "type": "text",
        "amount": "number",
        "nameOrig": "integer",
        "nameDest": "integer",
    }
    table = ParquetTable(given.transfers, columns)
    amount_of = float_amount_reader("amount", given.currency)
    day_of = count_reader("step", 0, _DAYS_MAX)
    mentioned: set[int] = set()
    for step, kind, value, payer, payee in table:
        try:
            _check(kind, payer, payee)
            if len(mentioned) > _REMEMBERED_MAX:
                mentioned.clear()
            for account in (payer, payee):
                if account not in mentioned:
                    mentioned.add(account)
                    if account < 0:
                        yield AccountRow(table.line, str(account), AccountKind.IN_TRANSIT, seen=True)
                    elif mention_customers:
                        yield AccountRow(table.line, str(account), AccountKind.CUSTOMER, seen=True)
            amount = amount_of(value)
            at = given.start + timedelta(days=day_of(step)) + _NOON
            if kind == _OPENING_TYPE:
                yield OpeningRow(table.line, str(payee), amount)
            elif amount == 0:
                yield SkippedRow(table.line, "amount 0 moves nothing")
            else:
                yield TransferRow(
                    table.line,
                    str(table.line),
                    at,
                    _operation(kind, payer, payee),
                    str(payer),
                    str(payee),
                    amount,
                )
        except BadValue as wrong:
            raise table.bad(wrong) from None


def _check(kind: str, payer: int, payee: int) -> None:
    if kind not in _TYPES:
        raise BadValue("type", f"{shape(kind)} is unknown", f"there are {', '.join(_TYPES)}")
    for column, account in (("nameOrig", payer), ("nameDest", payee)):
        if account < _INCOME:
            raise BadValue(column, f"{account} is not an account", "accounts are -2, -1 and above")


def _operation(kind: str, payer: int, payee: int) -> Operation:
    if payer < 0:
        return Operation.LOAD
    if payee < 0:
        return Operation.REDEEM_CASH if kind == _CASH_TYPE else Operation.REDEEM_BANK
    return Operation.P2P


FORMAT: Format = AmlGentex()

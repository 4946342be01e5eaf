"""A mobile-money operator's export: an accounts file and a transactions file, both CSV.

Wallets of customers, agents with float, merchants, billers and employers; every account is in the accounts
file with its opening balance. Times are UTC.
"""

from collections.abc import Iterator

from emoney.jobs.importing.bad_file import BadValue, shape
from emoney.jobs.importing.formats import AccountRow, Columns, Format, Input, Row, TransferRow
from emoney.jobs.importing.reading import CsvTable
from emoney.jobs.importing.values import amount_reader, day_reader, moment_reader
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.operations import Operation

_KINDS = {
    "wallet": AccountKind.CUSTOMER,
    "agent": AccountKind.AGENT,
    "merchant": AccountKind.MERCHANT,
    "biller": AccountKind.MERCHANT,
    "employer": AccountKind.MERCHANT,
}
_OPERATIONS = {
    "CASH_IN": Operation.CASH_IN,
    "CASH_OUT": Operation.CASH_OUT,
    "MERCHANT": Operation.PAY,
    "BILL": Operation.BILL,
    "P2P": Operation.P2P,
    "SALARY": Operation.DISBURSE,
}


class MobileMoney:
    """The format `mobile-money`."""

    needs_accounts = True
    takes_accounts = True
    columns = Columns(
        account="account_id",
        opening="opening_balance",
        tier="kyc_tier",
        ref="tx_id",
        at="ts",
        debit="from_account",
        credit="to_account",
        amount="amount",
    )

    def read(self, given: Input) -> Iterator[Row]:
        """All accounts, then all transfers. Raises BadFile."""
        yield from _accounts(given)
        yield from _transfers(given)


def _accounts(given: Input) -> Iterator[Row]:
    assert given.accounts is not None
    table = CsvTable(
        given.accounts, ("account_id", "kind", "kyc_tier", "opened", "customer_id", "opening_balance")
    )
    opening_of = amount_reader("opening_balance", given.currency)
    day_of = day_reader("opened")
    for ref, kind, tier, opened, customer, opening in table:
        try:
            yield AccountRow(
                table.line,
                ref,
                _kind(kind),
                tier or None,
                day_of(opened) if opened else None,
                customer or None,
                opening_of(opening),
            )
        except BadValue as wrong:
            raise table.bad(wrong) from None


def _transfers(given: Input) -> Iterator[Row]:
    table = CsvTable(given.transfers, ("tx_id", "ts", "type", "amount", "from_account", "to_account"))
    amount_of = amount_reader("amount", given.currency)
    moment_of = moment_reader("ts")
    for ref, at, kind, amount, payer, payee in table:
        try:
            yield TransferRow(
                table.line, ref, moment_of(at), _operation(kind), payer, payee, amount_of(amount)
            )
        except BadValue as wrong:
            raise table.bad(wrong) from None


def _kind(text: str) -> AccountKind:
    try:
        return _KINDS[text]
    except KeyError:
        raise BadValue("kind", f"{shape(text)} is unknown", f"there are {', '.join(_KINDS)}") from None


def _operation(text: str) -> Operation:
    try:
        return _OPERATIONS[text]
    except KeyError:
        raise BadValue("type", f"{shape(text)} is unknown", f"there are {', '.join(_OPERATIONS)}") from None


FORMAT: Format = MobileMoney()

"""The output of the PaySim simulator of mobile money (CSV, hourly steps).

There is no accounts file: accounts are what the rows mention, C… a customer, M… a merchant that is also an
agent, B… a biller. A customer opens with its balance before its first row; the float of an M that pays out
at cash-in is not in the file and is covered. Attempts that the simulation flags as overdrafts are imported
like the others: the ledger refuses them. Rows have no id of their own: it is their number, from 1.
"""

from collections.abc import Iterator
from datetime import timedelta

from emoney.jobs.importing.bad_file import BadValue, shape
from emoney.jobs.importing.formats import AccountRow, Columns, Format, Input, Opening, Row, TransferRow
from emoney.jobs.importing.reading import CsvTable
from emoney.jobs.importing.values import amount_reader, count_reader
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.operations import Operation

_OPERATIONS = {
    "CASH_IN": (Operation.CASH_IN, "C", "M"),
    "CASH_OUT": (Operation.CASH_OUT, "C", "M"),
    "PAYMENT": (Operation.PAY, "C", "M"),
    "DEBIT": (Operation.BILL, "C", "B"),
    "TRANSFER": (Operation.P2P, "C", "C"),
}
_STEPS_MAX = 1_000_000
_REMEMBERED_MAX = 100_000
"""Mentions beyond these may be repeated; staging keeps the first."""


class PaySim:
    """The format `paysim`."""

    needs_accounts = False
    takes_accounts = False
    columns = Columns(
        account="nameOrig or nameDest",
        opening="oldBalanceOrig or oldBalanceDest",
        tier="none",
        ref="row number",
        at="step",
        debit="nameOrig",
        credit="nameDest",
        amount="amount",
    )

    def read(self, given: Input) -> Iterator[Row]:
        """Each transfer behind the first mention of its accounts. Raises BadFile."""
        table = CsvTable(
            given.transfers,
            ("step", "action", "amount", "nameOrig", "oldBalanceOrig", "nameDest", "oldBalanceDest"),
        )
        amount_of = amount_reader("amount", given.currency)
        old_of_origin = amount_reader("oldBalanceOrig", given.currency)
        old_of_destination = amount_reader("oldBalanceDest", given.currency)
        step_of = count_reader("step", 1, _STEPS_MAX)
        mentioned: set[str] = set()
        for number, values in enumerate(table, 1):
            step, action, amount, origin, old_origin, destination, old_destination = values
            try:
                operation, origin_letter, destination_letter = _operation(action)
                _check_name("nameOrig", origin, origin_letter, action)
                _check_name("nameDest", destination, destination_letter, action)
                if len(mentioned) > _REMEMBERED_MAX:
                    mentioned.clear()
                if origin not in mentioned:
                    mentioned.add(origin)
                    yield _customer(table.line, origin, old_of_origin(old_origin))
                if destination not in mentioned:
                    mentioned.add(destination)
                    if destination_letter == "C":
                        yield _customer(table.line, destination, old_of_destination(old_destination))
                    else:
                        yield _business(table.line, destination)
                at = given.start + timedelta(hours=step_of(step) - 1)
                payer, payee = origin, destination
                if operation is Operation.CASH_IN:
                    payer, payee = destination, origin
                yield TransferRow(table.line, str(number), at, operation, payer, payee, amount_of(amount))
            except BadValue as wrong:
                raise table.bad(wrong) from None


def _operation(action: str) -> tuple[Operation, str, str]:
    try:
        return _OPERATIONS[action]
    except KeyError:
        raise BadValue(
            "action", f"{shape(action)} is unknown", f"there are {', '.join(_OPERATIONS)}"
        ) from None


def _check_name(column: str, name: str, letter: str, action: str) -> None:
    if not name.startswith(letter):
        raise BadValue(column, f"{shape(name)} in a {action}", f"a name with {letter} first is needed there")


def _customer(line: int, ref: str, opening: int) -> AccountRow:
    return AccountRow(line, ref, AccountKind.CUSTOMER, opening=opening, seen=True)


def _business(line: int, ref: str) -> AccountRow:
    return AccountRow(line, ref, AccountKind.MERCHANT, opening=Opening.COVER, seen=True)


FORMAT: Format = PaySim()

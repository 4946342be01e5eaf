"""What is checked of a file as a whole, once staged: rows against each other, and against the ledger.

Each check is one query in staging.sql that gives the first offending line. The file's own faults come before
its conflicts with the ledger, and the accounts file's before the transfers file's.
"""

from emoney.jobs.importing.bad_file import BadFile, shown
from emoney.jobs.importing.formats import Columns, Input
from emoney.jobs.importing.staging import Staging
from emoney.ledger.transfers.money import AMOUNT_MAX, format_amount
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.sides import SIDES, described


def check_file(staging: Staging, given: Input, columns: Columns) -> None:
    """Raise BadFile for the first fault between rows of the file, in the order of the lines."""
    accounts, transfers = _files(given)
    if found := staging.first("account_twice"):
        line, ref, before = found
        raise BadFile(
            accounts,
            f"{shown(ref)} is on line {before} already",
            "an account is listed once",
            line=line,
            column=columns.account,
        )
    faults: list[BadFile] = []
    if found := staging.first("opening_twice"):
        line, ref, before = found
        faults.append(
            BadFile(
                transfers,
                f"{shown(ref)} has an opening balance on line {before} already",
                "an account opens once",
                line=line,
                column=columns.credit,
            )
        )
    if found := staging.first("opening_unknown"):
        line, ref = found
        faults.append(_unknown(transfers, line, columns.credit, ref, given))
    if found := staging.first("opening_disagrees"):
        line, ref, here, there = found
        here_text, there_text = format_amount(here, given.currency), format_amount(there, given.currency)
        faults.append(
            BadFile(
                transfers,
                f"{shown(ref)} opens with {here_text} here and with {there_text} in {accounts}",
                "both must be the same",
                line=line,
                column=columns.amount,
            )
        )
    if found := staging.first("transfer_twice"):
        line, ref, before = found
        faults.append(
            BadFile(
                transfers,
                f"{shown(ref)} is on line {before} already",
                "a transfer is listed once, under an id of its own",
                line=line,
                column=columns.ref,
            )
        )
    if found := staging.first("account_unknown"):
        line, payer, payee, payer_unknown = found
        column, ref = (columns.debit, payer) if payer_unknown else (columns.credit, payee)
        faults.append(_unknown(transfers, line, column, ref, given))
    possible = [
        f"{operation.value} {payer} {payee}" for operation in SIDES for payer, payee in SIDES[operation]
    ]
    if found := staging.first("sides_wrong", possible=possible):
        line, operation, payer, payee = found
        what = f"a {operation} from {payer} to {payee} is not possible"
        faults.append(
            BadFile(transfers, what, described(Operation(operation)), line=line, column=columns.debit)
        )
    if faults:
        raise min(faults, key=lambda fault: fault.line or 0)


def check_openings(staging: Staging, given: Input, columns: Columns) -> None:
    """Raise BadFile for an opening balance beyond what the ledger takes in one transfer."""
    if found := staging.first("opening_too_large", most=AMOUNT_MAX):
        line, ref, amount = found
        accounts, _ = _files(given)
        raise BadFile(
            accounts,
            f"{shown(ref)} would open with {format_amount(amount, given.currency)}",
            f"at most {format_amount(AMOUNT_MAX, given.currency)} is possible",
            line=line,
            column=columns.opening,
        )


def check_ledger(staging: Staging, given: Input, columns: Columns) -> None:
    """Raise BadFile for the first thing that the ledger knows otherwise from an earlier import."""
    accounts, transfers = _files(given)
    if found := staging.first("account_in_ledger", currency=given.currency):
        line, ref, seen, difference = found
        if difference == "source":
            what = f"{shown(ref)} is an account of another source in the ledger"
            right = (
                "references are unique in a ledger: prefix them, or use the source it was first imported as"
            )
        else:
            what = f"{shown(ref)} is in the ledger with another {difference}"
            right = "an account imported before must not change"
        raise BadFile(transfers if seen else accounts, what, right, line=line, column=columns.account)
    if found := staging.first("opening_in_ledger"):
        line, ref, seen, here, there = found
        raise BadFile(
            transfers if seen else accounts,
            f"{shown(ref)} opens with {format_amount(here, given.currency)} here and opened with "
            f"{format_amount(there, given.currency)} in the ledger",
            "give the accounts file of the first import",
            line=line,
            column=columns.opening,
        )
    if found := staging.first("closed_in_ledger"):
        line, ref, part = found
        column = {"opening": columns.account, "payer": columns.debit, "payee": columns.credit}[part]
        raise BadFile(
            accounts if part == "opening" else transfers,
            f"{shown(ref)} is closed in the ledger",
            "a closed account takes nothing more",
            line=line,
            column=column,
        )
    if found := staging.first("transfer_in_ledger", currency=given.currency):
        line, ref, difference = found
        raise _changed(transfers, line, columns.ref, ref, difference)
    if found := staging.first("transfer_at_other_time"):
        line, ref = found
        raise _changed(transfers, line, columns.ref, ref, "time")


def _files(given: Input) -> tuple[str, str]:
    """The names of the accounts file (or of what stands for it) and of the transfers file."""
    return (given.accounts or given.transfers).name, given.transfers.name


def _unknown(file: str, line: int, column: str, ref: str, given: Input) -> BadFile:
    source = "the file" if given.accounts is None else given.accounts.name
    return BadFile(
        file, f"the account {shown(ref)} is unknown", f"it must be in {source}", line=line, column=column
    )


def _changed(file: str, line: int, column: str, ref: str, difference: str) -> BadFile:
    return BadFile(
        file,
        f"{shown(ref)} is in the ledger with another {difference}",
        "an id imported before must not change; name another source for another set of ids",
        line=line,
        column=column,
    )

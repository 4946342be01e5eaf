"""Import of bank statements: a file's statements are checked whole, then stored, all of them or none."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from emoney.ledger.accounts.account import Account
from emoney.ledger.base.errors import IdempotencyConflict, InvalidInput
from emoney.ledger.base.extras import demanded
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.safeguarding.bank_statements import BankStatement, StatementError
from emoney.ledger.transfers.chart import AccountKind

FILE_BYTES_MAX = {"camt053": 512 * 2**20, "mt940": 64 * 2**20}
"""MT940 is read into memory, camt.053 entry by entry."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Imported:
    """A statement that is in the ledger. `replayed`: it was there before, with the same content."""

    id: UUID
    statement_ref: str
    format: str
    closing_on: date
    closing_balance: int
    entries: int
    replayed: bool


def read_statements(path: Path) -> Iterator[BankStatement]:
    """The statements of a file: camt.053 where it begins as XML, MT940 otherwise.

    Raises StatementError, and MissingExtra without `emoney[bank-files]`.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise StatementError(f"{path.name} cannot be read: {error.strerror}") from None
    if not head.strip():
        raise StatementError(f"{path.name} is empty")
    format = "camt053" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else "mt940"
    if size > FILE_BYTES_MAX[format]:
        raise StatementError(f"{path.name} has {size} bytes; {FILE_BYTES_MAX[format]} are the most")
    with demanded():
        if format == "camt053":
            from emoney.ledger.safeguarding.camt import read_camt

            return read_camt(path)
        from emoney.ledger.safeguarding.mt940 import read_mt940

        return read_mt940(path)


@all_or_nothing
def import_statements(
    connection: Connection, path: Path, account: Account, imported_at: datetime
) -> list[Imported]:
    """Store the statements that a file holds of the safeguarding account's bank account, in the connection's
    transaction. A statement already stored is left as it is.

    Raises StatementError for a file that is not right, InvalidInput for an account that is no safeguarding
    account, IdempotencyConflict for a statement's id that came before with other content; the caller then
    rolls back, and nothing of the file is there.
    """
    if account.kind is not AccountKind.SAFEGUARDING:
        raise InvalidInput(
            f"account {account.id} is of kind {account.kind}; statements go to safeguarding accounts"
        )
    # one import at a time per account: what is checked against the statements there stays true until stored
    connection.execute(_queries.lock_account.sql, {"account": account.id})
    result = [_store(connection, statement, account, imported_at) for statement in read_statements(path)]
    if not result:
        raise StatementError(f"{path.name} holds no statement")
    return result


def _store(
    connection: Connection, statement: BankStatement, account: Account, imported_at: datetime
) -> Imported:
    if statement.currency != account.currency:
        raise StatementError(
            f"statement {statement.statement_ref} is in {statement.currency}; "
            f"the account holds {account.currency}",
            statement.line,
        )
    content_hash = statement.content_hash()
    key = {"account": account.id, "ref": statement.statement_ref}
    known = connection.execute(_queries.known.sql, key).fetchone()
    if known is not None:
        known_id, known_hash = known
        if known_hash != content_hash:
            raise IdempotencyConflict(
                f"statement {statement.statement_ref} was imported before with other content"
            )
        return _imported(known_id, statement, replayed=True)
    _check_against_earlier(connection, statement, account)
    statement_id = new_id()
    connection.execute(
        _queries.add_statement.sql,
        {
            "id": statement_id,
            "account": account.id,
            "ref": statement.statement_ref,
            "format": statement.format,
            "bank_account": statement.bank_account,
            "currency": statement.currency,
            "sequence": statement.sequence,
            "opening_on": statement.opening_on,
            "closing_on": statement.closing_on,
            "opening": statement.opening_balance,
            "closing": statement.closing_balance,
            "entries": len(statement.entries),
            "content_hash": content_hash,
            "imported_at": imported_at,
        },
    )
    with connection.cursor().copy(_queries.copy_entries.sql) as copy:
        for number, entry in enumerate(statement.entries, 1):
            copy.write_row(
                (statement_id, number, entry.booked_on, entry.amount, entry.reference, entry.bank_reference)
            )
    return _imported(statement_id, statement, replayed=False)


def _check_against_earlier(connection: Connection, statement: BankStatement, account: Account) -> None:
    other = connection.execute(
        _queries.other_bank_account.sql,
        {"account": account.id, "format": statement.format, "bank_account": statement.bank_account},
    ).fetchone()
    if other is not None:
        raise StatementError(
            f"statement {statement.statement_ref} is of another bank account than those imported before",
            statement.line,
        )
    twin = connection.execute(
        _queries.twin.sql,
        {
            "account": account.id,
            "closing_on": statement.closing_on,
            "opening": statement.opening_balance,
            "closing": statement.closing_balance,
            "entries": len(statement.entries),
        },
    ).fetchone()
    if twin is not None and statement.entries:
        raise StatementError(
            f"statement {statement.statement_ref} says what {twin[0]} says, under another id; "
            "its entries would count twice",
            statement.line,
        )


def _imported(statement_id: UUID, statement: BankStatement, *, replayed: bool) -> Imported:
    return Imported(
        statement_id,
        statement.statement_ref,
        statement.format,
        statement.closing_on,
        statement.closing_balance,
        len(statement.entries),
        replayed,
    )

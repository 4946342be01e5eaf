"""Accounts: opened, found, given a limit profile, frozen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.errors import ForeignKeyViolation, UniqueViolation

from ledger.chart import AccountKind, floor_of, sign_of
from ledger.database import Connection
from ledger.errors import InvalidInput, UnknownAccount
from ledger.money import exponent
from ledger.queries import queries_beside
from ledger.references import REFERENCE_MAX, is_reference

EXTERNAL_REF_MAX = REFERENCE_MAX

_queries = queries_beside(__file__)
_NO_SUCH_PROFILE = "a limit profile is not in the ledger, or is of another currency than the account"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to open. `external_ref`: the operator's own name for it, unique in the ledger.

    `holder`: an opaque id; who that is, the ledger does not know. `profile_id`: the limits it is under.
    """

    id: UUID
    kind: AccountKind
    currency: str
    opened_at: datetime
    external_ref: str | None = None
    holder: UUID | None = None
    profile_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands. Sums in minor units of `currency`; `balance` in the account's own sense."""

    id: UUID
    kind: AccountKind
    currency: str
    opened_at: datetime
    external_ref: str | None
    holder: UUID | None
    profile_id: UUID | None
    balance: int
    available: int
    version: int
    frozen_debit: bool
    frozen_credit: bool
    closed_at: datetime | None


def open_accounts(connection: Connection, accounts: Sequence[NewAccount]) -> int:
    """Open those of `accounts` whose id is not there yet; returns how many were opened.

    Raises InvalidInput when an external reference is malformed or belongs to another account, or when a limit
    profile is not stored or counts another currency.
    """
    for account in accounts:
        exponent(account.currency)
        if account.external_ref is not None and not is_reference(account.external_ref):
            raise InvalidInput(f"an external reference has 1 to {REFERENCE_MAX} characters and no NUL")
        if account.opened_at.tzinfo is None:
            raise InvalidInput(f"account {account.id}: opened_at needs a time zone")
    try:
        result = connection.execute(
            _queries.open_accounts.sql,
            {
                "ids": [a.id for a in accounts],
                "kinds": [a.kind.value for a in accounts],
                "currencies": [a.currency for a in accounts],
                "holders": [a.holder for a in accounts],
                "refs": [a.external_ref for a in accounts],
                "profiles": [a.profile_id for a in accounts],
                "opened": [a.opened_at for a in accounts],
                "signs": [sign_of(a.kind) for a in accounts],
                "floors": [floor_of(a.kind) for a in accounts],
            },
        )
    except UniqueViolation as error:
        raise InvalidInput("an external reference belongs to another account already") from error
    except ForeignKeyViolation as error:
        raise InvalidInput(_NO_SUCH_PROFILE) from error
    return result.rowcount


def find(connection: Connection, refs: Sequence[str]) -> dict[str, Account]:
    """The accounts of these external references; references without an account are left out."""
    rows = connection.execute(_queries.find_by_ref.sql, {"refs": [ref for ref in refs if is_reference(ref)]})
    return {row[4]: _account(row) for row in rows}


def get(connection: Connection, account_id: UUID) -> Account:
    """The account of this id. Raises UnknownAccount."""
    row = connection.execute(_queries.find_by_id.sql, {"id": account_id}).fetchone()
    if row is None:
        raise UnknownAccount(f"there is no account {account_id}")
    return _account(row)


def by_ref_or_id(connection: Connection, name: str) -> Account:
    """The account with this external reference or, failing that, this id. Raises UnknownAccount."""
    found = find(connection, [name]).get(name)
    if found is not None:
        return found
    try:
        return get(connection, UUID(name))
    except ValueError:
        raise UnknownAccount(f"there is no account with the reference {name!r}") from None


def set_profile(connection: Connection, account_id: UUID, profile_id: UUID | None) -> None:
    """Put the account under another limit profile. Usage counters stay.

    Raises UnknownAccount, and InvalidInput for a profile that is not stored or counts another currency.
    """
    try:
        result = connection.execute(
            "UPDATE ledger.account SET profile_id = %s WHERE id = %s", (profile_id, account_id)
        )
    except ForeignKeyViolation as error:
        raise InvalidInput(_NO_SUCH_PROFILE) from error
    _changed(result, account_id)


def freeze(connection: Connection, account_id: UUID, *, debit: bool, credit: bool) -> None:
    """Set whether the account refuses debits and whether it refuses credits. Raises UnknownAccount."""
    _changed(
        connection.execute(
            "UPDATE ledger.account SET frozen_debit = %s, frozen_credit = %s WHERE id = %s",
            (debit, credit, account_id),
        ),
        account_id,
    )


def _changed(result: object, account_id: UUID) -> None:
    if getattr(result, "rowcount", 0) == 0:
        raise UnknownAccount(f"there is no account {account_id}")


def _account(row: tuple[object, ...]) -> Account:
    return Account(row[0], AccountKind(row[1]), *row[2:])  # type: ignore[arg-type]

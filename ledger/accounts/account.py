"""Accounts: opened, found, given metadata; `ledger.account_changes` and `profile_changes` have the rest."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.errors import (
    CheckViolation,
    ForeignKeyViolation,
    IntegrityConstraintViolation,
    UniqueViolation,
)

from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.errors import (
    ConfigurationError,
    InvalidId,
    InvalidInput,
    InvalidReference,
    LimitsMissing,
    UnknownAccount,
)
from emoney.ledger.base.ids import Id, as_id, content_id
from emoney.ledger.base.names import REFERENCE_MAX, has_hidden, is_reference
from emoney.ledger.base.postgres.database import Connection, in_role
from emoney.ledger.base.postgres.logins import IMPORT_ROLE as IMPORT_ROLE
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.chart import AccountKind, floor_of, sign_of
from emoney.ledger.transfers.money import checked_currency

EXTERNAL_REF_MAX = REFERENCE_MAX
CEILING_MAX = 10**18
"""The largest balance that a floor or a ceiling can name, in minor units."""
METADATA_BYTES_MAX = 4096

_queries = queries_beside(__file__)
NO_SUCH_PROFILE = "a limit profile is not in the ledger, or is of another currency than the account"
_BAD_METADATA = (
    f"metadata is a JSON object of at most {METADATA_BYTES_MAX} bytes without control or format characters"
)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to open. `external_ref`: the operator's own name for it, unique in the ledger.

    `holder`: an opaque id; who that is, the ledger does not know. `profile_id`: the limits it is under.
    `ceiling`: the balance it may not pass, minor units. `parent_id`: the account it stands below, an open one
    of the same currency and sign.
    """

    id: Id
    kind: AccountKind
    currency: str
    opened_at: datetime
    external_ref: str | None = None
    holder: Id | None = None
    profile_id: Id | None = None
    ceiling: int | None = None
    parent_id: Id | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands. Sums in minor units of `currency`; `balance` in the account's own sense.

    `available`: above zero, outgoing holds taken off. `pending`: all that is held on it or for it. Holds that
    have expired count in neither.
    """

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
    floor: int | None
    ceiling: int | None
    parent_id: UUID | None
    pending: int


@all_or_nothing
def open_accounts(connection: Connection, accounts: Sequence[NewAccount]) -> int:
    """Open those of `accounts` whose id is not there yet; returns how many were opened.

    Raises LimitsMissing where a customer's has no profile, or one without a bound, and no two persons have
    approved that; InvalidInput when an external reference is malformed or belongs to another account, when a
    limit profile is not stored or counts another currency, or when an account cannot stand below its parent.
    """
    for account in accounts:
        checked_currency(account.currency)
        ref = account.external_ref
        if ref is not None and not (isinstance(ref, str) and is_reference(ref)):
            raise InvalidInput(f"an external reference has 1 to {REFERENCE_MAX} characters and no NUL")
        if not isinstance(account.opened_at, datetime) or account.opened_at.tzinfo is None:
            raise InvalidInput(f"account {account.id}: opened_at needs a time zone")
        check_bound(account.ceiling)
    try:
        opened = connection.execute(
            _queries.open_accounts.sql,
            {
                "ids": [as_id(a.id, "account") for a in accounts],
                "kinds": [checked_kind(a.kind).value for a in accounts],
                "currencies": [a.currency for a in accounts],
                "holders": [a.holder and as_id(a.holder, "holder") for a in accounts],
                "refs": [a.external_ref for a in accounts],
                "profiles": [a.profile_id and as_id(a.profile_id, "profile_id") for a in accounts],
                "opened": [a.opened_at for a in accounts],
                "signs": [sign_of(a.kind) for a in accounts],
                "floors": [floor_of(a.kind) for a in accounts],
                "ceilings": [a.ceiling for a in accounts],
                "parents": [a.parent_id and as_id(a.parent_id, "parent_id") for a in accounts],
            },
        ).fetchone()
    except UniqueViolation as error:
        raise InvalidInput("an external reference belongs to another account already") from error
    except ForeignKeyViolation as error:
        raise InvalidInput(NO_SUCH_PROFILE) from error
    except CheckViolation as error:
        if error.diag.constraint_name != "account_limits":
            raise
        raise LimitsMissing(
            "a customer's account is opened under limits: give its profile, or enrol its holder (Emoney.kyc)"
            "; one without takes two persons (ledger.profile_changes.request_lifting), or the import's right"
        ) from None
    except IntegrityConstraintViolation as error:
        raise InvalidInput(
            "an account stands below an open account of the same currency and sign, at most 16 levels deep"
        ) from error
    assert opened is not None
    return int(opened[0])


@all_or_nothing
def open_without_limits(connection: Connection, accounts: Sequence[NewAccount]) -> int:
    """As `open_accounts`, by the import's right: those of customers may be without limits.

    For carrying an operator's history over, and for tests. Raises ConfigurationError for a login that is no
    member of IMPORT_ROLE.
    """
    denied = ConfigurationError(
        "To open customers' accounts without limits takes the import's right: "
        f"GRANT {IMPORT_ROLE} to the login, or run it as the owner of the database."
    )
    with in_role(connection, IMPORT_ROLE, denied):
        return open_accounts(connection, accounts)


def id_of_reference(external_ref: str) -> UUID:
    """The id of the account that `Ledger.open_account` opens under a reference. Raises InvalidReference."""
    if not isinstance(external_ref, str) or not is_reference(external_ref):
        raise InvalidReference(f"an external reference is a text of 1 to {REFERENCE_MAX} characters")
    return content_id(f"account|{external_ref}".encode())


def checked_kind(kind: object) -> AccountKind:
    """`kind`, or the one of that name. Raises InvalidInput."""
    if isinstance(kind, str) and kind in {*AccountKind}:
        return AccountKind(kind)
    raise InvalidInput(f"an account is of one of these kinds: {', '.join(AccountKind)}")


def check_bound(bound: int | None) -> None:
    """Raise InvalidInput for what is neither None nor a floor or ceiling."""
    if bound is not None and (type(bound) is not int or not 0 <= bound <= CEILING_MAX):
        raise InvalidInput(f"{bound} is not a floor or ceiling: a whole number of minor units from 0 on")


@reads_tuples
def find(connection: Connection, refs: Sequence[str], at: datetime | None = None) -> dict[str, Account]:
    """The accounts of these external references; references without an account are left out.

    `at`: when holds are to have expired that bind nothing any more; now, if None.
    """
    asked = [ref for ref in refs if isinstance(ref, str) and is_reference(ref)]
    rows = connection.execute(_queries.find_by_ref.sql, {"refs": asked, "at": at or system_clock()})
    return {row[4]: _account(row) for row in rows}


@reads_tuples
def get(connection: Connection, account_id: Id, at: datetime | None = None) -> Account:
    """The account of this id. `at`: as `find`. Raises UnknownAccount, InvalidId."""
    account_id = as_id(account_id, "account_id")
    asked = {"id": account_id, "at": at or system_clock()}
    row = connection.execute(_queries.find_by_id.sql, asked).fetchone()
    if row is None:
        raise UnknownAccount(f"there is no account {account_id}")
    return _account(row)


@reads_tuples
def of_ids(connection: Connection, ids: Sequence[UUID], at: datetime | None = None) -> dict[UUID, Account]:
    """The accounts of these ids; ids without an account are left out. `at`: as `find`."""
    asked = {"ids": list(ids), "at": at or system_clock()}
    return {row[0]: _account(row) for row in connection.execute(_queries.find_by_ids.sql, asked)}


def by_ref_or_id(connection: Connection, name: str, at: datetime | None = None) -> Account:
    """The account with this external reference or, failing that, this id. Raises UnknownAccount.

    `at`: as `find`.
    """
    found = find(connection, [name], at).get(name)
    if found is not None:
        return found
    try:
        return get(connection, name, at)
    except InvalidId:
        raise UnknownAccount(f"there is no account with the reference {name!r}") from None


@reads_tuples
def metadata(connection: Connection, account_id: UUID) -> dict[str, Any]:
    """What the operator keeps about the account; empty where that is nothing."""
    row = connection.execute(_queries.metadata.sql, {"account": account_id}).fetchone()
    return {} if row is None else row[0]


@all_or_nothing
def set_metadata(connection: Connection, account_id: Id, metadata: dict[str, Any], *, at: datetime) -> None:
    """Replace what is kept about the account: a JSON object that the ledger never looks into.

    At most METADATA_BYTES_MAX bytes as PostgreSQL writes it; no personal data, which belongs into `kyc`,
    sealed. Raises UnknownAccount, InvalidInput.
    """
    account_id = as_id(account_id, "account_id")
    try:
        text = json.dumps(metadata, allow_nan=False, ensure_ascii=False)
        if not isinstance(metadata, dict) or len(text.encode()) > METADATA_BYTES_MAX or _hides(metadata):
            raise InvalidInput(_BAD_METADATA)
        result = connection.execute(
            _queries.set_metadata.sql, {"account": account_id, "metadata": text, "at": at}
        )
    except (TypeError, ValueError, RecursionError, CheckViolation) as error:
        raise InvalidInput(_BAD_METADATA) from error
    _changed(result, account_id)


def _hides(value: object) -> bool:
    """Whether a text anywhere in a JSON value has what is not seen."""
    if isinstance(value, dict):
        return any(_hides(name) or _hides(each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return any(map(_hides, value))
    return isinstance(value, str) and has_hidden(value)


def _changed(result: object, account_id: UUID) -> None:
    if getattr(result, "rowcount", 0) == 0:
        raise UnknownAccount(f"there is no account {account_id}")


def _account(row: tuple[object, ...]) -> Account:
    return Account(row[0], AccountKind(row[1]), *row[2:])  # type: ignore[arg-type]

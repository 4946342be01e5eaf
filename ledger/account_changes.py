"""Accounts changed: frozen, unfrozen, bounded, moved in the hierarchy, closed; with who, why and when.

A change is a row of `ledger.account_change`, and what the account is follows from it by the database's own
trigger: the application's role can change none of it otherwise. The table is append-only. A change that finds
the account as it would leave it is recorded all the same: a second order to freeze has a reason of its own.

Each call locks the account (a move the parent too, in id order), so it comes between two postings and never
into one, and adds an event (`account.freeze`, …) to the outbox. Costs four to six round trips.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.account import Account, check_bound
from emoney.ledger.base.errors import AccountClosed, InvalidInput, UnknownAccount
from emoney.ledger.base.names import check_actor, check_reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.ledger import Ledger
from emoney.ledger.outbox import append
from emoney.ledger.posting import locks
from emoney.ledger.transfers.chart import floor_of
from emoney.ledger.transfers.money import amount_text

LEVELS_MAX = 16
"""How deep the hierarchy of accounts may be."""

_queries = queries_beside(__file__)


class AccountNotEmpty(InvalidInput):
    """An account to close that still holds or reserves something."""


class BoundPassed(InvalidInput):
    """A floor above what is available, or a ceiling below the balance."""


class MisplacedAccount(InvalidInput):
    """A place in the hierarchy that an account cannot take: another currency or sign, below itself, too deep."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an account, numbered from 1.

    `kind`: freeze, unfreeze, bounds, parent or close. The flags, the bounds (minor units) and the parent are
    what they were from then on, None for other kinds.
    """

    account_id: UUID
    number: int
    kind: str
    frozen_debit: bool | None
    frozen_credit: bool | None
    floor: int | None
    ceiling: int | None
    parent_id: UUID | None
    actor: str
    reason: str
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with what the kind has."""
        content: dict[str, Any] = {}
        if self.kind in ("freeze", "unfreeze"):
            content = {"frozen_debit": self.frozen_debit, "frozen_credit": self.frozen_credit}
        elif self.kind == "bounds":
            content = {"floor": self.floor, "ceiling": self.ceiling}
        elif self.kind == "parent":
            content = {"parent": self.parent_id and str(self.parent_id)}
        said = {"actor": self.actor, "reason": self.reason, "at": self.at.astimezone(UTC).isoformat()}
        return {"number": self.number, "kind": self.kind, **content, **said}


def freeze(
    ledger: Ledger, account_id: UUID, *, debit: bool = True, credit: bool = True, actor: str, reason: str
) -> Change:
    """From now on refuse debits, credits or both; what is refused already stays so.

    `actor`: who orders it, as an id of the operator's own (1 to 128 printable characters); `reason`: 1 to
    200; no personal data in either. Raises UnknownAccount, AccountClosed, InvalidInput.
    """
    return _set_frozen(ledger, account_id, "freeze", debit, credit, actor, reason)


def unfreeze(
    ledger: Ledger, account_id: UUID, *, debit: bool = True, credit: bool = True, actor: str, reason: str
) -> Change:
    """Take debits, credits or both again. Otherwise as `freeze`."""
    return _set_frozen(ledger, account_id, "unfreeze", debit, credit, actor, reason)


def set_bounds(
    ledger: Ledger, account_id: UUID, *, floor: int | None, ceiling: int | None, actor: str, reason: str
) -> Change:
    """Set what the account may not go below and not go above, minor units; None: no such bound.

    `floor`: what the chart of accounts asks for, if None (see `chart.floor_of`). A transfer that would pass
    the ceiling is refused by the rule `account.ceiling`. Raises BoundPassed where the account is beyond the
    bound already; otherwise as `freeze`.
    """
    check_bound(floor)
    check_bound(ceiling)

    def bounds(account: Account) -> dict[str, Any]:
        low = floor_of(account.kind) if floor is None else floor
        if low is not None and account.available < low:
            has = amount_text(account.available, account.currency)
            raise BoundPassed(
                f"account {account_id} has {has} available, less than {amount_text(low, account.currency)}"
            )
        if ceiling is not None and account.balance > ceiling:
            has = amount_text(account.balance, account.currency)
            raise BoundPassed(
                f"account {account_id} holds {has}, more than {amount_text(ceiling, account.currency)}"
            )
        return {"floor": low, "ceiling": ceiling}

    return _change(ledger, account_id, "bounds", bounds, actor, reason)


def move(ledger: Ledger, account_id: UUID, parent_id: UUID | None, *, actor: str, reason: str) -> Change:
    """Place the account below another one of its currency and sign, or below none; its own go with it.

    Raises MisplacedAccount for another currency or sign, a closed parent, a circle, or more than LEVELS_MAX
    levels; otherwise as `freeze`.
    """

    def place(_: Account) -> dict[str, Any]:
        return {"parent_id": parent_id}

    return _change(ledger, account_id, "parent", place, actor, reason, parent_id)


def close(ledger: Ledger, account_id: UUID, *, actor: str, reason: str) -> Change:
    """Close the account for good: it takes no transfer, no hold and no change. Closing again changes nothing.

    Raises AccountNotEmpty unless its balance is zero and nothing is held on it or for it; otherwise as
    `freeze`.
    """

    def closing(account: Account) -> dict[str, Any]:
        if account.balance or account.pending:
            has, held = (amount_text(each, account.currency) for each in (account.balance, account.pending))
            raise AccountNotEmpty(
                f"account {account_id} has a balance of {has}, and {held} are held on it or for it; "
                "it can be closed at zero, without open holds"
            )
        return {}

    return _change(ledger, account_id, "close", closing, actor, reason)


def changes(connection: Connection, account_id: UUID) -> list[Change]:
    """All changes of an account, oldest first."""
    return [Change(*row) for row in connection.execute(_queries.changes.sql, {"account": account_id})]


def _set_frozen(
    ledger: Ledger, account_id: UUID, kind: str, debit: bool, credit: bool, actor: str, reason: str
) -> Change:
    if not debit and not credit:
        raise InvalidInput(f"a {kind} is for debits, for credits or for both")
    frozen = kind == "freeze"

    def flags(account: Account) -> dict[str, Any]:
        return {
            "frozen_debit": frozen if debit else account.frozen_debit,
            "frozen_credit": frozen if credit else account.frozen_credit,
        }

    return _change(ledger, account_id, kind, flags, actor, reason)


def _change(
    ledger: Ledger,
    account_id: UUID,
    kind: str,
    content: Callable[[Account], dict[str, Any]],
    actor: str,
    reason: str,
    parent_id: UUID | None = None,
) -> Change:
    check_actor(actor)
    check_reason(reason)

    def changing(connection: Connection) -> Change:
        locked = locks.lock(connection, {account_id, parent_id or account_id}, ledger.profiles)
        account = accounts.get(connection, account_id)
        if parent_id is not None and parent_id.int not in locked.states:
            raise UnknownAccount(f"there is no account {parent_id}")
        earlier = changes(connection, account_id)
        if account.closed_at is not None:
            if kind == "close" and earlier:
                return earlier[-1]
            raise AccountClosed(f"account {account_id} is closed; it takes no change")
        return _write(
            connection,
            account_id,
            earlier,
            kind,
            content(account),
            actor,
            reason,
            locks.posting_time(ledger.clock, locked),
        )

    return ledger.run(changing)


def set_frozen(
    connection: Connection,
    account_id: UUID,
    *,
    debit: bool,
    credit: bool,
    actor: str,
    reason: str,
    at: datetime,
) -> Change | None:
    """Freeze just what is said, in the transaction of a caller who has locked the account.

    Up to two changes are recorded, what is loosened before what is frozen; returns the last, None where it is
    so already. Otherwise as `freeze`.
    """
    check_actor(actor)
    check_reason(reason)
    account = accounts.get(connection, account_id)
    if account.closed_at is not None:
        raise AccountClosed(f"account {account_id} is closed; it takes no change")
    now = (account.frozen_debit, account.frozen_credit)
    loosened = (debit and now[0], credit and now[1])
    change = None
    for kind, before, flags in (("unfreeze", now, loosened), ("freeze", loosened, (debit, credit))):
        if flags != before:
            content = {"frozen_debit": flags[0], "frozen_credit": flags[1]}
            earlier = changes(connection, account_id)
            change = _write(connection, account_id, earlier, kind, content, actor, reason, at)
    return change


def _write(
    connection: Connection,
    account_id: UUID,
    earlier: list[Change],
    kind: str,
    content: dict[str, Any],
    actor: str,
    reason: str,
    at: datetime,
) -> Change:
    nothing = dict.fromkeys(("frozen_debit", "frozen_credit", "floor", "ceiling", "parent_id"))
    change = Change(
        account_id=account_id,
        number=len(earlier) + 1,
        kind=kind,
        **(nothing | content),
        actor=actor,
        reason=reason,
        at=at,
    )
    _record(connection, change)
    append(connection, f"account.{kind}", account_id, change.to_json(), at=change.at)
    return change


def _record(connection: Connection, change: Change) -> None:
    try:
        connection.execute(
            _queries.record.sql,
            {
                "account": change.account_id,
                "number": change.number,
                "kind": change.kind,
                "frozen_debit": change.frozen_debit,
                "frozen_credit": change.frozen_credit,
                "floor": change.floor,
                "ceiling": change.ceiling,
                "parent": change.parent_id,
                "actor": change.actor,
                "reason": change.reason,
                "at": change.at,
            },
        )
    except psycopg.errors.IntegrityConstraintViolation as error:
        if change.kind != "parent":
            raise
        raise MisplacedAccount(
            f"account {change.account_id} cannot stand below {change.parent_id}: that has to be an open "
            f"account of its currency and sign, not below it, and at most {LEVELS_MAX} levels deep in all"
        ) from error

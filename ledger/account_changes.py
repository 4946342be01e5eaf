"""Accounts changed: frozen, unfrozen, bounded, moved in the hierarchy, closed; with who, why and when.

`ledger.profile_changes` puts them under other limits.

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
from emoney.ledger.accounts import freezes
from emoney.ledger.accounts.account import Account, check_bound
from emoney.ledger.accounts.freezes import Freeze
from emoney.ledger.base.errors import AccountClosed, InvalidInput, UnknownAccount
from emoney.ledger.base.ids import Id, as_id
from emoney.ledger.base.names import Reason, checked_name
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.ledger import Ledger
from emoney.ledger.outbox import append
from emoney.ledger.posting import expiry, locks
from emoney.ledger.transfers.chart import floor_of
from emoney.ledger.transfers.money import amount_text

LEVELS_MAX = 16
"""How deep the hierarchy of accounts may be."""
OPERATOR = "operator"
"""The kind of freeze that these functions place and lift."""
_CONTENT = (
    *("frozen_debit", "frozen_credit", "freeze_kind", "freeze_debit", "freeze_credit", "approval"),
    *("floor", "ceiling", "parent_id", "profile_id"),
)

_queries = queries_beside(__file__)


class AccountNotEmpty(InvalidInput):
    """An account to close that still holds or reserves something."""


class BoundPassed(InvalidInput):
    """A floor above what is available, or a ceiling below the balance."""


class FrozenOtherwise(InvalidInput):
    """An account to unfreeze whose freezes are not the operator's: their owners lift them."""


class MisplacedAccount(InvalidInput):
    """A place that an account cannot take: below another currency or sign, below itself, too deep."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an account, numbered from 1.

    `kind`: freeze, unfreeze, bounds, parent, profile or close. The flags, the bounds (minor units), the
    parent and the limit profile are what they were from then on, None for other kinds. A freeze is one of
    several (`freeze_kind`): it alone stops `freeze_debit` and `freeze_credit`, all together `frozen_debit`
    and `frozen_credit`. `approval`: the request on which it, or limits, were lifted, where that takes two.
    """

    account_id: UUID
    number: int
    kind: str
    frozen_debit: bool | None
    frozen_credit: bool | None
    freeze_kind: str | None
    freeze_debit: bool | None
    freeze_credit: bool | None
    approval: UUID | None
    floor: int | None
    ceiling: int | None
    parent_id: UUID | None
    profile_id: UUID | None
    actor: str
    reason: str
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with what the kind has."""
        content: dict[str, Any] = {}
        if self.kind in ("freeze", "unfreeze"):
            content = {
                "frozen_debit": self.frozen_debit,
                "frozen_credit": self.frozen_credit,
                "freeze_kind": self.freeze_kind,
                "freeze_debit": self.freeze_debit,
                "freeze_credit": self.freeze_credit,
            }
        elif self.kind == "bounds":
            content = {"floor": self.floor, "ceiling": self.ceiling}
        elif self.kind == "parent":
            content = {"parent": self.parent_id and str(self.parent_id)}
        elif self.kind == "profile":
            content = {"profile": self.profile_id and str(self.profile_id)}
        said = {"actor": self.actor, "reason": self.reason, "at": self.at.astimezone(UTC).isoformat()}
        return {"number": self.number, "kind": self.kind, **content, **said}


def freeze(
    ledger: Ledger, account_id: Id, *, debit: bool = True, credit: bool = True, actor: str, reason: str
) -> Change:
    """From now on refuse debits, credits or both, by the operator's order; what is refused already stays so.

    `actor`: who orders it, as an id of the operator's own (1 to 200 printable characters); `reason`: 1 to
    500; no personal data in either. Raises UnknownAccount, AccountClosed, InvalidInput.
    """
    return _operator(ledger, account_id, "freeze", debit, credit, actor, reason)


def unfreeze(
    ledger: Ledger, account_id: Id, *, debit: bool = True, credit: bool = True, actor: str, reason: str
) -> Change:
    """Lift the operator's freeze of debits, credits or both; freezes of other kinds stand.

    Raises FrozenOtherwise when only such stand; otherwise as `freeze`.
    """
    return _operator(ledger, account_id, "unfreeze", debit, credit, actor, reason)


def set_bounds(
    ledger: Ledger, account_id: Id, *, floor: int | None, ceiling: int | None, actor: str, reason: str
) -> Change:
    """Set what the account may not go below and not go above, minor units; None: no such bound.

    `floor`: what the chart of accounts asks for, if None (see `chart.floor_of`). A transfer that would pass
    the ceiling is refused by the rule `account.ceiling`. Raises BoundPassed where the account is beyond the
    bound already; otherwise as `freeze`.
    """
    check_bound(floor)
    check_bound(ceiling)

    def bounds(_: Connection, account: Account) -> dict[str, Any]:
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


def move(ledger: Ledger, account_id: Id, parent_id: Id | None, *, actor: str, reason: str) -> Change:
    """Place the account below another one of its currency and sign, or below none; its own go with it.

    Raises MisplacedAccount for another currency or sign, a closed parent, a circle, or more than LEVELS_MAX
    levels; otherwise as `freeze`.
    """

    parent = None if parent_id is None else as_id(parent_id, "parent_id")

    def place(_: Connection, __: Account) -> dict[str, Any]:
        return {"parent_id": parent}

    return _change(ledger, account_id, "parent", place, actor, reason, parent)


def close(ledger: Ledger, account_id: Id, *, actor: str, reason: str) -> Change:
    """Close the account for good: it takes no transfer, no hold and no change. Closing again changes nothing.

    Raises AccountNotEmpty unless its balance is zero and nothing is held on it or for it; otherwise as
    `freeze`.
    """

    def closing(_: Connection, account: Account) -> dict[str, Any]:
        if account.balance or account.pending:
            has, held = (amount_text(each, account.currency) for each in (account.balance, account.pending))
            raise AccountNotEmpty(
                f"account {account_id} has a balance of {has}, and {held} are held on it or for it; "
                "it can be closed at zero, without open holds"
            )
        return {}

    return _change(ledger, account_id, "close", closing, actor, reason)


@reads_tuples
def changes(connection: Connection, account_id: Id) -> list[Change]:
    """All changes of an account, oldest first."""
    account_id = as_id(account_id, "account_id")
    return [Change(*row) for row in connection.execute(_queries.changes.sql, {"account": account_id})]


def _operator(
    ledger: Ledger, account_id: Id, kind: str, debit: bool, credit: bool, actor: str, reason: str
) -> Change:
    if not debit and not credit:
        raise InvalidInput(f"a {kind} is for debits, for credits or for both")

    def flags(connection: Connection, account: Account) -> dict[str, Any]:
        standing = freezes.standing(connection, account.id)
        now = freezes.flags(standing, OPERATOR)
        if kind == "unfreeze" and standing and now == (False, False):
            kinds = ", ".join(each.kind for each in standing)
            raise FrozenOtherwise(f"account {account_id} is frozen for {kinds}, which is lifted as that says")
        frozen = kind == "freeze"
        wanted = (frozen if debit else now[0], frozen if credit else now[1])
        return _freeze(standing, OPERATOR, wanted)

    return _change(ledger, account_id, kind, flags, actor, reason)


def _freeze(
    standing: list[Freeze], kind: str, wanted: tuple[bool, bool], approval: UUID | None = None
) -> dict[str, Any]:
    """What a change says that leaves `wanted` of one kind, with all that stand."""
    others = freezes.flags(each for each in standing if each.kind != kind)
    return {
        "frozen_debit": others[0] or wanted[0],
        "frozen_credit": others[1] or wanted[1],
        "freeze_kind": kind,
        "freeze_debit": wanted[0],
        "freeze_credit": wanted[1],
        "approval": approval,
    }


def _change(
    ledger: Ledger,
    account: Id,
    kind: str,
    content: Callable[[Connection, Account], dict[str, Any]],
    actor: str,
    reason: str,
    parent_id: UUID | None = None,
) -> Change:
    account_id = as_id(account, "account_id")
    checked_name(actor)
    Reason(reason)

    @all_or_nothing
    def changing(connection: Connection) -> Change:
        now = ledger.clock()
        if kind in ("bounds", "close"):  # what expired holds reserve is in nobody's way
            expiry.end(connection, [account_id], now)
        locked = locks.lock(connection, {account_id, parent_id or account_id}, ledger.profiles)
        account = accounts.get(connection, account_id, now)
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
            content(connection, account),
            actor,
            reason,
            locks.posting_time(ledger.clock, locked),
        )

    return ledger.run(changing)


@all_or_nothing
def set_freeze(
    connection: Connection,
    account_id: Id,
    kind: str,
    *,
    debit: bool,
    credit: bool,
    actor: str,
    reason: str,
    at: datetime,
    approval: UUID | None = None,
    anew: bool = False,
) -> Change | None:
    """Let one kind of freeze stop just what is said, for a caller who has locked the account.

    For the owner of the kind. `approval`: the approved request to lift it, where that takes two. `anew`: an
    order of its own, recorded where it is so already, too. Up to two changes are recorded, what is loosened
    before what is frozen; returns the last, None where nothing was. Otherwise as `freeze`; what the database
    does not let go raises psycopg's CheckViolation.
    """
    account_id = as_id(account_id, "account_id")
    checked_name(actor)
    Reason(reason)
    account = accounts.get(connection, account_id)
    if account.closed_at is not None:
        raise AccountClosed(f"account {account_id} is closed; it takes no change")
    now = freezes.flags(freezes.standing(connection, account_id), kind)
    loosened = (debit and now[0], credit and now[1])
    change = None
    for what, before, flags in (("unfreeze", now, loosened), ("freeze", loosened, (debit, credit))):
        if flags != before or (anew and what == "freeze"):
            standing = freezes.standing(connection, account_id)
            content = _freeze(standing, kind, flags, approval if what == "unfreeze" else None)
            earlier = changes(connection, account_id)
            change = _write(connection, account_id, earlier, what, content, actor, reason, at)
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
    nothing = dict.fromkeys(_CONTENT)
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
    append(connection, f"account.{kind}", account_id, _told(change), at=change.at)
    return change


def _told(change: Change) -> dict[str, Any]:
    """What an event says: of a freeze that is not the operator's, its effect only.

    Whether an account is under investigation stays behind the wall; consumers hand on what they are told.
    """
    told = change.to_json()
    if change.freeze_kind not in (None, OPERATOR):
        told = {name: told[name] for name in ("number", "kind", "frozen_debit", "frozen_credit", "at")}
    return told


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
                "freeze_kind": change.freeze_kind,
                "freeze_debit": change.freeze_debit,
                "freeze_credit": change.freeze_credit,
                "approval": change.approval,
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

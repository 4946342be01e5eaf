"""Reading: transfers, refusals, holds, accounts, balances and statements, without a connection of one's own.

Lists come by pages, each found by the key of the one before, oldest first or newest first. What a list costs
is said where it is asked for: of accounts or of a holder, a range of an index each; of a time, that time.
Each call is a short transaction of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.account import Account
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import (
    InvalidInput,
    UnknownAccount,
    UnknownHold,
    UnknownRefusal,
    UnknownTransfer,
)
from emoney.ledger.base.ids import Id, as_id
from emoney.ledger.base.names import is_reference
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.reading import metadata_index
from emoney.ledger.reading.page import PAGE_DEFAULT, Item, Page, checked_limit, page, place_after
from emoney.ledger.reading.question import FIRST, LAST, Question, moment
from emoney.ledger.reading.records import (
    Balance,
    HeldMoney,
    PostedTransfer,
    RefusedTransfer,
    held,
    posted,
    refused,
)
from emoney.ledger.reports import as_of, statements
from emoney.ledger.reports.statements import Statement, StatementLine
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.metadata import Metadata
from emoney.ledger.transfers.operations import Operation

ACCOUNTS_MAX = 1_000
BALANCES_MAX = 10_000
"""How many accounts one question may name, or a holder have; how many balances are read at once."""

_LOWEST = UUID(int=0)
_STRETCH, _GROWTH, _LONGEST = timedelta(minutes=1), 4, timedelta(days=3660)
"""How much time is looked through first for a page of the whole ledger, how that grows, and how far."""
_AHEAD = timedelta(days=1)
"""How far others' clocks may be ahead of this one's."""
_queries = queries_beside(__file__)

Named = Id | str
"""An account: its id, or the operator's external reference."""


class Reading:
    """What the ledger on `database` holds. Safe to share between threads."""

    def __init__(self, database: Database, clock: Clock = system_clock) -> None:
        self._database, self._clock = database, clock

    # -- one ------------------------------------------------------------------------------------------------

    def transfer(self, id: Id) -> PostedTransfer:
        """The transfer of an id or `Key`. Raises UnknownTransfer, for a refused one, too; InvalidId."""
        return posted(self._one(_queries.transfer.sql, id, UnknownTransfer, "transfer"))

    def refusal(self, id: Id) -> RefusedTransfer:
        """What was refused under an id or `Key`. Raises UnknownRefusal, InvalidId."""
        return refused(self._one(_queries.refusal.sql, id, UnknownRefusal, "refusal"))

    def hold(self, id: Id) -> HeldMoney:
        """The hold of an id or `Key`, as it stands. Raises UnknownHold, InvalidId."""
        return held(self._one(_queries.hold.sql, id, UnknownHold, "hold"))

    def account(self, name: Named) -> Account:
        """The account of an external reference or, failing that, an id. Raises UnknownAccount, InvalidId."""
        with self._database.connection() as connection:
            if isinstance(name, str):
                return accounts.by_ref_or_id(connection, name, self._clock())
            return accounts.get(connection, name, self._clock())

    def account_metadata(self, name: Named) -> Metadata:
        """What the operator keeps about an account; empty where that is nothing. Errors as `account`."""
        account = self.account(name)
        with self._database.connection() as connection:
            return accounts.metadata(connection, account.id)

    # -- lists ----------------------------------------------------------------------------------------------

    def transfers(
        self,
        *,
        account: Named | Sequence[Named] | None = None,
        holder: Id | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        operation: Operation | None = None,
        reference: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        newest_first: bool = False,
        after: str | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[PostedTransfer]:
        """Transfers posted from `since` up to `until`, in the order of posting.

        Of an account, of several, of all those of a `holder`, or else of a time: then `since` is needed, and
        the cost is that of the time looked through. `operation` and `reference` pick among these, without an
        index of their own. `metadata`: one name and its value, declared by `metadata_index.declare`, instead
        of all of the above; then in the order of ids. `after`: the `next` of the page before. Raises
        InvalidInput, UnknownAccount.
        """
        if metadata is not None:
            others = (account, holder, since, until, operation, reference)
            if newest_first or any(each is not None for each in others):
                raise InvalidInput("metadata is asked for by itself")
            return self._by_metadata(metadata, after, limit)
        found, forms = self._accounts(account, holder), (datetime, UUID, int)
        if found is None:
            if since is None:
                raise InvalidInput("name an account, a holder, or with `since` how far back to look")
            until = until or self._clock() + _AHEAD
        question = Question(
            ("transfers", found), forms, since, until, operation, reference, newest_first, limit
        )
        if found is None:
            return self._by_time(question, after)
        query = _queries.transfers_of_accounts.sql
        return self._listed(question, (query, query), found, after, posted)

    def refusals(
        self,
        *,
        account: Named | Sequence[Named] | None = None,
        holder: Id | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        operation: Operation | None = None,
        reference: str | None = None,
        newest_first: bool = False,
        after: str | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[RefusedTransfer]:
        """What was refused, in the order of decisions: as `transfers`, by indexes throughout."""
        found, forms = self._accounts(account, holder), (datetime, UUID)
        question = Question(
            ("refusals", found), forms, since, until, operation, reference, newest_first, limit
        )
        queries = (_queries.refusals_of_accounts.sql, _queries.refusals_of_time.sql)
        return self._listed(question, queries, found, after, refused)

    def holds(
        self,
        *,
        account: Named | Sequence[Named] | None = None,
        holder: Id | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        operation: Operation | None = None,
        reference: str | None = None,
        open_only: bool = False,
        newest_first: bool = False,
        after: str | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[HeldMoney]:
        """Holds, disputes' among them, in the order of placing: as `transfers`, by indexes throughout.

        `open_only`: those that still reserve something.
        """
        found, forms, told = self._accounts(account, holder), (datetime, UUID), {"open": bool(open_only)}
        question = Question(
            ("holds", found, *told.values()), forms, since, until, operation, reference, newest_first, limit
        )
        queries = (_queries.holds_of_accounts.sql, _queries.holds_of_time.sql)
        return self._listed(question, queries, found, after, held, {**told, "now": self._clock()})

    def accounts(
        self,
        *,
        holder: Id | None = None,
        kind: AccountKind | None = None,
        currency: str | None = None,
        reference: str | None = None,
        opened_since: datetime | None = None,
        opened_until: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        after: str | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[Account]:
        """Accounts in the order of their ids: of a holder, of a kind, or all.

        `reference`: the one of this external reference. Currency and time pick among these, without an index
        of their own. `metadata`: as in `transfers`. Raises InvalidInput.
        """
        told = {
            "holder": None if holder is None else as_id(holder, "holder"),
            "kind": None if kind is None else accounts.checked_kind(kind).value,
            "currency": currency,
            "since": moment(opened_since) or FIRST,
            "until": moment(opened_until) or LAST,
        }
        picked = None if metadata is None else metadata_index.picked(metadata)
        limit, question = checked_limit(limit), ("accounts", reference, picked, *told.values())
        place = place_after(after, question, (UUID,)) or (_LOWEST,)
        with self._database.connection() as connection:
            asked = {**told, "id": place[0], "limit": limit + 1}
            if metadata is not None:
                query, value = metadata_index.query(connection, "account", metadata)
                rows = connection.execute(query, {"value": value, **asked}).fetchall()
            elif reference is not None:
                found = accounts.find(connection, [reference]).get(reference)
                rows = [(found.id,)] if found is not None and found.id > place[0] else []
            elif told["holder"] is not None:
                rows = connection.execute(_queries.accounts_of_holder.sql, asked).fetchall()
            elif told["kind"] not in (None, AccountKind.CUSTOMER):
                rows = connection.execute(_queries.accounts_of_kind.sql, asked).fetchall()
            else:
                rows = connection.execute(_queries.accounts_in_order.sql, asked).fetchall()
            ids = [row[0] for row in rows]
            known = accounts.of_ids(connection, ids, self._clock())
        return page([(each, each) for each in ids], limit, 1, question, lambda row: known[row[0]])

    def wallets(self, holder: Id) -> tuple[Account, ...]:
        """All accounts of a holder, at most ACCOUNTS_MAX. Raises InvalidId."""
        return self.accounts(holder=holder, limit=ACCOUNTS_MAX).items

    # -- balances and statements ----------------------------------------------------------------------------

    def balances(self, names: Sequence[Named]) -> dict[Named, Balance]:
        """What these accounts hold, by the names as given; those that are not there are left out.

        At most BALANCES_MAX, in two round trips. Raises InvalidInput.
        """
        if isinstance(names, str) or not isinstance(names, Sequence) or len(names) > BALANCES_MAX:
            raise InvalidInput(f"give a list of at most {BALANCES_MAX} ids or references")
        with self._database.connection() as connection:
            by_reference = self._references(connection, names)
            ids = {name: self._account_id(name, by_reference) for name in names}
            wanted = [each for each in ids.values() if each is not None]
            asked = {"ids": wanted, "at": self._clock()}
            rows = connection.execute(_queries.balances.sql, asked).fetchall()
        found = {row[0]: Balance(*row) for row in rows}
        return {name: found[id_] for name, id_ in ids.items() if id_ is not None and id_ in found}

    def balance(self, name: Named, at: datetime | None = None) -> int:
        """What an account holds, or held when all posted up to `at` was; minor units. Errors as `account`."""
        account = self.account(name)
        if at is None:
            return account.balance
        with self._database.connection() as connection:
            return as_of.balance(connection, account.id, at)

    def statement(self, name: Named, start: datetime, end: datetime) -> Statement:
        """What was posted on an account from `start` up to `end`: opening, closing and number of entries.

        Raises InvalidInput, UnknownAccount. The entries: `statement_lines`.
        """
        account = self.account(name)
        with self._database.connection() as connection:
            return statements.between(connection, account, start, end)

    def statement_lines(
        self,
        name: Named,
        start: datetime,
        end: datetime,
        *,
        after: str | None = None,
        limit: int = PAGE_DEFAULT,
    ) -> Page[StatementLine]:
        """The entries of such a statement, oldest first, each with the balance after it."""
        limit, statement = checked_limit(limit), self.statement(name, start, end)
        question = ("statement", statement.account.id, start, end)
        version, since = place_after(after, question, (int, datetime)) or (statement.opening.version, start)
        with self._database.connection() as connection:
            lines = statements.page(
                connection,
                statement.account.id,
                after=version,
                until=statement.closing.version,
                since=since,
                limit=limit,
            )
        more = bool(lines) and lines[-1].version < statement.closing.version
        rows = [(line.version, line.posted_at, line) for line in lines]
        rows += [(0, start, lines[-1])] if more else []  # one beyond the page: there is a next
        return page(rows, len(lines), 2, question, lambda row: row[0])

    # -- how ------------------------------------------------------------------------------------------------

    def _one(self, query: str, id: Id, error: type[InvalidInput], what: str) -> tuple[Any, ...]:
        with self._database.connection() as connection:
            row = connection.execute(query, {"id": as_id(id, what), "now": self._clock()}).fetchone()
        if row is None:
            raise error(f"there is no {what} {as_id(id, what)}")
        return row

    def _accounts(
        self, account: Named | Sequence[Named] | None, holder: Id | None
    ) -> tuple[UUID, ...] | None:
        """The ids of the accounts that a list is of, None where it is of all. Raises UnknownAccount."""
        if account is not None and holder is not None:
            raise InvalidInput("ask by accounts or by a holder, not by both")
        if holder is not None:
            asked = {"holder": as_id(holder, "holder"), "limit": ACCOUNTS_MAX + 1}
            with self._database.connection() as connection:
                ids = [row[0] for row in connection.execute(_queries.ids_of_holder.sql, asked)]
            if len(ids) > ACCOUNTS_MAX:
                raise InvalidInput(f"this holder has more than {ACCOUNTS_MAX} accounts: ask by accounts")
            return tuple(ids)
        if account is None:
            return None
        names: Sequence[Any] = account if isinstance(account, list | tuple) else [account]
        if not 0 < len(names) <= ACCOUNTS_MAX:
            raise InvalidInput(f"ask for 1 to {ACCOUNTS_MAX} accounts")
        with self._database.connection() as connection:
            by_reference = self._references(connection, names)
        found = [self._account_id(name, by_reference) for name in names]
        if None in found:
            raise UnknownAccount("one of the accounts asked for is not there")
        return tuple(sorted({each for each in found if each is not None}))

    @staticmethod
    def _references(connection: Connection, names: Sequence[Named]) -> dict[str, UUID]:
        asked = [name for name in names if isinstance(name, str) and is_reference(name)]
        return dict(connection.execute(_queries.ids_of_references.sql, {"references": asked}).fetchall())

    @staticmethod
    def _account_id(name: Named, by_reference: Mapping[str, UUID]) -> UUID | None:
        if isinstance(name, str) and name in by_reference:
            return by_reference[name]
        try:
            return as_id(name, "account")
        except InvalidInput:
            if isinstance(name, str):
                return None
            raise

    def _listed(
        self,
        question: Question,
        queries: tuple[str, str],
        found: tuple[UUID, ...] | None,
        after: str | None,
        made: Callable[[Sequence[Any]], Item],
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> Page[Item]:
        place = question.place(after)
        told = {**question.told(place), **more, **_named(place)}
        query = question.turned(queries[found is None])
        with self._database.connection() as connection:
            rows = connection.execute(query, {**told, "accounts": list(found or ())}).fetchall()
        return page(rows, question.limit, len(place), question.asked, made)

    def _by_time(self, question: Question, after: str | None) -> Page[PostedTransfer]:
        """The transfers of a time, looked through in stretches that grow while they hold too little."""
        query, length = question.turned(_queries.transfers_of_time.sql), _STRETCH
        place, rows = question.place(after), list[tuple[Any, ...]]()
        with self._database.connection() as connection:
            while len(rows) <= question.limit:
                left = question.told(place)
                if left["since"] >= left["until"]:
                    break
                told = question.span(left, length)
                rows += connection.execute(query, {**told, **_named(place)}).fetchall()
                place, length = question.beyond(told), min(length * _GROWTH, _LONGEST)
        return page(rows, question.limit, len(place), question.asked, posted)

    def _by_metadata(
        self, metadata: Mapping[str, Any], after: str | None, limit: int
    ) -> Page[PostedTransfer]:
        limit, asked = checked_limit(limit), ("transfers", metadata_index.picked(metadata))
        (id_,) = place_after(after, asked, (UUID,)) or (_LOWEST,)
        with self._database.connection() as connection:
            query, value = metadata_index.query(connection, "transfer", metadata)
            rows = connection.execute(query, {"value": value, "id": id_, "limit": limit + 1}).fetchall()
        return page(rows, limit, 1, asked, posted)


def _named(place: Sequence[Any]) -> dict[str, Any]:
    """A place as the parameters of a query."""
    return dict(zip(("at", "account", "version") if len(place) == 3 else ("at", "id"), place, strict=True))

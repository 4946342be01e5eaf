"""When an account was opened or changed, agreed on or disputed: these times are the database's clock's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import Books, profile, rule

from emoney.ledger import (
    IMPORT_ROLE,
    AccountKind,
    Database,
    Ledger,
    NewAccount,
    account_changes,
    clock_policy,
    disputes,
    profile_changes,
    reversals,
    two_persons,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import ClockSkew
from emoney.ledger.base.ids import new_id
from emoney.ledger.clock_policy import ClockPolicy
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.ledger.profile_changes import LIFTING
from emoney.ledger.two_persons import RequestClosed

BY = {"actor": "ops-1", "reason": "as the test says"}
DAY = timedelta(days=1)
LIMITED = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))
OFF = [400 * DAY, timedelta(minutes=1), -timedelta(minutes=1), -400 * DAY]


@pytest.fixture
def live(books: Books) -> Books:
    """Books on the machine's clock, under the policy of a new ledger; accounts were opened a month ago."""
    books.now, books.age = datetime.now(UTC), 30 * DAY
    books.ledger = Ledger(books.database)
    clock_policy.set_policy(books.owner_url, ClockPolicy(), **BY)
    return books


def written(books: Books) -> Any:
    return books.dump(without=("event_position",))


class Town:
    """Wallets, a payment, one that is disputed, and a request that waits; seen by a clock that is off."""

    def __init__(self, books: Books, off: timedelta) -> None:
        self.books, self.off = books, off
        self.ledger = Ledger(books.database, lambda: datetime.now(UTC) + off)
        self.wallet, self.shop = books.account(), books.account(AccountKind.MERCHANT)
        self.parent = books.account(AccountKind.MERCHANT)
        with books.importing():
            self.fresh = books.funded(500)
            sent = [books.transfer(self.fresh, self.shop, 5) for _ in "12"]
            books.posted(*sent)
        self.paid, disputed = (each.id for each in sent)
        self.disputed = new_id()
        terms = {"reason_code": "1", "expires_at": datetime.now(UTC) + 1000 * DAY, "actor": "ops-1"}
        assert disputes.open_dispute(books.ledger, disputed, self.disputed, **terms).posted
        with books.database.connection() as connection:
            at = datetime.now(UTC)
            self.waiting = profile_changes.request_lifting(connection, self.wallet, **BY, at=at)

    @property
    def at(self) -> datetime:
        return datetime.now(UTC) + self.off

    def over(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """A call on a connection of the application's."""
        with self.books.database.connection() as connection:
            return call(connection, *arguments, **more)

    def limit(self, connection: psycopg.Connection) -> int:
        limits: dict[UUID, UUID | None] = {self.wallet: profiles.store(connection, LIMITED)}
        return profile_changes.put_under(connection, limits, **BY, at=self.at)

    def approve(self, connection: psycopg.Connection) -> Any:
        return two_persons.approve(
            connection, self.waiting, [LIFTING], actor="ops-2", reason="agreed", at=self.at
        )

    def dispute(self) -> Any:
        terms = {"reason_code": "1", "expires_at": datetime.now(UTC) + 1000 * DAY, "actor": "ops-1"}
        return disputes.open_dispute(self.ledger, self.paid, new_id(), **terms)


ACTS: dict[str, Callable[[Town], Any]] = {
    "opened": lambda town: town.ledger.open_account(AccountKind.FEES, "EUR", "fees"),
    "opened under limits": lambda town: town.ledger.open_account(
        AccountKind.CUSTOMER, "EUR", "w-1", profile=LIMITED
    ),
    "frozen": lambda town: account_changes.freeze(town.ledger, town.wallet, **BY),
    "frozen by a kind": lambda town: town.over(
        account_changes.set_freeze, town.wallet, "operator", debit=True, credit=False, **BY, at=town.at
    ),
    "bounded": lambda town: account_changes.set_bounds(town.ledger, town.wallet, floor=0, ceiling=9, **BY),
    "moved": lambda town: account_changes.move(town.ledger, town.shop, town.parent, **BY),
    "closed": lambda town: account_changes.close(town.ledger, town.wallet, **BY),
    "put under limits": lambda town: town.over(town.limit),
    "asked": lambda town: town.over(profile_changes.request_lifting, town.fresh, **BY, at=town.at),
    "approved": lambda town: town.over(town.approve),
    "rejected": lambda town: disputes.reject(town.ledger, town.disputed, **BY),
    "upheld": lambda town: disputes.uphold(town.ledger, town.disputed, new_id(), **BY),
    "disputed": Town.dispute,
    "refunded": lambda town: reversals.refund(town.ledger, town.paid, new_id(), reason="x"),
}
CHOOSES = ("moved", "upheld", "rejected", "disputed", "refunded")
"""What happens after its accounts were last posted to, whatever a clock behind says."""
CLOSED = {"approved": (RequestClosed,)}
"""What is refused for its own reason first, where a clock is far off."""


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("off", OFF)
def test_what_is_done_now_is_done_by_the_databases_clock(live: Books, act: str, off: timedelta) -> None:
    town = Town(live, off)
    before = written(live)
    if off < timedelta(0) and act in CHOOSES:
        ACTS[act](town)
        return
    with pytest.raises((ClockSkew, *CLOSED.get(act, ()))):
        ACTS[act](town)
    assert written(live) == before


@pytest.mark.parametrize("act", ACTS)
def test_by_a_clock_that_is_right_all_of_it_is_done(live: Books, act: str) -> None:
    town = Town(live, timedelta(0))
    before = written(live)
    ACTS[act](town)
    assert written(live) != before


SQL = {
    "opened": "INSERT INTO ledger.account (id, kind, currency, opened_at, sign, floor)"
    " VALUES (gen_random_uuid(), 'merchant', 'EUR', %(at)s, -1, 0)",
    "changed": "INSERT INTO ledger.account_change (account_id, number, kind, floor, actor, reason, at)"
    " SELECT %(wallet)s, 1 + count(*), 'bounds', 0, 'x', 'x', %(at)s FROM ledger.account_change"
    " WHERE account_id = %(wallet)s",
    "asked": "INSERT INTO ledger.request"
    " (id, action, subject, details, actor, reason, requested_at, expires_at)"
    " VALUES (gen_random_uuid(), 'lifting_limits', %(wallet)s, '{}', 'ops-1', 'x', %(at)s,"
    " %(at)s::timestamptz + interval '1 hour')",
}


@pytest.mark.parametrize("statement", SQL)
def test_by_sql_the_applications_role_is_held_to_it(live: Books, statement: str) -> None:
    town = Town(live, timedelta(0))
    about = {"wallet": town.wallet}
    before = written(live)
    for at in [*(datetime.now(UTC) + off for off in OFF), "infinity", "-infinity"]:
        with psycopg.connect(live.owner_url) as application:
            application.execute("SET SESSION AUTHORIZATION emoney_app")
            with pytest.raises(psycopg.Error) as refused:
                application.execute(SQL[statement], {**about, "at": at})
        if isinstance(at, datetime):
            assert refused.value.diag.constraint_name == "clock_skew"
        assert written(live) == before


def test_what_was_opened_in_the_past_comes_in_by_the_imports_right(live: Books) -> None:
    importing = Database(live.owner_url, role=IMPORT_ROLE)

    def new(off: timedelta) -> list[NewAccount]:
        return [NewAccount(new_id(), AccountKind.MERCHANT, "EUR", datetime.now(UTC) + off)]

    try:
        with importing.connection() as connection:
            assert accounts.open_accounts(connection, new(-400 * DAY)) == 1
        with pytest.raises(ClockSkew), importing.connection() as connection:
            accounts.open_accounts(connection, new(DAY))
    finally:
        importing.close()
    with live.database.connection() as connection:
        assert accounts.open_accounts(connection, new(timedelta(0))) == 1
        with pytest.raises(ClockSkew, match="import's right"):
            accounts.open_accounts(connection, new(-400 * DAY))
        assert accounts.open_accounts(connection, new(timedelta(0))) == 1

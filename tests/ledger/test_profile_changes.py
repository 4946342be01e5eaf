"""Accounts put under other limits, with who and why, and nobody without limits but by two."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import NOON, Books, profile, rule
from psycopg import errors

from emoney.ledger import AccountKind, NewAccount, account_changes, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import (
    AccountClosed,
    ConfigurationError,
    InvalidInput,
    LimitsMissing,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import connect
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import Bound, Direction, LimitProfile, Metric, Window
from emoney.ledger.outbox import Consumer
from emoney.ledger.profile_changes import LIFTING, put_under, request_lifting
from emoney.ledger.two_persons import NotApproved, RequestClosed

BY: dict[str, Any] = {"actor": "ops-1", "reason": "as asked", "at": NOON}
SECOND: dict[str, Any] = BY | {"actor": "ops-2"}
LIMITED = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))
TIGHTER = profile(rule(Metric.FLOW, 50, Direction.OUT, Window.DAY), name="tighter")
NOTHING_STOPS = profile(rule(Metric.FLOW, None, Direction.OUT, Window.DAY, bound=Bound.NONE), name="open")
UNKNOWN = profile(rule(Metric.FLOW, None, Direction.OUT, Window.DAY, bound=Bound.UNKNOWN), name="unknown")
PROFILES = ("limit_profile", "limit_rule", "limit_counter", "guard")
"""What storing a profile writes."""


def stored(books: Books, limits: LimitProfile) -> UUID:
    with books.database.connection() as connection:
        return profiles.store(connection, limits)


def put(books: Books, account_id: UUID, limits: UUID | None, **more: Any) -> int:
    with books.database.connection() as connection:
        return put_under(connection, {account_id: limits}, **(BY | more))


def asked(books: Books, account_id: UUID, limits: UUID | None = None) -> UUID:
    with books.database.connection() as connection:
        return request_lifting(connection, account_id, limits, **BY)


def approved(books: Books, account_id: UUID, limits: UUID | None = None) -> UUID:
    request = asked(books, account_id, limits)
    with books.database.connection() as connection:
        two_persons.approve(connection, request, [LIFTING], **SECOND)
    return request


def under(books: Books, account_id: UUID) -> UUID | None:
    with books.database.connection() as connection:
        return accounts.get(connection, account_id).profile_id


def history(books: Books, account_id: UUID) -> list[tuple[Any, ...]]:
    with books.database.connection() as connection:
        found = account_changes.changes(connection, account_id)
    return [(c.number, c.kind, c.profile_id, c.approval, c.actor, c.reason, c.at) for c in found]


def test_a_change_is_recorded_told_and_in_force(books: Books) -> None:
    wallet, other = books.funded(1_000, profile=LIMITED), books.account()
    tighter = stored(books, TIGHTER)
    books.posted(books.transfer(wallet, other, 60))
    assert put(books, wallet, tighter) == 1
    assert put(books, wallet, tighter) == 0  # as it is already
    assert history(books, wallet)[-1] == (2, "profile", tighter, None, "ops-1", "as asked", NOON)
    [refused] = books.post(books.transfer(wallet, other, 1))  # what was used stays used
    assert refused.refusal is not None
    assert (refused.refusal.limit, refused.refusal.used) == (50, 60)
    told = [e for e in Consumer(books.database, "test").read(100) if e.type == "account.profile"]
    said = {"number": 2, "kind": "profile", "profile": str(tighter), "at": NOON.isoformat()}
    assert told[-1].data["payload"] == said


def test_a_closed_account_keeps_its_profile(books: Books) -> None:
    wallet, limits = books.account(profile=LIMITED), stored(books, TIGHTER)
    books.close(wallet)
    before = books.dump()
    assert put(books, wallet, limits) == 0
    assert books.dump() == before
    with pytest.raises(AccountClosed):
        books.freeze(wallet, debit=True, credit=True)


@pytest.mark.parametrize("limits", [None, NOTHING_STOPS, profile()])
def test_limits_are_lifted_by_two(books: Books, limits: LimitProfile | None) -> None:
    wallet, other = books.funded(1_000, profile=LIMITED), books.account()
    none = None if limits is None else stored(books, limits)
    with pytest.raises(NotApproved, match="two persons"):
        put(books, wallet, none)
    request = asked(books, wallet, none)
    with pytest.raises(NotApproved):
        put(books, wallet, none, approval=request)
    with books.database.connection() as connection:
        two_persons.approve(connection, request, [LIFTING], **SECOND)
    assert put(books, wallet, none, approval=request) == 1
    assert (under(books, wallet), history(books, wallet)[-1][3]) == (none, request)
    books.posted(books.transfer(wallet, other, 500))
    put(books, wallet, stored(books, LIMITED))
    with pytest.raises(RequestClosed):
        put(books, wallet, none, approval=request)


def test_what_refuses_because_its_number_is_unknown_is_a_limit(books: Books) -> None:
    wallet = books.account(profile=LIMITED)
    assert put(books, wallet, stored(books, UNKNOWN)) == 1


def test_an_approval_lapses_and_is_of_one_account_and_one_profile(books: Books) -> None:
    wallet, other, tighter = *(books.account(profile=LIMITED) for _ in "12"), stored(books, TIGHTER)
    request = approved(books, wallet)
    before = books.dump()
    for account_id, limits, more in (
        (other, None, {}),
        (wallet, stored(books, NOTHING_STOPS), {}),
        (wallet, tighter, {}),
        (wallet, None, {"at": NOON - timedelta(seconds=1)}),
        (wallet, None, {"at": NOON + timedelta(days=90)}),
    ):
        with pytest.raises(NotApproved):
            put(books, account_id, limits, approval=request, **more)
    with pytest.raises(NotApproved):
        put(books, wallet, None, approval=new_id())
    with pytest.raises(InvalidInput), books.database.connection() as connection:
        put_under(connection, {wallet: None, other: None}, approval=request, **BY)
    assert books.dump(without=PROFILES) == {
        name: rows for name, rows in before.items() if name not in PROFILES
    }
    assert put(books, wallet, None, approval=request, at=NOON + timedelta(days=89)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        *({"actor": actor} for actor in ("", "a\0b")),
        *({"reason": reason} for reason in (" ", "x" * 501)),
        {"at": NOON.replace(tzinfo=None)},
    ],
)
def test_a_change_says_who_why_and_when(books: Books, wrong: dict[str, Any]) -> None:
    wallet, limits = books.account(), stored(books, LIMITED)
    before = books.dump()
    with pytest.raises(InvalidInput):
        put(books, wallet, limits, **wrong)
    assert books.dump() == before


# -- opened -------------------------------------------------------------------------------------------------


def test_a_customers_account_is_opened_under_limits(books: Books) -> None:
    wallet = books.ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-1", profile=LIMITED)
    assert under(books, wallet) == stored(books, LIMITED)
    assert books.ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-1") == wallet
    before = books.dump(without=PROFILES)
    for limits in (None, NOTHING_STOPS, profile()):
        with pytest.raises(LimitsMissing, match="give its profile"):
            books.ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-2", profile=limits)
    assert books.dump(without=PROFILES) == before
    books.ledger.open_account(AccountKind.MERCHANT, "EUR", "m-1")


def test_one_without_is_opened_on_the_word_of_two(books: Books) -> None:
    wallet = accounts.id_of_reference("w-1")
    request = asked(books, wallet)
    with pytest.raises(LimitsMissing):
        books.ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-1")
    with books.database.connection() as connection:
        two_persons.approve(connection, request, [LIFTING], **SECOND)
    with pytest.raises(LimitsMissing):
        books.ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-2")
    assert books.ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-1") == wallet
    assert history(books, wallet) == [(1, "profile", None, request, "ops-1", "as asked", NOON)]
    with books.database.connection() as connection:
        assert two_persons.find(connection, request, [LIFTING]).done_at == NOON
    put(books, wallet, stored(books, LIMITED))
    with pytest.raises(RequestClosed):
        put(books, wallet, None, approval=request)


def test_an_approval_to_open_lapses(books: Books) -> None:
    approved(books, accounts.id_of_reference("w-1"))
    books.now = NOON + timedelta(days=90)
    with pytest.raises(LimitsMissing):
        books.ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-1")


def test_one_opened_on_the_word_of_two_below_a_parent(books: Books) -> None:
    parent, wallet = books.account(AccountKind.MERCHANT), new_id()
    request = approved(books, wallet)
    new = NewAccount(wallet, AccountKind.CUSTOMER, "EUR", NOON, parent_id=parent)
    with books.database.connection() as connection:
        assert accounts.open_accounts(connection, [new]) == 1
        assert accounts.get(connection, wallet).parent_id == parent
    assert [(each[0], each[1], each[3]) for each in history(books, wallet)] == [
        (1, "parent", None),
        (2, "profile", request),
    ]


def test_the_imports_right_is_a_logins_and_ends_with_the_opening(books: Books) -> None:
    new = [NewAccount(new_id(), AccountKind.CUSTOMER, "EUR", NOON) for _ in "12"]
    with books.database.connection() as connection:
        assert accounts.open_without_limits(connection, new[:1]) == 1
        assert connection.execute("SELECT current_user").fetchone() == ("emoney_app",)
        with pytest.raises(LimitsMissing):
            accounts.open_accounts(connection, new[1:])
    with psycopg.connect(books.owner_url) as app:
        app.execute("SET SESSION AUTHORIZATION emoney_app")
        with pytest.raises(ConfigurationError, match="GRANT emoney_import"):
            accounts.open_without_limits(app, new[1:])


# -- attacks by SQL, as the application ----------------------------------------------------------------------


@pytest.fixture
def town(books: Books) -> dict[str, UUID | None]:
    """A wallet under limits, another one, and requests to lift limits: approved, of the other, used, open."""
    wallet, other, lifted = (books.funded(500, profile=LIMITED, holder=new_id()) for _ in "123")
    used = approved(books, lifted)
    put(books, lifted, None, approval=used)
    put(books, lifted, stored(books, LIMITED))
    books.freeze(wallet, debit=True, credit=False)
    return {
        "wallet": wallet,
        "other": other,
        "lifted": lifted,
        "used": used,
        "of_other": approved(books, other),
        "open": asked(books, wallet),
        "to_open": asked(books, accounts.id_of_reference("w-9")),
        "unopened": accounts.id_of_reference("w-9"),
        "stops_nothing": stored(books, NOTHING_STOPS),
    }


_CHANGE = (
    "INSERT INTO ledger.account_change (account_id, number, kind, profile_id, approval_id, actor, reason, at)"
    " SELECT %({account})s, 1 + count(*), 'profile', {profile}, {approval}, 'x', 'x', '{at}'"
    " FROM ledger.account_change WHERE account_id = %({account})s"
)
_OPEN = (
    "INSERT INTO ledger.account (id, kind, currency, opened_at, sign, floor, profile_id)"
    " VALUES ({id}, 'customer', 'EUR', '{at}', -1, 0, {profile})"
)


def change(account: str = "wallet", profile: str = "NULL", approval: str = "NULL") -> str:
    return _CHANGE.format(account=account, profile=profile, approval=approval, at=NOON.isoformat())


def opening(id: str = "gen_random_uuid()", profile: str = "NULL") -> str:
    return _OPEN.format(id=id, profile=profile, at=NOON.isoformat())


REFUSED = {
    "a profile taken away": "UPDATE ledger.account SET profile_id = NULL",
    "another profile": "UPDATE ledger.account SET profile_id = %(stops_nothing)s WHERE id = %(wallet)s",
    "opened on another day": "UPDATE ledger.account SET opened_at = '2020-01-01'",
    "another holder": "UPDATE ledger.account SET holder = gen_random_uuid()",
    "no floor": "UPDATE ledger.account SET floor = NULL",
    "no ceiling": "UPDATE ledger.account SET ceiling = NULL",
    "debits let go": "UPDATE ledger.account SET frozen_debit = false",
    "credits let go": "UPDATE ledger.account SET frozen_credit = false",
    "a freeze gone": "DELETE FROM ledger.account_freeze",
    "a profile that allows more": "UPDATE ledger.limit_profile SET rules = '[]'",
    "the record edited": "UPDATE ledger.account_change SET profile_id = NULL",
    "the function called": "SELECT ledger.put_under_profile_v1(%(wallet)s, NULL)",
    "opened without": opening(),
    "opened under what stops nothing": opening(profile="%(stops_nothing)s"),
    "opened before it is approved": opening(id="%(unopened)s"),
    "lifted by one": change(),
    "lifted by one to what stops nothing": change(profile="%(stops_nothing)s"),
    "an approval of another account": change(approval="%(of_other)s"),
    "an approval of another profile": change("other", "%(stops_nothing)s", "%(of_other)s"),
    "an approval used before": change("lifted", approval="%(used)s"),
    "a request that nobody approved": change(approval="%(open)s"),
    "an approval that is not there": change(approval="gen_random_uuid()"),
    **{
        f"asked and approved by {who}": "INSERT INTO ledger.request_decision (request_id, action, subject,"
        " asked_by, requested_at, expires_at, kept, outcome, actor, reason, decided_at) SELECT id, action,"
        f" subject, actor, requested_at, expires_at, kept, 'approved', '{who}', 'x', requested_at"
        " FROM ledger.request WHERE id = %(open)s"
        for who in ("ops-1", "OPS-1", "Ops-1", "ops-1 ", "ops\u20101", "\u043eps-1")
    },
}


@pytest.mark.parametrize("attack", REFUSED)
def test_the_application_cannot_by_sql(books: Books, town: dict[str, UUID | None], attack: str) -> None:
    before = books.dump()
    with connect(books.owner_url, role="emoney_app") as app, pytest.raises(psycopg.Error) as refused:
        app.execute(REFUSED[attack], town)
    assert isinstance(
        refused.value,
        errors.InsufficientPrivilege | errors.IntegrityError | errors.ObjectNotInPrerequisiteState,
    )
    assert books.dump() == before


def test_one_approval_opens_and_lifts_once(books: Books, town: dict[str, UUID | None]) -> None:
    """What the application does by SQL on the word of two is recorded as what it does by its functions."""
    with books.database.connection() as connection:
        to_open = town["to_open"]
        assert isinstance(to_open, UUID)
        two_persons.approve(connection, to_open, [LIFTING], **SECOND)
    with connect(books.owner_url, role="emoney_app") as app:
        app.execute(opening(id="%(unopened)s"), town)
        app.execute(change("other", approval="%(of_other)s"), town)
    before = books.dump()
    with connect(books.owner_url, role="emoney_app") as app, pytest.raises(errors.UniqueViolation):
        app.execute(change("other", approval="%(of_other)s"), town)
    assert books.dump() == before


def test_of_two_who_use_one_approval_at_once_one_does(books: Books) -> None:
    wallet = books.account(profile=LIMITED)
    request = approved(books, wallet)

    def lift(_: int) -> type[Exception] | int:
        try:
            return put(books, wallet, None, approval=request)
        except InvalidInput as error:
            return type(error)

    with ThreadPoolExecutor(8) as pool:
        found = Counter(pool.map(lift, range(16)))
    assert found[1] == 1
    assert set(found) <= {1, 0, RequestClosed}  # 0: by then it was without limits
    assert len(history(books, wallet)) == 1


# -- with postings in between ------------------------------------------------------------------------------


def test_postings_and_changes_at_once_lose_nothing(books: Books) -> None:
    """Twelve who send one by one, four who tighten the limit: no posting passes the limit in force."""
    amounts = (400, 300, 200, 100)
    limits = [
        stored(books, profile(rule(Metric.FLOW, most, Direction.OUT, Window.DAY), name=f"t{most}"))
        for most in amounts
    ]
    wallet = books.funded(1_000, profile=profile(rule(Metric.FLOW, 500, Direction.OUT, Window.DAY)))
    others = [books.account() for _ in range(12)]
    before = history(books, wallet)

    def send(other: UUID) -> list[Any]:
        return [books.post(books.transfer(wallet, other, 3))[0] for _ in range(12)]

    def tighten(limit: UUID) -> list[Any]:
        books.ledger.run(lambda c: put_under(c, {wallet: limit}, **BY))
        return []

    calls: list[Callable[[], list[Any]]] = [
        *(lambda other=other: send(other) for other in others),  # type: ignore[misc]
        *(lambda limit=limit: tighten(limit) for limit in limits),  # type: ignore[misc]
    ]
    with ThreadPoolExecutor(16) as pool:
        outcomes = [each for done in pool.map(lambda call: call(), calls) for each in done]
    sent = sum(outcome.posted for outcome in outcomes)
    assert books.balance(wallet) == 1_000 - 3 * sent
    assert all(outcome.posted or outcome.refusal is not None for outcome in outcomes)
    made = history(books, wallet)[len(before) :]
    assert {each[2] for each in made} <= set(limits)
    assert len(made) == 4
    assert [each[0] for each in made] == list(range(len(before) + 1, len(before) + 5))
    assert under(books, wallet) == made[-1][2]
    # in the order of the account: what was posted after a change kept within the limit that it set
    events = [e for e in Consumer(books.database, "test").read(1_000) if e.type != "transfer.refused"]
    most, used = 500, 0
    of = dict(zip(map(str, limits), amounts, strict=True))
    for event in events:
        if event.type == "account.profile":
            most = of.get(event.data["payload"]["profile"], most)
        elif event.data["operation"] == "p2p":
            used += event.data["amount"]["minor"]
            assert used <= most
    assert used == 3 * sent
    books.check()

"""As of: the balance at any moment equals a replay of the entries, by posting time and by effective time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from benchmarks.plans import steps
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Operation
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput, UnknownAccount
from emoney.ledger.base.ids import new_id
from emoney.ledger.reports import as_of, statements
from emoney.ledger.reports.as_of import Position, TimeBasis

SECOND = timedelta(seconds=1)


def position(books: Books, account: UUID, moment: datetime) -> Position:
    with books.database.connection() as connection:
        return as_of.position(connection, account, moment)


# Batches posted after a step of the clock, each a list of (amount, seconds by which it is backdated).
days = st.lists(
    st.tuples(
        st.integers(0, 3), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 5)), min_size=1, max_size=6)
    ),
    max_size=8,
)


@given(days=days)
@on_database(40)
def test_the_balance_at_any_moment_is_the_replay_of_the_entries(
    shared_books: Books, days: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    books = shared_books
    books.now = NOON
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    sent: list[tuple[datetime, datetime, int]] = []
    for step, batch in days:
        books.now += step * SECOND
        transfers = []
        for amount, back in batch:
            at = books.now - back * SECOND
            transfers.append(
                books.transfer(funds, wallet, amount, Operation.LOAD, reference="receipt", at=at)
            )
            sent.append((books.now, at, amount))
        books.posted(*transfers)
    moments = sorted(
        {NOON - SECOND, *(t + d for p, e, _ in sent for t in (p, e) for d in (-SECOND, 0 * SECOND))}
    )
    with books.database.connection() as connection:
        for moment in moments:
            found = as_of.position(connection, wallet, moment)
            assert found.version == sum(posted <= moment for posted, _, _ in sent)
            assert found.balance == sum(amount for posted, _, amount in sent if posted <= moment)
            assert as_of.balance(connection, wallet, moment) == found.balance
            effective = as_of.balance(connection, wallet, moment, basis=TimeBasis.EFFECTIVE)
            assert effective == sum(amount for _, at, amount in sent if at <= moment)


# Batches after a step of the clock: amounts in and out of a wallet, and by how many seconds each is late, or
# months, as of an imported history.
mixtures = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(
            st.tuples(
                st.integers(-9, 9).filter(bool),
                st.one_of(st.integers(0, 5), st.just(0), st.integers(10**7, 10**7 + 5)),
            ),
            min_size=1,
            max_size=6,
        ),
    ),
    max_size=6,
)


@given(mixture=mixtures)
@on_database(30)
def test_balances_and_statements_by_effective_time_are_the_sums_of_what_counts(
    shared_books: Books, mixture: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    books = shared_books
    books.now = NOON
    other, wallet = books.funded(1000), books.funded(1000)
    sent, lines = [(NOON, 1, 1000)], 1
    for step, batch in mixture:
        books.now += step * SECOND
        for amount, back in batch:
            payer, payee = (other, wallet) if amount > 0 else (wallet, other)
            at = books.now - back * SECOND
            books.posted(books.transfer(payer, payee, abs(amount), at=at))
            lines += 1
            sent.append((at, lines, amount))
    sent.sort()
    moments = sorted({at + d * SECOND for at, _, _ in sent for d in (-1, 0, 1)})
    with books.database.connection() as connection:
        account = accounts.get(connection, wallet)
        for moment in moments:
            assert as_of.balance(connection, wallet, moment, basis=TimeBasis.EFFECTIVE) == sum(
                amount for at, _, amount in sent if at <= moment
            )
        for start, end in (
            (moments[0], moments[-1]),
            (moments[len(moments) // 3], moments[len(moments) // 2]),
        ):
            found = statements.effective_between(connection, account, start, end)
            expected = [(at, n, amount) for at, n, amount in sent if start <= at < end]
            told = list(found.lines(connection))
            assert [(line.effective_at, line.version, line.change) for line in told] == expected
            assert [line.balance for line in told] == [
                sum(amount for *key, amount in sent if key <= [line.effective_at, line.version])
                for line in told
            ]
            assert found.line_count == len(told)


@given(data=st.data())
@on_database(15)
def test_the_chart_at_a_moment_is_the_sum_of_the_accounts_at_it(books: Books, data: Any) -> None:
    wallets = [books.funded(data.draw(st.integers(0, 50), "opening")) for _ in range(3)]
    for _ in range(data.draw(st.integers(0, 6), "batches")):
        books.now += SECOND
        a, b = data.draw(st.permutations(wallets), "pair")[:2]
        books.post(books.transfer(a, b, data.draw(st.integers(1, 20), "amount")))
    with books.database.connection() as connection:
        rows = connection.execute("SELECT id, kind FROM ledger.account").fetchall()
        for seconds in range(-1, 8):
            moment = books.now - seconds * SECOND
            of_kind: dict[str, int] = {}
            for account, kind in rows:
                of_kind[kind] = of_kind.get(kind, 0) + as_of.balance(connection, account, moment)
            totals = as_of.totals(connection, moment)
            assert {total.kind.value: total.balance for total in totals} == of_kind
            assert sum(total.accounts for total in totals) == len(rows)


def test_an_entry_counts_from_its_own_moment_on(books: Books) -> None:
    wallet = books.funded(100)
    assert position(books, wallet, NOON) == Position(1, 100)
    assert position(books, wallet, as_of.just_before(NOON)) == Position(0, 0)
    assert position(books, wallet, datetime(1900, 1, 1, tzinfo=UTC)) == Position(0, 0)
    assert position(books, wallet, datetime(8999, 1, 1, tzinfo=UTC)) == Position(1, 100)


def test_an_account_without_entries_holds_nothing_at_any_moment(books: Books) -> None:
    account = books.account()
    with books.database.connection() as connection:
        assert as_of.position(connection, account, NOON) == Position(0, 0)
        assert as_of.balance(connection, account, NOON, basis=TimeBasis.EFFECTIVE) == 0


def test_a_backdated_transfer_changes_the_past_by_effective_time_only(books: Books) -> None:
    payer, payee = books.funded(100), books.account()
    books.now = NOON + timedelta(days=2)
    books.posted(books.transfer(payer, payee, 30, at=NOON + timedelta(days=1)))
    between = NOON + timedelta(days=1, hours=1)
    with books.database.connection() as connection:
        assert as_of.balance(connection, payer, between) == 100
        assert as_of.balance(connection, payer, between, basis=TimeBasis.EFFECTIVE) == 70
        assert as_of.balance(connection, payee, between, basis=TimeBasis.EFFECTIVE) == 30


@pytest.mark.parametrize("basis", TimeBasis)
def test_what_cannot_be_answered_is_refused(books: Books, basis: TimeBasis) -> None:
    with books.database.connection() as connection:
        with pytest.raises(UnknownAccount):
            as_of.balance(connection, new_id(), NOON, basis=basis)
        with pytest.raises(InvalidInput, match="time zone"):
            as_of.balance(connection, books.account(), NOON.replace(tzinfo=None), basis=basis)


def test_the_position_is_one_probe_of_the_entries_key(books: Books) -> None:
    """However many entries the account has, one is read, by account and time."""
    wallet, shop = books.funded(5000), books.account()
    for _ in range(8):
        books.now += SECOND
        books.posted(*(books.transfer(wallet, shop, 1) for _ in range(500)))
    with books.database.connection() as connection:
        (plan,) = connection.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + as_of._queries.version_at.sql,
            {"account": wallet, "moment": NOON + 3 * SECOND},
        ).fetchone() or ([],)
    scans = [
        node
        for node in steps(plan[0]["Plan"])
        if node.get("Relation Name", "").startswith("entry") and node["Actual Loops"]
    ]
    assert [node["Node Type"] for node in scans] == ["Index Scan"]
    assert scans[0]["Actual Rows"] == 1
    assert "Rows Removed by Filter" not in scans[0]

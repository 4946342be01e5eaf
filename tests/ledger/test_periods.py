"""Closed periods: nothing counts in them any more, whoever is first, and their totals can be checked."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from books import NOON, Books, post_by_sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Database, GroupCommit, Operation, Transfer, periods
from emoney.ledger.base.errors import InvalidInput, Unavailable
from emoney.ledger.base.ids import new_id
from emoney.ledger.outbox import Consumer
from emoney.ledger.periods import Period, PeriodTotal, UnknownPeriod
from emoney.ledger.posting import closed_periods as watermark
from emoney.ledger.posting.closed_periods import ClosedPeriod
from emoney.ledger.reports import as_of
from emoney.testing import copy_of

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE = MARCH - timedelta(microseconds=1)


def close(books: Books, name: str = "2026-02", zone: str = "UTC") -> Period:
    """Close a period."""
    return periods.close(books.ledger, name, time_zone=zone, actor="accountant-1")


def backdated(books: Books, at: datetime, amount: int = 1) -> Transfer:
    """An issue that counts at a moment."""
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    return books.transfer(funds, wallet, amount, Operation.LOAD, reference="r", at=at)


def check(books: Books, name: str = "2026-02") -> periods.PeriodCheck:
    """The period's totals as recorded and as found."""
    with books.database.connection() as connection:
        return periods.check(connection, name)


def test_nothing_counts_in_a_closed_period_and_everything_after_it(books: Books) -> None:
    books.posted(backdated(books, BEFORE, 5))
    close(books)
    late, open_ = backdated(books, BEFORE), backdated(books, MARCH)
    before = books.dump()
    with pytest.raises(ClosedPeriod, match=r"2026-03-01T00:00:00\+00:00"):
        books.post(late)
    with pytest.raises(ClosedPeriod):
        books.post(open_, late)
    assert books.dump() == before
    books.posted(open_, backdated(books, NOON + timedelta(days=99)))
    on_time = books.transfer(late.debit_account, late.credit_account, 1, Operation.LOAD, reference="r")
    books.posted(on_time)
    assert check(books).holds
    books.check()


def test_what_was_posted_before_the_close_is_replayed_after_it(books: Books) -> None:
    sent = backdated(books, BEFORE)
    books.posted(sent)
    close(books)
    (again,) = books.post(sent)
    assert (again.posted, again.replayed) == (True, True)


def test_group_commit_gives_the_error_to_the_caller_concerned(books: Books) -> None:
    close(books)
    good, bad = backdated(books, MARCH), backdated(books, BEFORE)
    with GroupCommit(books.ledger) as commits, ThreadPoolExecutor(2) as pool:
        results = [pool.submit(commits.post, each) for each in (good, bad)]
        assert results[0].result().posted
        assert isinstance(results[1].exception(), ClosedPeriod)


def test_a_close_records_the_trial_balance_by_effective_time(books: Books) -> None:
    first = backdated(books, BEFORE, 70)
    books.posted(first, backdated(books, MARCH, 1000))
    wallet, shop = first.credit_account, books.account(AccountKind.MERCHANT)
    books.posted(books.transfer(wallet, shop, 30, at=BEFORE), books.transfer(wallet, shop, 10))
    period = close(books)
    assert (period.starts_at, period.ends_at, period.transfers) == (None, MARCH, 2)
    found = check(books)
    assert found.holds
    assert [(t.kind, t.debits, t.credits, t.balance) for t in found.recorded] == [
        (AccountKind.CUSTOMER, 30, 70, 40),
        (AccountKind.MERCHANT, 0, 30, 30),
        (AccountKind.SAFEGUARDING, 70, 0, 70),
    ]
    with books.database.connection() as connection:
        by_effective = as_of.balance(connection, wallet, BEFORE, basis=as_of.TimeBasis.EFFECTIVE)
    assert by_effective == 40


def test_books_that_were_tampered_with_do_not_hold(books: Books) -> None:
    sent = backdated(books, BEFORE, 70)
    books.posted(sent)
    close(books)
    books.owner(f"UPDATE ledger.transfer SET effective_at = '{MARCH}' WHERE id = '{sent.id}'")
    assert not check(books).holds


def test_periods_follow_each_other(books: Books) -> None:
    january = close(books, "2026-01")
    assert close(books, "2026-01") == january
    with pytest.raises(InvalidInput, match="time zone UTC"):
        close(books, "2026-01", "Africa/Nairobi")
    close(books, "2026-02-10")
    february = close(books, "2026-02")
    assert february.starts_at == datetime(2026, 2, 11, tzinfo=UTC)
    books.now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    for name, why in (
        ("2026-01-31", "up to 2026-03-01"),
        ("2026-04", "up to 2026-03-01T00:00:00.00:00 only"),
        ("2026-06", "not over"),
    ):
        with pytest.raises(InvalidInput, match=why):
            close(books, name)
    close(books, "2026-03")
    with books.database.connection() as connection:
        assert [period.name for period in periods.periods(connection)] == [
            "2026-01",
            "2026-02-10",
            "2026-02",
            "2026-03",
        ]
        assert watermark.read(connection) == datetime(2026, 4, 1, tzinfo=UTC)


def test_a_period_ends_where_its_day_ends_and_is_closed_a_minute_later(books: Books) -> None:
    books.now = datetime(2026, 2, 28, 21, 0, 59, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="not over"):
        close(books, zone="Africa/Nairobi")
    books.now += timedelta(seconds=1)
    assert close(books, zone="Africa/Nairobi").ends_at == datetime(2026, 2, 28, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["", "2026", "2026-13", "2026-02-30", "20260228", "2026-W09", "9999-12", "2026-02\n", "٢٠٢٦-02"]
)
def test_what_names_no_period(books: Books, name: str) -> None:
    with pytest.raises(InvalidInput):
        close(books, name)
    with pytest.raises(UnknownPeriod), books.database.connection() as connection:
        periods.check(connection, name)


def test_a_close_is_an_event(books: Books) -> None:
    period = close(books)
    (event,) = Consumer(books.database, "test").read()
    assert (event.type, event.data["subject"]) == ("period.closed", str(period.id))
    assert event.data["payload"]["name"] == "2026-02"


def test_a_close_that_was_interrupted_is_completed(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.posted(backdated(books, BEFORE, 5))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(periods, "find", interrupted)
        with pytest.raises(KeyboardInterrupt):
            close(books)
    with books.database.connection() as connection:
        assert periods.find(connection, "2026-02").transfers is None
    assert not check(books).holds
    with pytest.raises(ClosedPeriod):
        books.post(backdated(books, BEFORE))
    books.now += timedelta(days=3)
    assert close(books).transfers == 1
    assert check(books).holds


def test_the_database_itself_refuses_what_counts_in_a_closed_period(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(books)
    late = backdated(books, BEFORE)
    before = books.dump()
    monkeypatch.setattr(watermark, "refuse_closed", lambda *_: None)
    with pytest.raises(ClosedPeriod, match="meanwhile"):
        books.post(backdated_like(late, MARCH), late)
    assert books.dump() == before
    books.posted(backdated_like(late, MARCH))


def backdated_like(transfer: Transfer, at: datetime) -> Transfer:
    """The same movement at another moment, under another id."""
    return Transfer(
        new_id(), transfer.debit_account, transfer.credit_account, 1, "EUR", Operation.LOAD, "r", None, at
    )


def test_an_older_snapshot_does_not_hide_a_close(books: Books) -> None:
    late = backdated(books, BEFORE)
    with books.database.connection() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1 FROM ledger.transfer").fetchall()
        close(books)
        with (
            pytest.raises(psycopg.errors.IntegrityError, match="isolation level"),
            connection.transaction(),
        ):
            post_by_sql(connection, NOON, late, 1, 1, 1, 1)


CLOSING = (
    "INSERT INTO ledger.closed_period (ends_at, id, name, starts_at, time_zone, closed_at, actor)"
    " VALUES (%s, gen_random_uuid(), '2026-02', %s, 'UTC', %s, 'a')"
)


@pytest.mark.parametrize(
    "values",
    [
        (MARCH, MARCH - timedelta(days=28), NOON),  # does not follow
        (MARCH - timedelta(days=28), MARCH - timedelta(days=28), NOON),  # of no length
        (MARCH, MARCH - timedelta(days=59), BEFORE),  # not over
    ],
)
def test_the_database_itself_closes_in_order(books: Books, values: tuple[datetime, ...]) -> None:
    close(books, "2025-12")
    before = books.dump()
    with pytest.raises(psycopg.errors.IntegrityError), books.database.connection() as connection:
        connection.execute(CLOSING, values)
    assert books.dump() == before


@pytest.mark.parametrize("table", ["closed_period", "period_sum", "period_total"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET ends_at = ends_at", "TRUNCATE {} CASCADE"])
def test_a_close_is_not_taken_back(books: Books, table: str, verb: str) -> None:
    books.posted(backdated(books, BEFORE))
    close(books)
    statement = verb.format(f"ledger.{table}")
    with (
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
        psycopg.connect(books.owner_url) as owner,
    ):
        owner.execute(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), books.database.connection() as connection:
        connection.execute(statement)


def waits(books: Books, relation: str) -> None:
    """Until another session waits for a lock on a table."""
    with psycopg.connect(books.owner_url, autocommit=True) as connection:
        for _ in range(24_000):
            row = connection.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass", (relation,)
            ).fetchone()
            if row != (0,):
                return
            threading.Event().wait(0.005)
    raise AssertionError(f"nobody waits for {relation}")


def test_a_close_waits_for_the_posting_under_way_and_counts_it(books: Books) -> None:
    sent = backdated(books, BEFORE, 5)
    with ThreadPoolExecutor(1) as pool:
        with books.database.connection() as connection:
            assert books.ledger.post_in(connection, [sent])[0].posted
            closing = pool.submit(close, books)
            waits(books, "ledger.transfer")
            assert not closing.done()
        assert closing.result().transfers == 1
    assert check(books).holds


def test_a_posting_waits_for_the_close_under_way_and_is_refused(books: Books) -> None:
    sent, other = backdated(books, BEFORE), backdated(books, NOON)
    with ThreadPoolExecutor(2) as pool:
        with books.database.connection() as connection:
            connection.execute(CLOSING, (MARCH, None, NOON))
            posting, on_time = pool.submit(books.post, sent), pool.submit(books.post, other)
            waits(books, "ledger.transfer")
        assert isinstance(posting.exception(), ClosedPeriod)
        assert on_time.result()[0].posted


def test_a_close_gives_up_when_a_posting_does_not_end(books: Books) -> None:
    with books.database.connection() as connection:
        assert books.ledger.post_in(connection, [backdated(books, BEFORE)])[0].posted
        with pytest.raises(Unavailable, match="nothing was closed"):
            close(books)
    assert close(books).transfers == 1


def test_closes_and_backdated_postings_at_once_leave_periods_that_hold(books: Books) -> None:
    """Postings all over three months while these are closed, one after the other."""
    funds = books.account(AccountKind.SAFEGUARDING)
    wallets = [books.account() for _ in range(4)]
    books.now = datetime(2026, 4, 10, tzinfo=UTC)
    gate = threading.Barrier(5)

    def posting(number: int) -> int:
        gate.wait()
        refused = 0
        for day in range(60):
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=(day * 37 + number * 11) % 95)
            sent = books.transfer(funds, wallets[number], 1, Operation.LOAD, reference="r", at=at)
            try:
                books.posted(sent)
            except ClosedPeriod:
                refused += 1
        return refused

    def closing() -> None:
        gate.wait()
        for name in ("2026-01", "2026-02", "2026-03"):
            close(books, name)

    with ThreadPoolExecutor(5) as pool:
        work = [pool.submit(posting, number) for number in range(4)]
        closed = pool.submit(closing)
        refused = sum(each.result() for each in work)
        closed.result()
    assert refused
    for name in ("2026-01", "2026-02", "2026-03"):
        assert check(books, name).holds
    assert books.balance(funds) == 240 - refused
    books.check()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(0, 120), st.integers(1, 50)),
        st.tuples(st.just("close"), st.integers(0, 120), st.just(0)),
    ),
    max_size=12,
)


@contextmanager
def fresh_books(template: str) -> Iterator[Books]:
    """A ledger that ends with its block."""
    with copy_of(template) as url:
        database = Database(url)
        try:
            yield Books(database, url)
        finally:
            database.close()


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
def test_closed_totals_never_change_whatever_comes_after(
    template: str, steps: list[tuple[str, int, int]]
) -> None:
    """Closes are for good, so each example has a ledger of its own."""
    with fresh_books(template) as books:
        _closed_totals_never_change(books, steps)


def _closed_totals_never_change(books: Books, steps: list[tuple[str, int, int]]) -> None:
    start = datetime(2025, 11, 1, tzinfo=UTC)
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    closed_to, recorded, posted = start, {}, []
    for what, day, amount in steps:
        at = start + timedelta(days=day)
        if what == "post":
            sent = books.transfer(funds, wallet, amount, Operation.LOAD, reference="r", at=at)
            if at < closed_to:
                with pytest.raises(ClosedPeriod):
                    books.post(sent)
            else:
                books.posted(sent)
                posted.append((at, amount))
        elif at + timedelta(days=1) > closed_to:
            name = f"{at.date()}"
            close(books, name)
            closed_to = at + timedelta(days=1)
            total = sum(amount for when, amount in posted if when < closed_to)
            recorded[name] = (total, sum(when < closed_to for when, _ in posted))
    for name, (total, count) in recorded.items():
        found = check(books, name)
        assert found.holds
        assert found.period.transfers == count
        expected = PeriodTotal("EUR", AccountKind.SAFEGUARDING, total, 0)
        assert not total or expected in found.recorded

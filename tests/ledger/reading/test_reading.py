"""Reading: one by id or key, lists by pages in order, by index at any size; balances and statements."""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest
from books import NOON, Books

from emoney.ledger import AccountKind, Key, Money, Operation, Transfer, disputes, holds
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import (
    InvalidId,
    InvalidInput,
    UnknownAccount,
    UnknownHold,
    UnknownRefusal,
    UnknownTransfer,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.reading import Page, metadata_index

DAY = timedelta(days=1)


class Street:
    """A holder with two wallets, and a shop; sixty payments over sixty days, half of them refused."""

    def __init__(self, books: Books) -> None:
        self.books, self.reading = books, books.ledger.reading
        self.holder = new_id()
        self.one, self.two = (books.funded(500, holder=self.holder) for _ in range(2))
        self.shop = books.account(AccountKind.MERCHANT, ref="shop-1")
        self.paid: list[Transfer] = []
        self.refused: list[Transfer] = []
        for day in range(30):
            books.now = NOON + day * DAY
            payer = (self.one, self.two)[day % 2]
            ok, bad = (
                Transfer(
                    Key(f"{word}-{day}"),
                    payer,
                    self.shop,
                    amount,
                    "EUR",
                    (Operation.PAY, Operation.BILL)[day % 3 == 0],
                    reference=f"bill-{day % 5}",
                    metadata={"order": day, "way": "app"},
                )
                for word, amount in (("ok", 2), ("bad", 2_000))
            )
            first, second = books.post(ok, bad)
            assert (first.posted, second.posted) == (True, False)
            self.paid.append(ok)
            self.refused.append(bad)
        books.now += timedelta(minutes=1)
        self.between = books.transfer(self.one, self.two, 1)
        books.posted(self.between)


@pytest.fixture
def street(books: Books) -> Street:
    return Street(books)


def everything(ask: Callable[..., Page[Any]], *, limit: int, **asked: Any) -> list[Any]:
    """All pages of a list."""
    found: list[Any] = []
    after = None
    while True:
        page = ask(after=after, limit=limit, **asked)
        assert len(page.items) <= limit
        assert page.items or not found
        found += page.items
        if page.next is None:
            return found
        assert len(page.items) == limit
        after = page.next


def test_a_transfer_by_id_or_key_and_what_was_refused(street: Street) -> None:
    read = street.reading.transfer(Key("ok-3"))
    sent = street.paid[3]
    assert (read.id, read.key, read.metadata) == (sent.id, "ok-3", {"order": 3, "way": "app"})
    assert (read.debit_account, read.credit_account, read.amount) == (street.two, street.shop, 2)
    assert (read.operation, read.reference, read.group) == (Operation.BILL, "bill-3", None)
    assert read.posted_at == read.effective_at == NOON + 3 * DAY
    assert read.money == Money("0.02", "EUR")
    assert street.reading.transfer(str(sent.id)) == read
    assert street.reading.transfer(street.between.id).key is None
    refused = street.reading.refusal(Key("bad-3"))
    assert (refused.refusal.rule, refused.refusal.headroom, refused.key) == ("funds", 496, "bad-3")
    with pytest.raises(UnknownTransfer):
        street.reading.transfer(Key("bad-3"))
    with pytest.raises(UnknownRefusal):
        street.reading.refusal(Key("ok-3"))
    with pytest.raises(InvalidId, match="Key"):
        street.reading.transfer("ok-3")


@pytest.mark.parametrize("limit", [1, 7, 1000])
@pytest.mark.parametrize("newest_first", [False, True])
def test_lists_are_whole_and_in_order_whatever_a_page_holds(
    street: Street, limit: int, newest_first: bool
) -> None:
    def ids(ask: Callable[..., Page[Any]], **asked: Any) -> list[UUID]:
        found = everything(ask, limit=limit, newest_first=newest_first, **asked)
        return [each.id for each in (reversed(found) if newest_first else found)]

    of, paid, refused = street.reading, street.paid, street.refused
    assert ids(of.transfers, account="shop-1") == [each.id for each in paid]
    own = ids(of.transfers, holder=street.holder, since=NOON + DAY)
    assert own == [*(each.id for each in paid[1:]), street.between.id]  # between the two once
    some = {"since": NOON + 3 * DAY, "until": NOON + 20 * DAY, "operation": Operation.BILL}
    bills = [each.id for each in paid[3:20:3]]
    assert ids(of.transfers, account=street.shop, **some) == bills
    assert ids(of.transfers, **some) == bills
    named = {"since": NOON, "reference": "bill-2"}
    assert ids(of.transfers, **named) == [each.id for each in paid[2::5]]
    assert ids(of.refusals, account=[street.one, "shop-1"], **named) == [each.id for each in refused[2::5]]
    assert ids(of.refusals, holder=street.holder) == [each.id for each in refused]
    assert ids(of.refusals) == [each.id for each in refused]
    assert ids(of.refusals, **some) == [each.id for each in refused[3:20:3]]
    everything_since = ids(of.transfers, since=NOON)
    assert len(everything_since) == 2 + 30 + 1
    assert ids(of.transfers, since=NOON + 100 * DAY) == []


def test_holds_are_listed_as_they_stand(street: Street) -> None:
    made = []
    for number in range(5):
        street.books.now += timedelta(minutes=1)
        until = street.books.now + DAY
        made.append(Hold(Key(f"h{number}"), street.one, street.shop, 10, "EUR", Operation.PAY, until))
        assert holds.place(street.books.ledger, made[-1]).posted
    holds.capture(street.books.ledger, Key("h1"), new_id(), 4)
    street.books.now += timedelta(minutes=1)
    disputes.open_dispute(
        street.books.ledger, Key("ok-1"), new_id(), reason_code="1", expires_at=until, actor="a"
    )
    hold = street.reading.hold(Key("h1"))
    assert (hold.captured, hold.remaining, hold.open, hold.key) == (4, 0, False, "h1")
    for limit in (1, 2, 100):
        found = everything(street.reading.holds, limit=limit, holder=street.holder, open_only=True)
        assert [each.key for each in found] == ["h0", "h2", "h3", "h4", None]
        found = everything(street.reading.holds, limit=limit, newest_first=True, operation=Operation.PAY)
        assert [each.key for each in found] == ["h4", "h3", "h2", "h1", "h0"]
    with pytest.raises(UnknownHold):
        street.reading.hold(Key("ok-1"))


def test_accounts_and_balances(street: Street) -> None:
    reading = street.reading
    assert {each.id for each in reading.wallets(street.holder)} == {street.one, street.two}
    for limit in (1, 2, 50):
        merchants = everything(reading.accounts, limit=limit, kind=AccountKind.MERCHANT)
        assert [each.external_ref for each in merchants] == ["shop-1"]
        everyone = everything(reading.accounts, limit=limit)
        assert len(everyone) == 5
        assert all(one.id < other.id for one, other in pairwise(everyone))
        funds = everything(reading.accounts, limit=limit, kind=AccountKind.SAFEGUARDING, currency="EUR")
        assert len(funds) == 2
        assert len(everything(reading.accounts, limit=limit, kind=AccountKind.CUSTOMER)) == 2
    assert [each.id for each in reading.accounts(reference="shop-1").items] == [street.shop]
    assert reading.accounts(reference="nobody").items == ()
    assert reading.accounts(opened_since=NOON + DAY).items == ()
    assert reading.account("shop-1") == reading.account(street.shop)
    found = reading.balances(["shop-1", street.one, str(street.two), "nobody", new_id()])
    assert set(found) == {"shop-1", street.one, str(street.two)}
    assert (found["shop-1"].balance, found["shop-1"].account_id) == (60, street.shop)
    assert found[street.one].money == Money("4.69", "EUR")
    assert reading.balance("shop-1") == 60
    assert reading.balance("shop-1", NOON + 9 * DAY) == 20
    with pytest.raises(UnknownAccount):
        reading.transfers(account="nobody")


def test_statements_by_pages(street: Street) -> None:
    start, end = NOON + 5 * DAY, NOON + 15 * DAY
    statement = street.reading.statement("shop-1", start, end)
    assert (statement.opening.balance, statement.closing.balance, statement.line_count) == (10, 30, 10)
    for limit in (1, 3, 10, 100):
        after, lines = None, []
        while True:
            page = street.reading.statement_lines("shop-1", start, end, after=after, limit=limit)
            lines += page.items
            if (after := page.next) is None:
                break
        assert [line.balance for line in lines] == list(range(12, 31, 2))
    assert street.reading.statement_lines("shop-1", end + 99 * DAY, end + 100 * DAY).items == ()


def test_metadata_can_be_asked_for_where_it_is_declared(street: Street) -> None:
    reading, books = street.reading, street.books
    with pytest.raises(InvalidInput, match="declare"):
        reading.transfers(metadata={"way": "app"})
    with books.database.connection() as connection:
        accounts.set_metadata(connection, street.shop, {"branch": "Osu"}, at=NOON)
    with psycopg.connect(books.owner_url) as owner:
        for _ in range(2):
            metadata_index.declare(owner, "transfer", "way")
            metadata_index.declare(owner, "transfer", "order")
            metadata_index.declare(owner, "account", "branch")
        assert metadata_index.declared(owner, "transfer") == ["order", "way"]
        with pytest.raises(InvalidInput):
            metadata_index.declare(owner, "transfer", 'x")')
    assert [each.key for each in reading.transfers(metadata={"order": 7}).items] == ["ok-7"]
    assert reading.transfers(metadata={"order": "7"}).items == ()
    found = everything(reading.transfers, limit=4, metadata={"way": "app"})
    assert {each.key for each in found} == {f"ok-{day}" for day in range(30)}
    assert [each.id for each in reading.accounts(metadata={"branch": "Osu"}).items] == [street.shop]
    assert reading.account_metadata("shop-1") == {"branch": "Osu"}
    assert reading.account_metadata(street.one) == {}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"account": "shop-1", "holder": new_id()},
        {"since": NOON.replace(tzinfo=None)},
        {"since": "2026-01-01"},
        {"since": NOON, "operation": "pay"},
        {"since": NOON, "reference": 7},
        {"since": NOON, "limit": 0},
        {"since": NOON, "limit": 1001},
        {"since": NOON, "after": "x"},
        {"since": NOON, "after": 7},
        {"since": NOON, "metadata": {"way": "app"}},
        {"metadata": {}},
        {"metadata": "way"},
        {"account": []},
        {"account": 7},
        {"holder": "x"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(street: Street, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        street.reading.transfers(**asked)


def test_a_page_belongs_to_its_question(street: Street) -> None:
    first = street.reading.transfers(account="shop-1", limit=3)
    assert street.reading.transfers(account=street.shop, limit=5, after=first.next).items
    with pytest.raises(InvalidInput, match="another question"):
        street.reading.transfers(account="shop-1", reference="bill-1", after=first.next)
    with pytest.raises(InvalidInput, match="another question"):
        street.reading.refusals(account="shop-1", after=first.next)


# -- at size: no list reads a whole table --------------------------------------------------------------------

NUMBER = 20_000
LARGE = ("transfer", "entry", "refusal", "hold", "account", "transfer_note")


@pytest.fixture
def large(street: Street) -> Street:
    """The street with many times the rows of others, written past the books."""
    fill = [
        "INSERT INTO ledger.account (id, kind, currency, opened_at, sign, floor)"
        f" SELECT gen_random_uuid(), 'customer', 'EUR', now(), -1, 0 FROM generate_series(1, {NUMBER})",
        "CREATE TABLE public.fill AS SELECT (substr(ledger.first_id(now() - interval '1 year')::text, 1, 13)"
        " || substr(gen_random_uuid()::text, 14))::uuid AS id, a.id AS debit, b.id AS credit,"
        " timestamptz '2026-03-10 12:00+00' + n * interval '1 minute' AS at FROM"
        " (SELECT id, row_number() OVER () AS n FROM ledger.account) AS a JOIN"
        " (SELECT id, row_number() OVER () + 1 AS n FROM ledger.account) AS b USING (n)",
        "INSERT INTO ledger.transfer (id, debit_account, credit_account, amount, currency, operation,"
        " effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)"
        " SELECT id, debit, credit, 1, 'EUR', 'p2p', at, at, 1, 0, 1, 1 FROM public.fill",
        "INSERT INTO ledger.entry SELECT debit, 1000, id, 1, 0, at FROM public.fill",
        "INSERT INTO ledger.entry SELECT credit, 2000, id, -1, 0, at FROM public.fill",
        "INSERT INTO ledger.refusal (transfer_id, debit_account, credit_account, amount, currency, operation,"
        " effective_at, decided_at, rule, decision, source, numbers)"
        " SELECT id, debit, credit, 1, 'EUR', 'p2p', at, at, 'funds', 'deny', 'x', '{}' FROM public.fill",
        "INSERT INTO ledger.hold (id, debit_account, credit_account, amount, currency, operation, placed_at,"
        " expires_at) SELECT id, debit, credit, 1, 'EUR', 'p2p', at, at + interval '1 day' FROM public.fill",
        "INSERT INTO ledger.transfer_note (id, key) SELECT id, 'k' || id FROM public.fill",
    ]
    street.books.owner(*fill)
    with psycopg.connect(street.books.owner_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return street


def test_no_list_reads_a_whole_table(large: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(large.books.owner_url) as connection:
        metadata_index.declare(connection, "transfer", "order")
    plans: dict[str, str] = {}
    execute = psycopg.Connection.execute

    def explained(self: Any, query: Any, params: Any = None, **more: Any) -> Any:
        text = query if isinstance(query, str) else query.as_string(self)
        if re.search(r"ledger\.", text) and text.lstrip().startswith("SELECT"):
            rows = execute(self, f"EXPLAIN (COSTS OFF) {text}", params).fetchall()
            plans[text] = "\n".join(row[0] for row in rows)
        return execute(self, query, params, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", explained)
    reading, since = large.reading, NOON
    some = large.books.account()
    for newest_first in (False, True):
        way = {"newest_first": newest_first, "limit": 10}
        reading.transfers(account="shop-1", **way)
        reading.transfers(holder=large.holder, operation=Operation.PAY, **way)
        reading.transfers(since=since, until=since + DAY, **way)
        for ask in (reading.refusals, reading.holds):
            ask(account=[large.one, "shop-1"], **way)
            ask(holder=large.holder, **way)
            ask(since=since, until=since + 3 * DAY, **way)
            ask(**way)
    reading.transfers(metadata={"order": 3})
    reading.transfer(Key("ok-1"))
    reading.refusal(Key("bad-1"))
    reading.accounts(limit=10)
    reading.accounts(holder=large.holder)
    reading.accounts(kind=AccountKind.MERCHANT)
    reading.accounts(reference="shop-1")
    reading.balances(["shop-1", some])
    reading.statement_lines("shop-1", since, since + 9 * DAY)
    assert len(plans) > 15
    read_whole = {
        text: plan
        for text, plan in plans.items()
        if re.search(rf"Seq Scan on ({'|'.join(LARGE)})(_before)?\b", plan)
    }
    assert not read_whole, "\n\n".join([*read_whole.values()])

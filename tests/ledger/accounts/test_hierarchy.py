"""The hierarchy of accounts: a tree whatever is tried, and totals that add up to the chart."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, account_changes
from emoney.ledger.account_changes import LEVELS_MAX, MisplacedAccount
from emoney.ledger.accounts import hierarchy
from emoney.ledger.accounts.hierarchy import Node, Tree
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.reports import as_of

BY = {"actor": "ops-1", "reason": "new chart"}


def tree(books: Books, moment: datetime | None = None, levels: int = 16) -> Tree:
    """The chart rolled up."""
    with books.database.connection() as connection:
        return hierarchy.tree(connection, moment, levels=levels)


def move(books: Books, account: UUID, parent: UUID | None) -> None:
    """Place an account below another."""
    account_changes.move(books.ledger, account, parent, **BY)


def shape(nodes: tuple[Node, ...]) -> dict[UUID, tuple[int, int, int, object]]:
    """Balance, total, number below, and the children in the same form."""
    return {n.account_id: (n.balance, n.total, n.below, shape(n.children)) for n in nodes}


def test_totals_are_rolled_up_now_and_at_a_past_moment(books: Books) -> None:
    head, branch, shop, alone = books.funded(7), books.account(), books.funded(50), books.funded(3)
    move(books, branch, head)
    move(books, shop, branch)
    then = books.now
    books.now += timedelta(days=1)
    books.posted(books.transfer(shop, branch, 20))
    assert shape(tree(books).top) == {head: (7, 57, 2, {branch: (20, 50, 1, {shop: (30, 30, 0, {})})})}
    assert shape(tree(books, then).top) == {head: (7, 57, 2, {branch: (0, 50, 1, {shop: (50, 50, 0, {})})})}
    assert shape(tree(books, NOON - timedelta(days=1)).top)[head][1] == 0
    assert shape(tree(books, levels=2).top) == {head: (7, 57, 2, {branch: (20, 50, 1, {})})}
    (customers, funds) = sorted(tree(books).others, key=lambda other: other.kind)
    assert (customers.kind, customers.accounts, customers.total) == (AccountKind.CUSTOMER, 1, 3)
    assert (funds.kind, funds.accounts, funds.total) == (AccountKind.SAFEGUARDING, 3, 60)
    assert alone not in shape(tree(books).top)
    move(books, branch, None)
    assert shape(tree(books).top) == {branch: (20, 50, 1, {shop: (30, 30, 0, {})})}


def test_what_shows_nothing_is_refused(books: Books) -> None:
    for moment, levels in ((datetime(2026, 1, 1), 1), (None, 0)):  # noqa: DTZ001
        with pytest.raises(InvalidInput):
            tree(books, moment, levels)


def test_a_place_that_an_account_cannot_take(books: Books) -> None:
    top, middle, bottom = (books.account() for _ in range(3))
    move(books, middle, top)
    move(books, bottom, middle)
    dollars, funds = books.account(currency="USD"), books.account(AccountKind.SAFEGUARDING)
    before = books.dump()
    for account, parent in (
        (top, bottom),
        (top, middle),
        (top, top),
        (bottom, dollars),
        (bottom, funds),
    ):
        with pytest.raises(MisplacedAccount):
            move(books, account, parent)
    assert books.dump() == before
    move(books, bottom, top)
    move(books, bottom, top)
    assert shape(tree(books).top)[top][2] == 2


def test_the_hierarchy_is_at_most_so_deep(books: Books) -> None:
    chain = [books.account() for _ in range(LEVELS_MAX)]
    for upper, lower in itertools.pairwise(chain):
        move(books, lower, upper)
    pair = [books.account() for _ in range(2)]
    with pytest.raises(MisplacedAccount):
        move(books, pair[1], chain[-1])
    move(books, pair[1], pair[0])
    with pytest.raises(MisplacedAccount):
        move(books, pair[0], chain[-2])
    move(books, pair[0], chain[-3])
    assert shape(tree(books).top)[chain[0]][2] == LEVELS_MAX + 1


def test_moves_in_a_circle_at_the_same_moment_leave_a_tree(books: Books) -> None:
    ring = [books.account() for _ in range(6)]

    def under_the_next(number: int) -> bool:
        try:
            move(books, ring[number], ring[(number + 1) % len(ring)])
        except MisplacedAccount:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        moved = list(pool.map(under_the_next, range(6)))
    assert moved.count(False) == 1
    (top,) = tree(books).top
    assert top.below == 5


@on_database(20)
@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5)), max_size=14))
def test_any_moves_leave_a_tree_whose_totals_are_those_of_the_chart(
    books: Books, moves: list[tuple[int, int | None]]
) -> None:
    accounts = [books.funded(10**number) for number in range(6)]
    parents: dict[int, int] = {}

    def above(number: int) -> list[int]:
        return [] if number not in parents else [parents[number], *above(parents[number])]

    for number, parent in moves:
        circle = parent is not None and (parent == number or number in above(parent))
        try:
            move(books, accounts[number], None if parent is None else accounts[parent])
        except MisplacedAccount:
            assert circle
            continue
        assert not circle
        parents.pop(number, None)
        if parent is not None:
            parents[number] = parent
    found = tree(books)
    totals = {accounts[n]: 10**n + sum(10**m for m in range(6) if n in above(m)) for n in range(6)}

    def flat(nodes: tuple[Node, ...]) -> list[Node]:
        return [node for top in nodes for node in (top, *flat(top.children))]

    assert all(node.total == totals[node.account_id] for node in flat(found.top) if node.account_id in totals)
    with books.database.connection() as connection:
        chart = sum(
            total.balance
            for total in as_of.totals(connection, books.now)
            if total.kind is AccountKind.CUSTOMER
        )
    shown = sum(node.total for node in found.top)
    assert shown + sum(o.total for o in found.others if o.kind is AccountKind.CUSTOMER) == chart

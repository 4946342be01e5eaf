"""The ways to post, each with the same outcomes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, groupby

from books import Books

from emoney.ledger import Outcome, Transfer
from emoney.ledger.group_commit.commit import GroupCommit

Post = Callable[[Books, list[Transfer]], Sequence[Outcome]]


def _one(books: Books, transfers: list[Transfer]) -> list[Outcome]:
    return [*chain.from_iterable(books.ledger.post(each) for each in _linked(transfers))]


def _in_a_row(books: Books, transfers: list[Transfer]) -> list[Outcome]:
    linked = _linked(transfers)
    halves = [[*chain.from_iterable(half)] for half in (linked[:9], linked[9:]) if half]
    return [*chain.from_iterable(books.ledger.post_all(halves))]


def _shared(books: Books, transfers: list[Transfer]) -> list[Outcome]:
    """All at once, in the order in which they wait for a batch."""

    async def share() -> list[list[Outcome]]:
        with GroupCommit(books.ledger) as commits:
            calls = [
                commits.apost_group(each) if each[0].group else _listed(commits.apost(each[0]))
                for each in _linked(transfers)
            ]
            return await asyncio.gather(*calls)

    return [*chain.from_iterable(asyncio.run(share()))]


async def _listed(call: Awaitable[Outcome]) -> list[Outcome]:
    return [await call]


def _linked(transfers: list[Transfer]) -> list[list[Transfer]]:
    """Each transfer by itself, or with those of its group."""
    return [list(each) for _, each in groupby(transfers, lambda transfer: transfer.group or transfer.id)]


WAYS: dict[str, Post] = {
    "one": _one,
    "a batch": lambda books, transfers: books.ledger.post(transfers),
    "in a row": _in_a_row,
    "group commit": _shared,
}

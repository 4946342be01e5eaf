"""Posting ahead: many batches in a row, each decided while PostgreSQL writes the one before it.

`posting` locks, reads, decides, writes and commits in turn: Python waits for PostgreSQL, and PostgreSQL for
Python. Here the next batch is decided (`ledger.posting.account_cache`, `ledger.posting.optimistic`) as if the
one that is being written had been, and is on its way before that one is answered (`ledger.posting.pipeline`).
If that one's decision was stale, so was the next, and both are posted by `posting`, in their order.

Bounds: one batch is being written and one waits for it; two connections, kept while the caller looks at the
outcomes he was given.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from emoney.ledger.base.errors import Unavailable
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting.account_cache import AccountCache
from emoney.ledger.posting.optimistic import Decided, StaleDecision
from emoney.ledger.posting.partitions import PartitionMissing
from emoney.ledger.posting.pipeline import Pipeline
from emoney.ledger.transfers.transfer import Outcome, Transfer

Post = Callable[[Sequence[Transfer]], list[Outcome]]


def post_all(
    database: Database, batches: Iterable[Sequence[Transfer]], cache: AccountCache, post: Post
) -> Generator[list[Outcome], None, None]:
    """The outcomes of each batch, in order, each durable when it is given; the next is then under way.

    `post`: posts a batch that cannot be decided ahead. Errors are those of `post`, raised when the batches
    before have given their outcomes.
    """
    in_flight: deque[Sequence[Transfer]] = deque()

    def landed(still_in_flight: int) -> Iterator[list[Outcome]]:
        while len(in_flight) > still_in_flight:
            yield _settle(pipeline, in_flight.popleft(), cache, post)

    with Pipeline(database) as pipeline:
        for batch in _then_error(batches):
            if isinstance(batch, Exception):
                yield from landed(0)
                raise batch
            decided = _decide(cache, batch, database)
            if decided is None:
                yield from landed(0)
                yield post(batch)
                continue
            in_flight.append(batch)
            pipeline.send(decided)
            yield from landed(1)
        yield from landed(0)


def _then_error(
    batches: Iterable[Sequence[Transfer]],
) -> Iterator[Sequence[Transfer] | Exception]:
    """The batches; an error in giving them comes last, when what became of those before it can be told."""
    try:
        yield from batches
    except Exception as error:
        yield error


def _decide(cache: AccountCache, batch: Sequence[Transfer], database: Database) -> Decided | None:
    try:
        return cache.decide(batch, database.autocommit)
    except Unavailable:
        cache.invalidate()
        return None  # posting says so, when the batches before are told


def _settle(pipeline: Pipeline, batch: Sequence[Transfer], cache: AccountCache, post: Post) -> list[Outcome]:
    """The outcomes of the oldest batch when it is written; if its decision was stale, of posting it."""
    try:
        decided = pipeline.receive()
    except (
        StaleDecision,
        Unavailable,
        PartitionMissing,
    ):  # an id that was written for all that comes back as a replay
        cache.invalidate()
        return post(batch)
    cache.confirmed()
    return posting.in_order(batch, decided.outcomes())

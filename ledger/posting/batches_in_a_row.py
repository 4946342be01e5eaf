"""Posting ahead: many batches in a row, each decided while PostgreSQL writes the one before it.

`posting` locks, reads, decides, writes and commits in turn: Python waits for PostgreSQL, and PostgreSQL for
Python. Here the next batch is decided (`ledger.posting.account_cache`, `ledger.posting.optimistic`) as if the
one that is being written had been, and is on its way before that one is answered (`ledger.posting.pipeline`).
If that one was decided in vain, so was the next, and both are posted by `posting`, in their order.

Bounds: one batch is being written and one waits for it; two connections, kept while the caller looks at the
outcomes he was given.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from emoney.ledger.base.errors import Unavailable
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting.account_cache import Memory
from emoney.ledger.posting.optimistic import Decided, InVain
from emoney.ledger.posting.partitions import PartitionMissing
from emoney.ledger.posting.pipeline import Pipeline
from emoney.ledger.transfers.transfer import Outcome, Transfer

Post = Callable[[Sequence[Transfer]], list[Outcome]]


def post_all(
    database: Database, batches: Iterable[Sequence[Transfer]], memory: Memory, post: Post
) -> Generator[list[Outcome], None, None]:
    """The outcomes of each batch, in order, each durable when it is given; the next is then under way.

    `post`: posts a batch that cannot be decided ahead. Errors are those of `post`, raised when the batches
    before have given their outcomes.
    """
    under_way: deque[Sequence[Transfer]] = deque()

    def landed(still_under_way: int) -> Iterator[list[Outcome]]:
        while len(under_way) > still_under_way:
            yield _land(pipeline, under_way.popleft(), memory, post)

    with Pipeline(database) as pipeline:
        for batch in _then_error(batches):
            if isinstance(batch, Exception):
                yield from landed(0)
                raise batch
            decided = _decide(memory, batch, database)
            if decided is None:
                yield from landed(0)
                yield post(batch)
                continue
            under_way.append(batch)
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


def _decide(memory: Memory, batch: Sequence[Transfer], database: Database) -> Decided | None:
    try:
        return memory.decide(batch, database.autocommit)
    except Unavailable:
        memory.forget()
        return None  # posting says so, when the batches before are told


def _land(pipeline: Pipeline, batch: Sequence[Transfer], memory: Memory, post: Post) -> list[Outcome]:
    """The outcomes of the oldest batch when it is written; if it was decided in vain, of posting it."""
    try:
        decided = pipeline.receive()
    except (
        InVain,
        Unavailable,
        PartitionMissing,
    ):  # an id that was written for all that comes back as a replay
        memory.forget()
        return post(batch)
    memory.held()
    return posting.in_order(batch, decided.outcomes())

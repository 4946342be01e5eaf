"""Whether a key that was wrapped anew is still the same key, and the way back where it is not.

Whoever may wrap keys anew may write over one, which ends it as surely as destroying it. So the database
keeps what it was wrapped as before for thirty days (`privacy.former_wrapping`). `verify` compares the two,
puts back what is another key or none, and lets go of what is old and compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy.errors import CannotOpen, KeyUnavailable
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.subject_keys import subject_context
from emoney.privacy.pseudonyms.keys import domain_key
from emoney.privacy.search.blind_index import index_context

KEPT = timedelta(days=30)
"""For how long the database keeps former wrappings, by its own clock."""
KEYS_MAX = 1_000
"""Keys in one call of `verify`."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Verified:
    """Of so many keys: those put back, as kind and name of each; those that cannot be compared, since the
    former key-encryption key is not at its provider any more; and how many former wrappings were let go."""

    keys: int
    put_back: tuple[str, ...]
    unknown: tuple[str, ...]
    dropped: int


class _Wrapping(NamedTuple):
    """A former wrapping, or with no `id`, what a key is wrapped as now."""

    kind: str
    subject: UUID | None
    name: str | None
    version: int
    id: UUID | None
    kek: str
    provider: str
    wrapped: bytes
    at: datetime | None

    @property
    def told(self) -> str:
        return f"{self.kind} {self.subject or self.name}/{self.version}"


@all_or_nothing
def verify(connection: Connection, providers: Providers, *, every: bool = False) -> Verified:
    """Compare keys that were wrapped anew with what they were: those whose former wrapping is old enough to
    go, or `every` one, at most KEYS_MAX of them, the oldest first.

    Raises ProviderUnreachable.
    """
    about = {"older": timedelta(0) if every else KEPT, "most": KEYS_MAX}
    rows = [_Wrapping(*row) for row in connection.execute(_queries.wrappings.sql, about).fetchall()]
    back, unknown, compared = list[str](), list[str](), list[UUID]()
    keys = 0
    for _, of_one in groupby(rows, key=lambda row: row[:4]):
        former = list(of_one)
        now = former.pop()  # the query puts it last
        keys += 1
        right = _right(providers, former, now)
        if right is None:
            unknown.append(now.told)
            continue
        if right is not now:
            _put_back(connection, right)
            back.append(now.told)
        compared += [row.id for row in former if row.id is not None]
    gone = connection.execute(_queries.drop.sql, {"ids": compared}).fetchone()
    assert gone is not None
    return Verified(keys, tuple(back), tuple(unknown), gone[0])


def _right(providers: Providers, former: Sequence[_Wrapping], now: _Wrapping) -> _Wrapping | None:
    """The wrapping that a key should be read from: the newest that holds what the oldest that opens held.
    None when no former one opens."""
    true: bytes | None = None
    right: _Wrapping | None = None
    for row in (*former, now):
        try:
            key = _unwrapped(providers, row)
        except (CannotOpen, KeyUnavailable):
            continue
        if true is None and row is not now:
            true = key
        if key == true:
            right = row
    return right


def _unwrapped(providers: Providers, row: _Wrapping) -> bytes:
    if row.kind == KeyKind.PSEUDONYM_KEY:
        assert row.name is not None
        return domain_key(
            providers, row.name, row.version, wrapped=row.wrapped, kek=row.kek, provider=row.provider
        )
    if row.subject is not None:
        context = subject_context(row.subject, row.version)
    else:
        assert row.name is not None
        context = index_context(row.name, row.version)
    return providers.named(row.provider).unwrap(row.wrapped, kek=row.kek, context=context)


def _put_back(connection: Connection, row: _Wrapping) -> None:
    query = {
        KeyKind.SUBJECT_KEY.value: _queries.put_back_subject_key,
        KeyKind.INDEX_KEY.value: _queries.put_back_index_key,
    }.get(row.kind, _queries.put_back_pseudonym_key)
    about = {"subject": row.subject, "name": row.name, "version": row.version}
    connection.execute(query.sql, about | {"kek": row.kek, "wrapped": row.wrapped})

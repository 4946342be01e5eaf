"""Key-encryption keys: which one wraps new keys, what each is for, and where it stands.

The keys themselves are in the provider. For each use, and later for each month in which records expire, one
is active; `expires_month` makes room for keys that die with the records below them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from emoney.ledger.base import turns
from emoney.ledger.base.clock import Clock
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import KeyUnavailable
from emoney.privacy.keys import algorithms
from emoney.privacy.keys import events as key_events
from emoney.privacy.keys.events import KeyEvent, KeyEventKind, KeyKind
from emoney.privacy.keys.providers.protocol import KeyProvider, KeyUse
from emoney.privacy.keys.tables import KeyEncryptionKeyRow, KeyEventRow

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Kek:
    """A key-encryption key as the database knows it."""

    id: str
    provider: str
    use: str
    expires_month: date | None
    state: str
    created_at: datetime
    seal_until: datetime
    open_until: datetime
    wraps: int
    """How many living keys are wrapped under it."""

    def due(self, now: datetime) -> bool:
        """Whether it still wraps new keys past the time in which it should: rotate."""
        return self.state == "active" and now >= self.seal_until


class Providers:
    """The provider of new keys, and former ones that still unwrap what was wrapped by them."""

    def __init__(self, now: KeyProvider, former: Sequence[KeyProvider] = ()) -> None:
        self.now = now
        self._by_name = {provider.name: provider for provider in (*former, now)}

    def named(self, name: str) -> KeyProvider:
        """The provider of this name. Raises KeyUnavailable when it is not set up."""
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyUnavailable(
                f"This database has keys of the provider {name}, which is not set up here: "
                "set EMONEY_KEY_PROVIDER, or EMONEY_FORMER_KEY_PROVIDER until they are rotated away."
            ) from None


@all_or_nothing
def current(
    connection: Connection, providers: Providers, use: KeyUse, clock: Clock, month: date | None = None
) -> tuple[str, KeyProvider]:
    """The active key of this use and its provider, made when there is none; in the caller's transaction.

    One past its originator's window still wraps, since refusing would stop enrolment: the inventory says that
    it is due (`emoney privacy rotate`).
    """
    about = {"use": use.value, "month": month}
    if found := connection.execute(_queries.active_kek.sql, about).fetchone():
        return found[0], providers.named(found[1])
    turns.take(connection, "privacy.kek")  # no provider is asked for a key that then goes unused
    if found := connection.execute(_queries.active_kek.sql, about).fetchone():
        return found[0], providers.named(found[1])
    kek = providers.now.first(use) if month is None else None
    if kek is None or read(connection, select(KeyEncryptionKeyRow.id).where(KeyEncryptionKeyRow.id == kek)):
        kek = providers.now.create(use)
    _insert(connection, providers, kek, use, clock(), month)
    return kek, providers.now


@all_or_nothing
def succeed(connection: Connection, providers: Providers, use: KeyUse, clock: Clock) -> list[str]:
    """Give every active key of this use a successor; returns the ids of the new ones."""
    turns.take(connection, "privacy.kek")
    made = []
    active = select(KeyEncryptionKeyRow.id, col(KeyEncryptionKeyRow.expires_month)).where(
        KeyEncryptionKeyRow.use == use.value, KeyEncryptionKeyRow.state == "active"
    )
    for former, month in read(connection, active.order_by(col(KeyEncryptionKeyRow.id))):
        set_state(connection, former, "decrypt-only", KeyEventKind.RETIRED, clock())
        kek = providers.now.create(use)
        _insert(connection, providers, kek, use, clock(), month)
        made.append(kek)
    return made


@all_or_nothing
def set_state(
    connection: Connection, kek: str, state: str, event: KeyEventKind, now: datetime, **who: str | None
) -> None:
    """Change a key's state; the database enforces that it may. `who`: actor and reason."""
    connection.execute(_queries.set_kek_state.sql, {"kek": kek, "state": state})
    key_events.record(connection, [KeyEvent(KeyKind.KEK, kek, event, **who)], now)  # type: ignore[arg-type]


@reads_tuples
def listed(connection: Connection) -> list[Kek]:
    """All key-encryption keys, the oldest first."""
    return [Kek(*row) for row in connection.execute(_queries.keks.sql)]


def ever_above(
    connection: Connection, subjects: Sequence[UUID]
) -> Sequence[tuple[KeyEncryptionKeyRow, datetime | None]]:
    """Every key that a key of these subjects was ever under, by id, and when it was destroyed."""
    ended = select(func.max(KeyEventRow.happened_at)).where(
        KeyEventRow.kind == KeyKind.KEK.value,
        KeyEventRow.kek == KeyEncryptionKeyRow.id,
        KeyEventRow.event == KeyEventKind.DESTROYED.value,
    )
    above = select(KeyEventRow.kek).where(
        KeyEventRow.kind == KeyKind.SUBJECT_KEY.value, col(KeyEventRow.subject).in_(subjects)
    )
    id_ = col(KeyEncryptionKeyRow.id)
    found = select(KeyEncryptionKeyRow, ended.scalar_subquery()).where(id_.in_(above)).order_by(id_)
    return read(connection, found)


def _insert(
    connection: Connection,
    providers: Providers,
    kek: str,
    use: KeyUse,
    now: datetime,
    month: date | None,
) -> None:
    window = algorithms.window(use.value, now)
    row = KeyEncryptionKeyRow(
        id=kek,
        provider=providers.now.name,
        use=use.value,
        expires_month=month,
        state="active",
        created_at=now,
        seal_until=window.seal_until,
        open_until=window.open_until,
    )
    add(connection, row)
    key_events.record(connection, [KeyEvent(KeyKind.KEK, kek, KeyEventKind.CREATED)], now)

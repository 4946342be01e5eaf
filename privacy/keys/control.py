"""What keys suffer on purpose: marked compromised by one person, destroyed or exported by two.

Destroying and exporting take three steps: one person asks (`request`), another agrees within seven days
(`approve`), and then it is done (`destroy`, `export_root`). The database holds that the two differ, and
refuses a destroyed state without them.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.privacy.errors import DualControl, KeyGone
from emoney.privacy.keys import events as key_events
from emoney.privacy.keys.events import KeyEvent, KeyEventKind, KeyKind
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.keyring import LocalKeyring
from emoney.privacy.keys.subject_keys import checked_name

_queries = queries_beside(__file__)

DESTROY, EXPORT = "destroy", "export"
ROOT = "root"
_ASKED = {DESTROY: KeyEventKind.DESTROY_REQUESTED, EXPORT: KeyEventKind.EXPORT_REQUESTED}


@dataclass(frozen=True, slots=True)
class Request:
    """What one person asked for. `target`: a subject's id, a KEK's id, INDEX/VERSION, DOMAIN/EPOCH or
    "root"."""

    id: UUID
    action: str
    kind: KeyKind
    target: str
    reason: str
    requested_by: str
    requested_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ended:
    """What the database knows as destroyed. `provider`: where a key-encryption key is still to be ended."""

    keys: int
    target: str
    provider: str | None


class KeyControl:
    """The keys of a database, and who may end them."""

    def __init__(self, providers: Providers, clock: Clock) -> None:
        self._providers = providers
        self._clock = clock

    @all_or_nothing
    def request(
        self, connection: Connection, action: str, kind: KeyKind, target: str, *, actor: str, reason: str
    ) -> UUID:
        """Ask for an end or a copy; returns the request's id. `reason` holds no personal data.

        Raises InvalidActor, InvalidInput when there is no such key, DualControl for the key of a domain's
        newest epoch: rotate first.
        """
        who, why = checked_name(actor, "actor"), checked_name(reason, "reason")
        if action not in _ASKED or (action == EXPORT) != (kind is KeyKind.ROOT):
            raise InvalidInput("Keys are destroyed, and only the root is exported.")
        events = [
            event._replace(actor=who, reason=why)
            for event in self._events(connection, kind, target, _ASKED[action])
        ]
        if not events:
            raise InvalidInput(f"There is no living {kind} of that name.")
        asked = new_id()
        now = self._clock()
        row = {"id": asked, "action": action, "kind": kind.value, "target": target, "reason": why}
        connection.execute(_queries.insert_request.sql, row | {"actor": who, "now": now})
        key_events.record(connection, events, now)
        return asked

    @all_or_nothing
    def approve(self, connection: Connection, request: UUID, *, actor: str) -> Request:
        """Agree to what another person asked for. Raises DualControl, InvalidActor, InvalidInput."""
        who = checked_name(actor, "actor")
        found = self._found(connection, request)
        if found.approved_by is not None:
            raise DualControl("That request is approved already.")
        try:
            with connection.transaction():
                connection.execute(_queries.approve.sql, {"id": request, "actor": who, "now": self._clock()})
        except psycopg.IntegrityError:
            raise DualControl(
                "A request is approved by another person than asked for it, within seven days."
            ) from None
        return self._found(connection, request)

    @all_or_nothing
    def destroy(self, connection: Connection, request: UUID, *, shred: bool = False) -> int:
        """Destroy what two persons agreed on; returns how many keys ended.

        A subject: all versions of its key. Copies of its wrapped key remain in backups and in the write-ahead
        log until the key-encryption key above it ends; so do those of an epoch of a pseudonym domain, whose
        pseudonyms nobody makes any more. A key-encryption key: at its provider too, after what the database
        knows of it, which the caller commits at once; a call that was killed between the two is repeated.
        `shred`: even with keys of subjects under it, which then end with it, in every copy. Raises
        DualControl, and what the provider raises.
        """
        ended = self.record_end(connection, request, shred=shred)
        self.end_at_provider(ended)
        return ended.keys

    @all_or_nothing
    def record_end(self, connection: Connection, request: UUID, *, shred: bool = False) -> Ended:
        """The part of `destroy` that a rollback takes back. Raises DualControl."""
        found = self._agreed(connection, request, DESTROY)
        about, now = {"target": found.target}, self._clock()
        provider: tuple[str] | None = None
        events = self._events(connection, found.kind, found.target, KeyEventKind.DESTROYED)
        if found.kind is KeyKind.KEK:
            self._demand_nothing_below(connection, found.target, shred)
            events += [
                KeyEvent(KeyKind.SUBJECT_KEY, found.target, KeyEventKind.DESTROYED, subject, None, version)
                for subject, version in connection.execute(_queries.destroy_below.sql, about).fetchall()
            ]
            provider = connection.execute(_queries.destroy_kek.sql, about).fetchone()
            if provider is None:
                raise DualControl(f"There is no living key-encryption key {found.target}.")
        elif found.kind is KeyKind.SUBJECT_KEY:
            connection.execute(_queries.destroy_subject.sql, about)
        elif found.kind is KeyKind.PSEUDONYM_KEY:
            connection.execute(_queries.destroy_epoch_key.sql, about | {"now": now})
        else:
            connection.execute(_queries.destroy_index_key.sql, about)
        named = [event._replace(actor=found.approved_by, reason=found.reason) for event in events]
        key_events.record(connection, named, now)
        connection.execute(_queries.done.sql, {"id": request, "now": now})
        return Ended(len(events), found.target, provider[0] if provider else None)

    @staticmethod
    def _demand_nothing_below(connection: Connection, kek: str, shred: bool) -> None:
        """Shredding is for the keys of subjects: those of searches and pseudonyms are everybody's."""
        row = connection.execute(_queries.keys_below.sql, {"target": kek}).fetchone()
        assert row is not None
        subjects, others = row
        if others:
            raise DualControl(
                f"{others} keys of searches or pseudonyms are wrapped under {kek}: rotate first."
            )
        if subjects and not shred:
            raise DualControl(f"{subjects} keys are wrapped under {kek}: rotate first, or shred them too.")

    def end_at_provider(self, ended: Ended) -> bool:
        """The part of `destroy` that no rollback brings back, and so the last before the commit.

        False when the provider's key was gone already: a call was killed before it could commit.
        """
        if ended.provider is None:
            return True
        try:
            self._providers.named(ended.provider).destroy(ended.target)
        except KeyGone:
            return False
        return True

    @all_or_nothing
    def export_root(self, connection: Connection, request: UUID, *, shares: int, threshold: int) -> list[str]:
        """The local keyring's root in shares, any `threshold` of which give it back. Raises DualControl."""
        found = self._agreed(connection, request, EXPORT)
        keyring = self._providers.now
        if not isinstance(keyring, LocalKeyring):
            raise InvalidInput(f"The provider {keyring.name} keeps and backs up its root itself.")
        words = keyring.split_root(shares=shares, threshold=threshold)
        event = KeyEvent(
            KeyKind.ROOT, ROOT, KeyEventKind.EXPORTED, actor=found.approved_by, reason=found.reason
        )
        now = self._clock()
        key_events.record(connection, [event], now)
        connection.execute(_queries.done.sql, {"id": request, "now": now})
        return words

    @all_or_nothing
    def compromise(
        self, connection: Connection, kind: KeyKind, target: str, *, actor: str, reason: str
    ) -> int:
        """Mark a key compromised, at once and by one person: nothing is sealed or opened with it any more,
        until a rotation has moved what it protects. Returns how many keys. Raises InvalidActor,
        InvalidInput."""
        who, why = checked_name(actor, "actor"), checked_name(reason, "reason")
        query = {
            KeyKind.SUBJECT_KEY: _queries.compromise_subject,
            KeyKind.KEK: _queries.compromise_kek,
            KeyKind.INDEX_KEY: _queries.compromise_index_key,
        }.get(kind)
        if kind is KeyKind.PSEUDONYM_KEY:
            raise InvalidInput("The key of an epoch is not marked: start the next epoch, and destroy it.")
        if query is None:
            raise InvalidInput("A root is replaced, not marked: make a new keyring and rotate to it.")
        events = [
            event._replace(actor=who, reason=why)
            for event in self._events(connection, kind, target, KeyEventKind.COMPROMISED)
        ]
        marked = connection.execute(query.sql, {"target": target}).rowcount
        if not marked:
            raise InvalidInput(f"There is no {kind} of that name that could still be marked.")
        key_events.record(connection, events, self._clock())
        return marked

    def requests(self, connection: Connection) -> list[Request]:
        """What was asked for and is not done, the oldest first."""
        return [_request(row) for row in connection.execute(_queries.open_requests.sql)]

    def _events(
        self, connection: Connection, kind: KeyKind, target: str, event: KeyEventKind
    ) -> list[KeyEvent]:
        """One event for each living key that a target names."""
        if kind is KeyKind.ROOT:
            return [KeyEvent(kind, ROOT, event)] if target == ROOT else []
        if kind is KeyKind.KEK:
            found = connection.execute(_queries.living_kek.sql, {"target": target}).fetchall()
            return [KeyEvent(kind, kek, event) for (kek,) in found]
        if kind is KeyKind.SUBJECT_KEY:
            found = connection.execute(_queries.living_of_subject.sql, {"target": _uuid(target)}).fetchall()
            return [KeyEvent(kind, kek, event, subject, None, version) for subject, version, kek in found]
        if kind is KeyKind.PSEUDONYM_KEY:
            rows = connection.execute(_queries.living_epoch_key.sql, {"target": target}).fetchall()
            for domain, epoch, _, newest in rows:
                if newest:
                    raise DualControl(f"Epoch {epoch} is the newest of {domain}: rotate first.")
            return [
                KeyEvent(kind, kek, event, version=epoch, domain=domain) for domain, epoch, kek, _ in rows
            ]
        found = connection.execute(_queries.living_index_key.sql, {"target": target}).fetchall()
        return [KeyEvent(kind, kek, event, None, name, version) for name, version, kek in found]

    def _agreed(self, connection: Connection, request: UUID, action: str) -> Request:
        found = self._found(connection, request)
        if found.action != action or found.approved_by is None:
            raise DualControl(f"Nobody else has approved that request to {action} yet.")
        if found.done_at is not None:
            raise DualControl("That request was carried out already.")
        return found

    def _found(self, connection: Connection, request: UUID) -> Request:
        row = connection.execute(_queries.request_by_id.sql, {"id": request}).fetchone()
        if row is None:
            raise InvalidInput("There is no request of that id.")
        return _request(row)


def _request(row: tuple[object, ...]) -> Request:
    found = Request(*row)  # type: ignore[arg-type]
    return Request(found.id, found.action, KeyKind(found.kind), *row[3:])  # type: ignore[arg-type]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput("A subject is named by its UUID.") from None

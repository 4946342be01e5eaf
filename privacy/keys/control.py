"""What keys suffer on purpose: marked compromised by one person, destroyed or exported by two.

Destroying and exporting take three steps: one person asks (`request`), another agrees within seven days
(`approve`), and then it is done (`destroy`, `export_root`), as it was asked and within seven days. Who is a
second person is the ledger's rule (`ledger.two_persons`); the database destroys nothing without the two.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from emoney.ledger import two_persons
from emoney.ledger.base.clock import Clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.names import Actor, Reason, checked_name
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.two_persons import Request
from emoney.privacy.errors import KeyGone, KeyInUse
from emoney.privacy.keys import events as key_events
from emoney.privacy.keys import root_key
from emoney.privacy.keys.events import KeyEvent, KeyEventKind, KeyKind
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.keyring import LocalKeyring
from emoney.privacy.keys.tables import KeyEncryptionKeyRow

_queries = queries_beside(__file__)

DESTROY, EXPORT = "destroy_key", "export_root"
ACTIONS = (DESTROY, EXPORT)
ROOT = "root"
_ASKED = {DESTROY: KeyEventKind.DESTROY_REQUESTED, EXPORT: KeyEventKind.EXPORT_REQUESTED}


@dataclass(frozen=True, slots=True)
class Ended:
    """What the database knows as destroyed. `provider`: where a key-encryption key is still to be ended."""

    keys: int
    target: str
    provider: str | None


class KeyControl:
    """The keys of a database, and who may end them.

    A request is about a subject's id, a KEK's id, INDEX/VERSION, DOMAIN/EPOCH or "root", as text; its details
    have the `kind` of key and how it is done: `shred`, or `shares` and `threshold`.
    """

    def __init__(self, providers: Providers, clock: Clock) -> None:
        self._providers = providers
        self._clock = clock

    @all_or_nothing
    def request(
        self,
        connection: Connection,
        action: str,
        kind: KeyKind,
        target: str,
        *,
        actor: str,
        reason: str,
        shred: bool = False,
        shares: int | None = None,
        threshold: int | None = None,
    ) -> UUID:
        """Ask for an end or a copy; returns the request's id. `reason` holds no personal data.

        `shred`: end a key-encryption key even with keys of subjects under it, which then end with it, in
        every copy. `shares`, `threshold`: of an export, into how many the root is split and how many of them
        give it back. What is approved is done so and not otherwise.

        Raises InvalidRequest, InvalidInput when there is no such key, KeyInUse for the key of a domain's
        newest epoch: rotate first.
        """
        who, why = Actor(actor), Reason(reason)
        if action not in _ASKED or (action == EXPORT) != (kind is KeyKind.ROOT):
            raise InvalidInput("Keys are destroyed, and only the root is exported.")
        if shred and kind is not KeyKind.KEK:
            raise InvalidInput("Only a key-encryption key has keys under it to shred.")
        details = _destroying(kind, shred)
        if action == EXPORT:
            root_key.check_split(shares, threshold)
            details = {"kind": kind.value, "shares": shares, "threshold": threshold}
        elif shares is not None or threshold is not None:
            raise InvalidInput("Only the root is split in shares.")
        events = [
            event._replace(actor=who, reason=why)
            for event in self._events(connection, kind, target, _ASKED[action])
        ]
        if not events:
            raise InvalidInput(f"There is no living {kind} of that name.")
        now = self._clock()
        asked = two_persons.ask(connection, action, target, details, actor=who, reason=why, at=now)
        key_events.record(connection, events, now)
        return asked

    @all_or_nothing
    def approve(
        self, connection: Connection, request: UUID, *, actor: str, reason: str = "agreed"
    ) -> Request:
        """Agree to what another person asked for. Raises SamePerson, RequestClosed, InvalidRequest."""
        return two_persons.approve(connection, request, ACTIONS, actor=actor, reason=reason, at=self._clock())

    @all_or_nothing
    def reject(self, connection: Connection, request: UUID, *, actor: str, reason: str) -> Request:
        """Refuse what another person asked for. Raises as `approve`."""
        return two_persons.reject(connection, request, ACTIONS, actor=actor, reason=reason, at=self._clock())

    @all_or_nothing
    def destroy(self, connection: Connection, request: UUID) -> int:
        """Destroy what two persons agreed on; returns how many keys ended.

        A subject: all versions of its key. Copies of its wrapped key remain in backups and in the write-ahead
        log until the key-encryption key above it ends; so do those of an epoch of a pseudonym domain, whose
        pseudonyms nobody makes any more. A key-encryption key: at its provider too, after what the database
        knows of it, which the caller commits at once; a call that was killed between the two is repeated.
        Raises NotApproved, RequestClosed, KeyInUse, and what the provider raises.
        """
        ended = self.record_end(connection, request)
        self.end_at_provider(ended)
        return ended.keys

    @all_or_nothing
    def record_end(self, connection: Connection, request: UUID) -> Ended:
        """The part of `destroy` that a rollback takes back. Raises NotApproved, RequestClosed, KeyInUse."""
        now = self._clock()
        found = two_persons.agreed(connection, request, DESTROY, at=now)
        kind, target = KeyKind(found.details["kind"]), str(found.about)
        about = {"target": target}
        provider: tuple[str] | None = None
        keys = len(self._events(connection, kind, target, KeyEventKind.DESTROYED))
        if kind is KeyKind.KEK:
            self._demand_nothing_below(connection, target, found.details.get("shred") is True)
            keys += connection.execute(_queries.destroy_below.sql, about).rowcount
            provider = connection.execute(_queries.destroy_kek.sql, about).fetchone()
            if provider is None:
                raise InvalidInput(f"There is no living key-encryption key {target}.")
        elif kind is KeyKind.SUBJECT_KEY:
            connection.execute(_queries.destroy_subject.sql, about)
        elif kind is KeyKind.PSEUDONYM_KEY:
            connection.execute(_queries.destroy_epoch_key.sql, about | {"now": now})
        else:
            connection.execute(_queries.destroy_index_key.sql, about)
        two_persons.done(connection, request, at=now)
        return Ended(keys, target, provider[0] if provider else None)

    @staticmethod
    def _demand_nothing_below(connection: Connection, kek: str, shred: bool) -> None:
        """Shredding is for the keys of subjects: those of searches and pseudonyms are everybody's."""
        row = connection.execute(_queries.keys_below.sql, {"target": kek}).fetchone()
        assert row is not None
        subjects, others = row
        if others:
            raise KeyInUse(f"{others} keys of searches or pseudonyms are wrapped under {kek}: rotate first.")
        if subjects and not shred:
            raise KeyInUse(f"{subjects} keys are wrapped under {kek}: rotate first, or ask to shred them.")

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
    def export_root(self, connection: Connection, request: UUID) -> list[str]:
        """The local keyring's root in as many shares as was agreed, of which the threshold give it back.

        Raises NotApproved, RequestClosed.
        """
        now = self._clock()
        found = two_persons.agreed(connection, request, EXPORT, at=now)
        keyring = self._providers.now
        if not isinstance(keyring, LocalKeyring):
            raise InvalidInput(f"The provider {keyring.name} keeps and backs up its root itself.")
        words = keyring.split_root(shares=found.details["shares"], threshold=found.details["threshold"])
        event = KeyEvent(
            KeyKind.ROOT, ROOT, KeyEventKind.EXPORTED, actor=found.decided_by, reason=found.reason
        )
        key_events.record(connection, [event], now)
        two_persons.done(connection, request, at=now)
        return words

    @all_or_nothing
    def compromise(
        self, connection: Connection, kind: KeyKind, target: str, *, actor: str, reason: str
    ) -> int:
        """Mark a key compromised, at once and by one person: nothing is sealed or opened with it any more,
        until a rotation has moved what it protects. Returns how many keys. Raises InvalidRequest,
        InvalidInput."""
        who, why = checked_name(actor), Reason(reason)
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
        """What was asked for and is neither done, refused nor expired, the oldest first."""
        return two_persons.waiting(connection, self._clock(), ACTIONS)

    def pending(
        self, connection: Connection, kind: KeyKind, target: str, *, shred: bool = False
    ) -> Request | None:
        """The request to destroy a key just so that waits, or is approved and may still be carried out."""
        return two_persons.pending(connection, DESTROY, target, _destroying(kind, shred), self._clock())

    def _events(
        self, connection: Connection, kind: KeyKind, target: str, event: KeyEventKind
    ) -> list[KeyEvent]:
        """One event for each living key that a target names."""
        if kind is KeyKind.ROOT:
            return [KeyEvent(kind, ROOT, event)] if target == ROOT else []
        if kind is KeyKind.KEK:
            living = select(KeyEncryptionKeyRow.id).where(col(KeyEncryptionKeyRow.state) != "destroyed")
            named = living.where(KeyEncryptionKeyRow.id == target)
            return [KeyEvent(kind, kek, event) for kek in read(connection, named)]
        if kind is KeyKind.SUBJECT_KEY:
            found = connection.execute(_queries.living_of_subject.sql, {"target": _uuid(target)}).fetchall()
            return [KeyEvent(kind, kek, event, subject, None, version) for subject, version, kek in found]
        if kind is KeyKind.PSEUDONYM_KEY:
            rows = connection.execute(_queries.living_epoch_key.sql, {"target": target}).fetchall()
            for domain, epoch, _, newest in rows:
                if newest:
                    raise KeyInUse(f"Epoch {epoch} is the newest of {domain}: rotate first.")
            return [
                KeyEvent(kind, kek, event, version=epoch, domain=domain) for domain, epoch, kek, _ in rows
            ]
        found = connection.execute(_queries.living_index_key.sql, {"target": target}).fetchall()
        return [KeyEvent(kind, kek, event, None, name, version) for name, version, kek in found]


def _destroying(kind: KeyKind, shred: bool) -> dict[str, Any]:
    return {"kind": kind.value, "shred": shred}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput("A subject is named by its UUID.") from None

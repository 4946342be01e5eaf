"""Pseudonyms: what stands for a subject in one domain of analysis, for one epoch, and nowhere else.

A domain is one purpose of analysis. In a keyed domain the pseudonym of a subject is

    HMAC-SHA-256(key, framed("emoney/privacy/pseudonym", domain, epoch, subject)), the first 16 bytes

under a random 256-bit key of that domain and epoch, which is wrapped by the key provider and bound to both.
In a reversible domain it is 16 random bytes, kept in a table that the application cannot read; the way back
is `privacy.pseudonyms.reidentification`. Either way it is written as 32 hexadecimal digits.

Two domains, or two epochs of one, have independent keys or tokens: nothing but the number of subjects is the
same in them. Answers come in the order of the pseudonyms, so that a file written from them does not carry the
order of the subjects either. What stands beside a pseudonym (amounts, times) can still link: such records
are generalised before they leave.

Whose processing is restricted (`rights`) gets no pseudonym, nor is an earlier one told, unless the
restriction leaves the domain's purpose.

Costs. Two queries and one call of the provider for all subjects of a call.
"""

import hmac
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import RFC_4122, UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import func
from sqlmodel import col, select

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import KeyDestroyed
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.tables import KeyEncryptionKeyRow
from emoney.privacy.pseudonyms.errors import (
    GuessableSubject,
    InvalidDomain,
    TooManySubjects,
    UnknownDomain,
)
from emoney.privacy.pseudonyms.keys import domain_key, fresh_key, wrapped_key
from emoney.privacy.pseudonyms.tables import PseudonymDomainRow, PseudonymEpochRow
from emoney.privacy.rights import requests as rights

SUBJECTS_MAX = 100_000
DOMAINS_MAX = 1000
PURPOSE_MAX = 200
PSEUDONYM_BYTES = 16
_VALUE = b"emoney/privacy/pseudonym"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_RANDOM_VERSIONS = (4, 7)
_DIGITS_MIN, _ZEROS = 3, "0" * 10

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain, why it is there, whether there is a way back, and its newest epoch."""

    name: str
    purpose: str
    reversible: bool
    epoch: int
    epoch_started_at: datetime


class Pseudonyms:
    """The pseudonyms of one domain. Safe to share between threads; each brings its own connection.

    Raises InvalidDomain for a name that no domain can have.
    """

    def __init__(self, providers: Providers, domain: str, clock: Clock = system_clock) -> None:
        self._providers = providers
        self._clock = clock
        self.domain = checked_name(domain)

    @all_or_nothing
    def create(self, connection: Connection, *, purpose: str, reversible: bool = False, actor: str) -> Domain:
        """Make this domain and start its first epoch. `purpose`: 1 to 200 characters, no personal data.

        Raises InvalidDomain when it is there already or the purpose says nothing, InvalidRequest for an actor
        that cannot stand in a record.
        """
        checked_purpose(purpose)
        first = self._started(connection, 1, bool(reversible), actor)
        made = PseudonymDomainRow(
            name=self.domain,
            purpose=purpose,
            reversible=first.reversible,
            created_by=first.started_by,
            created_at=first.started_at,
        )
        try:
            add(connection, made)
        except UniqueViolation:
            raise InvalidDomain(
                f"the domain {self.domain} is there already; start a new epoch instead"
            ) from None
        add(connection, first)
        return Domain(self.domain, purpose, first.reversible, first.epoch, first.started_at)

    @all_or_nothing
    def rotate(self, connection: Connection, *, actor: str) -> int:
        """Start the next epoch and return its number. Pseudonyms of earlier epochs stay what they were.

        Raises UnknownDomain, InvalidRequest.
        """
        Actor(actor)
        connection.execute(_queries.lock_domain.sql, {"domain": self.domain})
        newest, _, _ = self._epoch(connection, None)
        following = self._started(connection, newest.epoch + 1, newest.reversible, actor)
        add(connection, following)
        return following.epoch

    @all_or_nothing
    def of(
        self, connection: Connection, subjects: Collection[UUID], *, epoch: int | None = None
    ) -> dict[UUID, str]:
        """The pseudonym of each subject in an epoch (the newest unless told), in the order of the pseudonyms.

        Subjects are random UUIDs (version 4 or 7): whatever could be found by trying is refused, for whoever
        comes to hold the key could try. At most 100,000 in a call. Not in the answer are subjects whose
        processing is restricted to other purposes than the domain's. Raises GuessableSubject,
        TooManySubjects, UnknownDomain, KeyDestroyed for an epoch whose key was destroyed
        (`KeyControl.destroy`), and what the key provider raises.
        """
        if len(subjects) > SUBJECTS_MAX:
            raise TooManySubjects(f"{len(subjects)} subjects in one call; {SUBJECTS_MAX} are taken")
        asked = {_checked_subject(subject) for subject in subjects}
        of, purpose, provider = self._epoch(connection, epoch)
        if of.destroyed_at is not None:
            raise KeyDestroyed(
                f"The key of epoch {of.epoch} of {self.domain} was destroyed: its pseudonyms are not made."
            )
        wanted = sorted(asked - rights.shut_out(connection, asked, {purpose}))
        if not wanted:
            return {}
        if of.reversible:
            found = self._tokens(connection, of.epoch, wanted)
        else:
            assert of.wrapped is not None
            assert of.kek is not None
            key = domain_key(
                self._providers, self.domain, of.epoch, wrapped=of.wrapped, kek=of.kek, provider=provider
            )
            prefix = framed(_VALUE, self.domain.encode(), of.epoch.to_bytes(4, "big"))
            found = {
                subject: hmac.digest(key, prefix + framed(subject.bytes), "sha256")[:PSEUDONYM_BYTES]
                for subject in wanted
            }
        ordered = sorted(found.items(), key=lambda pair: pair[1])
        return {subject: value.hex() for subject, value in ordered}

    def newest_epoch(self, connection: Connection) -> int:
        """The number of the newest epoch. Raises UnknownDomain."""
        return self._epoch(connection, None)[0].epoch

    def _tokens(self, connection: Connection, epoch: int, subjects: list[UUID]) -> dict[UUID, bytes]:
        fresh = [os.urandom(PSEUDONYM_BYTES) for _ in subjects]
        rows = connection.execute(
            _queries.tokens.sql,
            {
                "domain": self.domain,
                "epoch": epoch,
                "subjects": subjects,
                "fresh": fresh,
                "at": self._clock(),
            },
        )
        return {subject: bytes(token) for subject, token in rows}

    def _epoch(self, connection: Connection, epoch: int | None) -> tuple[PseudonymEpochRow, str, str]:
        """The epoch asked for, or the newest; the domain's purpose; the provider of a living key."""
        of = select(PseudonymEpochRow, PseudonymDomainRow.purpose, KeyEncryptionKeyRow.provider)
        of = of.join(PseudonymDomainRow, col(PseudonymDomainRow.name) == PseudonymEpochRow.domain)
        of = of.outerjoin(KeyEncryptionKeyRow, col(KeyEncryptionKeyRow.id) == PseudonymEpochRow.kek)
        of = of.where(PseudonymEpochRow.domain == self.domain)
        if epoch is not None:
            of = of.where(PseudonymEpochRow.epoch == _checked_epoch(epoch))
        found = read(connection, of.order_by(col(PseudonymEpochRow.epoch).desc()).limit(1))
        if not found:
            which = "" if epoch is None else f" epoch {epoch} of"
            raise UnknownDomain(
                f"there is no{which} domain {self.domain}; see `emoney privacy pseudonyms list`"
            )
        return found[0]

    def _started(self, connection: Connection, epoch: int, reversible: bool, actor: str) -> PseudonymEpochRow:
        actor = Actor(actor)
        wrapped, kek = None, None
        if not reversible:
            wrapped, kek = wrapped_key(
                connection, self._providers, self._clock, fresh_key(), self.domain, epoch
            )
        return PseudonymEpochRow(
            id=new_id(),
            domain=self.domain,
            epoch=epoch,
            reversible=reversible,
            wrapped=wrapped,
            kek=kek,
            started_by=actor,
            started_at=self._clock(),
        )


def domains(connection: Connection) -> list[Domain]:
    """The domains there are, by name; at most 1,000."""
    name, newest = col(PseudonymDomainRow.name), func.max(PseudonymEpochRow.epoch)
    of = select(PseudonymDomainRow, newest, func.max(PseudonymEpochRow.started_at))
    of = of.join(PseudonymEpochRow, col(PseudonymEpochRow.domain) == name).group_by(name).order_by(name)
    return [
        Domain(row.name, row.purpose, row.reversible, epoch, since)
        for row, epoch, since in read(connection, of.limit(DOMAINS_MAX))
    ]


@all_or_nothing
def rewrap(connection: Connection, providers: Providers, clock: Clock) -> int:
    """Wrap keys that are under a former key-encryption key under the active one; returns how many moved.

    Pseudonyms stay what they are. Raises what the providers raise, and then none has moved.
    """
    found = connection.execute(_queries.under_former.sql).fetchall()
    for domain, epoch, wrapped, old, provider in found:
        key = domain_key(providers, domain, epoch, wrapped=wrapped, kek=old, provider=provider)
        moved, kek = wrapped_key(connection, providers, clock, key, domain, epoch)
        about = {"domain": domain, "epoch": epoch, "wrapped": moved, "kek": kek}
        connection.execute(_queries.rewrap.sql, about)
    return len(found)


@all_or_nothing
def forget(connection: Connection, subject: UUID) -> int:
    """Remove the tokens of a subject from all reversible domains, for its erasure; returns how many.

    Requests for them that are still open can no longer be granted.
    """
    row = connection.execute(_queries.forget.sql, {"subject": subject}).fetchone()
    assert row is not None
    return int(row[0])


@reads_tuples
def held(connection: Connection, subjects: Collection[UUID]) -> int:
    """How many tokens stand for these subjects. One query, which changes nothing."""
    row = connection.execute(_queries.held.sql, {"subjects": list(subjects)}).fetchone()
    assert row is not None
    return int(row[0])


def checked_name(name: str) -> str:
    """`name` when a domain, or a budget, can have it. Raises InvalidDomain."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidDomain(
            "a name is up to 63 small letters, digits and hyphens, a letter first: fraud-study"
        )
    return name


def checked_purpose(purpose: str) -> str:
    """`purpose` when it says something, in one line. Raises InvalidDomain."""
    if not isinstance(purpose, str) or not purpose.strip() or len(purpose) > PURPOSE_MAX:
        raise InvalidDomain(f"say what it is for in 1 to {PURPOSE_MAX} characters")
    if not purpose.isprintable():
        raise InvalidDomain("a purpose is one line of printable characters")
    return purpose


def _checked_epoch(epoch: int) -> int:
    if not 0 < epoch < 1 << 31:
        raise UnknownDomain("epochs are numbered from 1")
    return epoch


def _checked_subject(subject: UUID) -> UUID:
    """Versions 4 and 7 hold at least 62 random bits at their end; what looks counted or typed is refused.

    That much can be told from one value; a random one is refused about once in 10^9.
    """
    if isinstance(subject, UUID) and subject.variant == RFC_4122 and subject.version in _RANDOM_VERSIONS:
        noise = subject.hex[17:]
        typed = noise.startswith(_ZEROS[:6]) and noise.isdecimal()
        if len(set(noise)) >= _DIGITS_MIN and not noise.startswith(_ZEROS) and not typed:
            return subject
    raise GuessableSubject(
        "pseudonyms are of random UUIDs (version 4 or 7) only: telephone numbers, document numbers, counters "
        "and ids derived from names can be found by trying them all"
    )

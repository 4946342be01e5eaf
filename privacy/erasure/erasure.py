"""Erasure: a subject's keys move to the month in which the records expire, and end with that month.

Deleted rows stay in backups, in the write-ahead log and in free space of the files for a while, wrapped keys
among them. So the keys of a person who is to be erased are wrapped under a key-encryption key of the month in
which the last duty to keep ends. It is in the key provider only, and once it is destroyed no copy of a
wrapped key is of use to anyone. Two persons agree to that (`privacy.keys.control`), once for a month. A legal
hold moves a subject's keys to a key of no month.

One transaction removes all rows of a person, destroys the keys and issues the certificate; the provider's key
ends last, when nothing but the commit can fail. A run that is killed before the commit has removed nothing,
and the next one finishes it, also when the provider's key was gone already. The database refuses to remove
any row otherwise (`privacy.destruction`).
"""

import contextlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.erasure.tables import DestructionCertificateRow
from emoney.privacy.errors import KeptByLaw, KeyGone
from emoney.privacy.keys import keks
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyEventKind, KeyKind
from emoney.privacy.keys.providers.protocol import KeyUse, Wrapped
from emoney.privacy.keys.subject_keys import subject_context
from emoney.privacy.keys.tables import KeyEncryptionKeyRow, SubjectKeyRow
from emoney.privacy.pseudonyms import domains as pseudonyms
from emoney.privacy.rights import requests as rights
from emoney.privacy.rights.requests import DataRequest, RequestState
from emoney.privacy.vault.field_format import COMMITMENT, HEAD
from emoney.privacy.vault.vault import Vault, rows_of

HELD = date(9999, 12, 1)
"""The month of the keys of subjects under a legal hold: none."""
REQUESTS_MAX = 1_000
"""Erasures in one run."""

Remove = Callable[[Connection, Sequence[UUID]], dict[str, int]]
"""Removes all rows about some subjects, and tells how many of which table."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A key-encryption key that is to be destroyed, and the request that a second person approves."""

    kek: str
    request_id: UUID
    approved: bool


@dataclass(frozen=True, slots=True)
class Erased:
    """A request that was carried out, and its certificate.

    `resumed`: a run before this one was killed after the provider had destroyed a key, and before its commit.
    """

    request_id: UUID
    certificate_id: UUID
    complete: bool
    resumed: bool = False


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)


@all_or_nothing
def move_keys(
    connection: Connection, vault: Vault, subjects: Sequence[UUID], month: date | None, clock: Clock
) -> int:
    """Wrap the living keys of subjects under the key of a month, or of none; returns how many moved.

    Raises KeyGone when the key above one is destroyed at its provider: then nothing moves it any more.
    """
    about = {"subjects": list(subjects), "month": month}
    found = connection.execute(_queries.living_elsewhere.sql, about).fetchall()
    if not found:
        return 0
    kek, target = keks.current(connection, vault.providers, KeyUse.SUBJECT_KEYS, clock, month)
    for former, provider in sorted({(row[2], row[3]) for row in found}):
        rows = [row for row in found if row[2] == former]
        contexts = [subject_context(row[0], row[1]) for row in rows]
        keys = vault.providers.named(provider).unwrap_many(
            [Wrapped(bytes(row[4]), context) for row, context in zip(rows, contexts, strict=True)], kek=former
        )
        clear = [Wrapped(*each) for each in zip(keys, contexts, strict=True)]
        try:
            again = target.wrap_many(clear, kek=kek)
        except KeyGone:
            # a run that was killed has destroyed the month's key: it gets another
            keks.set_state(connection, kek, "decrypt-only", KeyEventKind.RETIRED, clock())
            kek, target = keks.current(connection, vault.providers, KeyUse.SUBJECT_KEYS, clock, month)
            again = target.wrap_many(clear, kek=kek)
        fresh = {
            "subjects": [row[0] for row in rows],
            "versions": [row[1] for row in rows],
            "wrapped": again,
            "kek": kek,
        }
        connection.execute(_queries.rewrap.sql, fresh)
    return len(found)


@reads_tuples
def expired(connection: Connection, day: date) -> list[DataRequest]:
    """Erasures whose month is over and that no legal hold stands against. At most 1,000, the oldest first."""
    about = {"day": month_of(day), "most": REQUESTS_MAX}
    return [rights.find(connection, row[0]) for row in connection.execute(_queries.expired.sql, about)]


@all_or_nothing
def ask(connection: Connection, vault: Vault, month: date, *, actor: str) -> list[Asked]:
    """Ask that the keys of an expired month be destroyed; for each, the request that another approves.

    Before, the keys of the month's subjects are brought together: those under a legal hold, or whose request
    was withdrawn, leave it. Raises KeptByLaw when the month is not over, or nothing in it has expired.
    """
    now = vault.clock()
    _gather(connection, vault, month, now)
    asked = []
    living = select(KeyEncryptionKeyRow.id).where(col(KeyEncryptionKeyRow.state) != "destroyed")
    of_month = living.where(KeyEncryptionKeyRow.expires_month == month)
    for kek in read(connection, of_month.order_by(col(KeyEncryptionKeyRow.id))):
        if found := vault.control.pending(connection, KeyKind.KEK, kek, shred=True):
            asked.append(Asked(kek, found.id, found.outcome is not None))
            continue
        request = vault.control.request(
            connection,
            DESTROY,
            KeyKind.KEK,
            kek,
            actor=actor,
            reason=f"records expired in {month:%Y-%m}",
            shred=True,
        )
        asked.append(Asked(kek, request, approved=False))
    return asked


@all_or_nothing
def execute(connection: Connection, vault: Vault, month: date, remove: Remove, *, actor: str) -> list[Erased]:
    """Erase all whose records expired in a month, in the caller's transaction, to be committed at once.

    Raises KeptByLaw, NotApproved when a key's end was not agreed to by two, and what the key provider raises;
    then what it has destroyed until then stays destroyed, and the next run finishes the rest.
    """
    now = vault.clock()
    requests = _gather(connection, vault, month, now)
    found = []
    for request in requests:
        subjects = list(request.subjects)
        marks = _marks(connection, subjects)
        about = {"subjects": subjects, "request": request.id, "at": vault.clock()}
        connection.execute(_queries.insert_destruction.sql, about)
        removed = remove(connection, subjects)
        removed["privacy.pseudonym_token"] = sum(pseudonyms.forget(connection, each) for each in subjects)
        found.append((request, marks, removed))
    ended = [
        vault.control.record_end(connection, asked.request_id)
        for asked in ask(connection, vault, month, actor=actor)
    ]
    erased = [_certify(connection, *each, actor=actor, now=vault.clock()) for each in found]
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would refuse is refused now
    fresh = [vault.control.end_at_provider(each) for each in ended]
    return [replace(each, resumed=not all(fresh)) for each in erased]


def _gather(connection: Connection, vault: Vault, month: date, now: datetime) -> list[DataRequest]:
    """The month's erasures; under its keys are then the keys of their subjects and no others."""
    if month != month_of(month) or month >= month_of(now.date()):
        raise KeptByLaw(f"{month:%Y-%m} is not over: what expires in it is kept until its last day.")
    requests = [each for each in expired(connection, now.date()) if each.keep_until and _month(each) == month]
    due = {subject for request in requests for subject in request.subjects}
    living = select(SubjectKeyRow.subject).where(col(SubjectKeyRow.state) != "destroyed").distinct()
    living = living.join(KeyEncryptionKeyRow, col(KeyEncryptionKeyRow.id) == SubjectKeyRow.kek)
    under = set(read(connection, living.where(KeyEncryptionKeyRow.expires_month == month)))
    others = under - due
    held = rights.held(connection, others)
    for subjects, where in ((held, HELD), (others - held, None)):
        # those whose key a run that was killed has destroyed are held too late: their keys end with it
        with contextlib.suppress(KeyGone):
            move_keys(connection, vault, sorted(subjects), where, vault.clock)
    move_keys(connection, vault, sorted(due), month, vault.clock)
    if not requests:
        raise KeptByLaw(f"Nothing that may be erased expired in {month:%Y-%m}.")
    return requests


def _month(request: DataRequest) -> date:
    """The month with which a request's keys end: the duty's last, or where that was over, the decision's."""
    assert request.keep_until is not None
    return month_of(max(request.keep_until, request.decided_at.date()))


@all_or_nothing
def schedule(connection: Connection, vault: Vault, request: DataRequest) -> date:
    """Move the keys of a request that is put off under those of its month; returns the month."""
    month = _month(request)
    held = rights.held(connection, request.subjects)
    move_keys(connection, vault, sorted(held), HELD, vault.clock)
    move_keys(connection, vault, sorted(set(request.subjects) - held), month, vault.clock)
    return month


def _marks(connection: Connection, subjects: list[UUID]) -> list[str]:
    """The commitments in the subjects' sealed fields: what their copies are recognised by.

    In base64, which nothing else here writes them in, so that a certificate is not taken for such a copy.
    """
    found: set[str] = set()
    places = connection.execute(_queries.sealed_places.sql, {"subjects": subjects}).fetchall()
    for table, row, columns in places:
        for _, fields in rows_of(connection, table, sorted(columns), [row]):
            raws = [sealed.ciphertext for sealed in fields.values()]
            found |= {b64encode(raw[COMMITMENT]).decode() for raw in raws if raw.startswith(HEAD)}
    return sorted(found)


def _certify(
    connection: Connection,
    request: DataRequest,
    marks: list[str],
    rows: dict[str, int],
    *,
    actor: str,
    now: datetime,
) -> Erased:
    about: dict[str, Any] = {"subjects": list(request.subjects)}
    rows["privacy.sealed_row"] = connection.execute(_queries.remove_versions.sql, about).rowcount
    rows["privacy.index_entry"] = connection.execute(_queries.remove_codes.sql, about).rowcount
    of_subjects = col(SubjectKeyRow.subject).in_(request.subjects)
    [keys] = read(connection, select(func.count()).where(of_subjects))
    above = keks.ever_above(connection, request.subjects)
    complete = all(kek.state == "destroyed" for kek, _ in above)
    content: dict[str, Any] = {
        "format": "emoney-destruction/1",
        "request": str(request.id),
        "subjects": [str(subject) for subject in request.subjects],
        "kept_until": request.keep_until.isoformat() if request.keep_until else None,
        "ground": request.ground,
        "source": request.source,
        "erased_at": now.isoformat(),
        "keys_destroyed": keys,
        "key_encryption_keys": [
            {
                "id": kek.id,
                "provider": kek.provider,
                "destroyed_at": at.isoformat() if at and kek.state == "destroyed" else None,
            }
            for kek, at in above
        ],
        "complete": complete,
        "rows": {table: count for table, count in sorted(rows.items()) if count},
        "marks": marks,
    }
    id_ = new_id()
    add(
        connection,
        DestructionCertificateRow(id=id_, request_id=request.id, content=content, issued_at=now),
    )
    rights.decide(
        connection,
        request.id,
        RequestState.ERASED,
        ground="The retention duty is over: keys destroyed, rows removed.",
        actor=actor,
        at=now,
    )
    return Erased(request.id, id_, complete)

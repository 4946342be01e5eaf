"""Certificates of destruction, and whether what they claim is so.

Claims of the database: no key of the subjects lives; each key-encryption key that one was ever wrapped under
is destroyed, there and at its provider; no row but the accountable ones names the subjects. Claims of files:
a dump, the files of the database and its write-ahead log are searched for the marks of the destroyed fields
and for the subjects' ids. A mark is the commitment to a key that is gone (docs/sealed-fields.md): whatever
has it was sealed under that key. What an old file still has of it cannot be opened by anyone.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import func, or_
from sqlmodel import col, select

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.erasure.tables import DestructionCertificateRow
from emoney.privacy.errors import CannotOpen, KeyUnavailable, UnknownDataRequest
from emoney.privacy.keys import keks
from emoney.privacy.keys.tables import SubjectKeyRow
from emoney.privacy.pseudonyms import domains as pseudonyms
from emoney.privacy.vault.vault import Vault

SCHEMAS = ("ledger", "privacy", "kyc", "aml")
LISTED_MAX = 10_000
_READ_BYTES = 1 << 24
_PAGE_BYTES = 8192
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_LONG_HEADER = 0x02
"""A flag of a page of the write-ahead log, in the low byte of its third and fourth byte."""

ACCOUNTABLE = frozenset(
    {
        "ledger.account.holder",
        "ledger.event.subject",
        "privacy.data_request.subject",
        "privacy.data_request.subjects",
        "privacy.destruction.subject",
        "privacy.key_event.subject",
        "privacy.legal_hold.subject",
        "privacy.opening.row_id",
        "privacy.opening.subject",
        "privacy.opening_refusal.subject",
        "privacy.reidentification.subject",
        "privacy.restriction.subject",
        "privacy.subject_key.subject",
    }
)
"""Where the bare id stays, leading to nobody any more: the books, and what was done with the data and why."""

_TOKENS = "privacy.pseudonym_token.subject"
"""Which the application cannot read, only count."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was destroyed. `content`: as docs/erasure.md lays it out; no personal data."""

    id: UUID
    request_id: UUID
    content: dict[str, Any]
    issued_at: datetime

    @property
    def subjects(self) -> list[UUID]:
        """The erased records."""
        return [UUID(each) for each in self.content["subjects"]]

    @property
    def complete(self) -> bool:
        """Whether no key lived on that a copy of a wrapped key could have been opened with."""
        return bool(self.content["complete"])


@dataclass(frozen=True, slots=True)
class Check:
    """One claim, compared with what is there. `wrong`: what is not so; empty where it is."""

    claim: str
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remains:
    """What a file, or all files of a folder, still have: how often a mark or an id of a subject occurs."""

    path: str
    marks: int
    ids: int


def find(connection: Connection, id_: UUID) -> Certificate:
    """The certificate of this id, or of this request. Raises UnknownDataRequest."""
    either = or_(col(DestructionCertificateRow.id) == id_, col(DestructionCertificateRow.request_id) == id_)
    found = read(connection, select(DestructionCertificateRow).where(either).limit(1))
    if not found:
        raise UnknownDataRequest(f"There is no certificate {id_}, nor one of a request of that id.")
    return _certificate(found[0])


def issued(connection: Connection) -> list[Certificate]:
    """All certificates, the oldest first, at most 10,000."""
    oldest_first = select(DestructionCertificateRow).order_by(
        col(DestructionCertificateRow.issued_at), col(DestructionCertificateRow.id)
    )
    return [_certificate(row) for row in read(connection, oldest_first.limit(LISTED_MAX))]


def _certificate(row: DestructionCertificateRow) -> Certificate:
    return Certificate(row.id, row.request_id, row.content, row.issued_at)


@reads_tuples
def check(connection: Connection, vault: Vault, certificate: Certificate) -> list[Check]:
    """Hold each claim against the database and the key provider of now."""
    lives = or_(col(SubjectKeyRow.state) != "destroyed", col(SubjectKeyRow.wrapped).is_not(None))
    of_subjects = select(func.count()).where(col(SubjectKeyRow.subject).in_(certificate.subjects))
    [living] = read(connection, of_subjects.where(lives))
    keys = (f"{living} keys of the subjects live",) if living else ()
    return [
        Check("The subjects' keys are destroyed.", keys),
        Check(
            "Every key that they were ever wrapped under is destroyed.",
            tuple(_keks(connection, vault, certificate.subjects)),
        ),
        Check("No row is about the subjects.", tuple(_rows(connection, certificate.subjects))),
    ]


def search(path: Path, certificate: Certificate) -> Remains:
    """How often a file, or every file below a folder, has a mark or an id, as bytes, hexadecimal or text.

    Memory is bounded whatever the size. Compressed files are searched as they are: give a plain dump.
    """
    raws = [b64decode(mark) for mark in certificate.content["marks"]]
    marks = [form for raw in raws for form in (raw, raw.hex().encode())]
    ids = [form for subject in certificate.subjects for form in (subject.bytes, str(subject).encode())]
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found_marks = found_ids = 0
    for file in files:
        if file.is_file() and not file.is_symlink():
            found_marks += _count(file, marks)
            found_ids += _count(file, ids)
    return Remains(str(path), found_marks, found_ids)


def _keks(connection: Connection, vault: Vault, subjects: list[UUID]) -> Iterator[str]:
    for kek, _ in keks.ever_above(connection, subjects):
        if kek.state != "destroyed":
            yield f"{kek.id} is {kek.state}: copies wrapped under it could be opened until it is destroyed"
            continue
        try:
            vault.providers.named(kek.provider).wrap(bytes(32), kek=kek.id, context=b"is it still there")
        except (KeyUnavailable, CannotOpen):
            continue
        yield f"{kek.id} is destroyed by the database's record, and its provider still wraps with it"


def _rows(connection: Connection, subjects: list[UUID]) -> Iterator[str]:
    columns = connection.execute(_queries.id_columns.sql, {"schemas": list(SCHEMAS)}).fetchall()
    for schema, table, column, many in columns:
        name = f"{schema}.{table}.{column}"
        if name in ACCOUNTABLE or name == _TOKENS:
            continue
        where = sql.SQL("{} && %s" if many else "{} = ANY (%s)").format(sql.Identifier(column))
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(schema, table), where)
        found = connection.execute(query, (subjects,)).fetchone()
        if found and found[0]:
            yield f"{name} names them in {found[0]} rows"
    if tokens := pseudonyms.held(connection, subjects):
        yield f"{_TOKENS} names them in {tokens} rows"


def _count(file: Path, forms: list[bytes]) -> int:
    """How often the forms occur; one that lies across two pieces counts once."""
    longest = max((len(form) for form in forms), default=1)
    found, before = 0, b""
    for piece in pieces(file):
        text = before + piece
        for form in forms:
            found += text.count(form) - before.count(form)
        before = text[-(longest - 1) :] if longest > 1 else b""
    return found


def pieces(file: Path) -> Iterator[bytes]:
    """A file's content; of a segment of the write-ahead log without the headers of pages, which cut through
    what is written across them."""
    segment = _SEGMENT.fullmatch(file.name) is not None
    with file.open("rb") as content:
        while piece := content.read(_READ_BYTES):
            if segment:
                pages = [piece[at : at + _PAGE_BYTES] for at in range(0, len(piece), _PAGE_BYTES)]
                piece = b"".join(page[40 if page[2:3] and page[2] & _LONG_HEADER else 24 :] for page in pages)
            yield piece

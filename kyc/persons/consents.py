"""Terms and consent: which version of which text a person agreed to, when and where, and withdrew.

A text is known by the SHA-256 of its bytes, so that what was agreed to can be shown. Nothing is edited: what
applies of a kind of terms is what the person said last.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
from sqlmodel import select

from emoney.kyc.errors import InvalidTerms, UnknownPerson
from emoney.kyc.persons.tables import ConsentRow, TermsRow
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing, attempt
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples

TEXT_BYTES_MAX = 5_000_000

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person last said of a kind of terms. `given`: False when it was withdrawn."""

    kind: str
    version: str
    locale: str
    given: bool
    channel: str
    recorded_at: datetime


@all_or_nothing
def publish(
    connection: Connection,
    kind: str,
    version: str,
    locale: str,
    text: bytes,
    *,
    effective_from: date,
    actor: str,
    at: datetime,
) -> UUID:
    """Publish a version of a text, such as `terms_of_use`; returns its id. Raises InvalidTerms."""
    if not 0 < len(text) <= TEXT_BYTES_MAX:
        raise InvalidTerms(f"a text has 1 to {TEXT_BYTES_MAX} bytes, not {len(text)}")
    terms_id = new_id()
    terms = TermsRow(
        id=terms_id,
        kind=kind,
        version=version,
        locale=locale,
        sha256=hashlib.sha256(text).digest(),
        effective_from=effective_from,
        published_by=Actor(actor),
        published_at=at,
    )
    try:
        with attempt(connection):
            add(connection, terms)
    except psycopg.errors.UniqueViolation:
        raise InvalidTerms(f"{kind} {version} ({locale}) is published already: give a new version") from None
    except psycopg.errors.CheckViolation:
        raise InvalidTerms(
            "kind is words such as terms_of_use, version up to 40 characters, locale such as en or en-GH"
        ) from None
    return terms_id


@all_or_nothing
def record(
    connection: Connection,
    person_id: UUID,
    kind: str,
    version: str,
    locale: str,
    *,
    given: bool,
    channel: str,
    actor: str,
    at: datetime,
) -> None:
    """Record that a person agreed to a published text, or withdrew (`given` False).

    `channel`: where it was said, such as `app`. Raises InvalidTerms for a text that is not published, and for
    a withdrawal of what was never given.
    """
    of_version = select(TermsRow.id).where(TermsRow.kind == kind, TermsRow.version == version)
    terms = read(connection, of_version.where(TermsRow.locale == locale))
    if not terms:
        raise InvalidTerms(f"{kind} {version} ({locale}) is not published")
    held = {each.kind: each for each in standing(connection, person_id)}.get(kind)
    if not given and (held is None or not held.given):
        raise InvalidTerms(f"there is no consent to {kind} to withdraw")
    consent = ConsentRow(
        id=new_id(),
        person_id=person_id,
        terms_id=terms[0],
        given=given,
        channel=channel,
        recorded_by=Actor(actor),
        recorded_at=at,
    )
    try:
        with attempt(connection):
            add(connection, consent)
    except psycopg.errors.CheckViolation:
        raise InvalidTerms("a channel is named in small letters, such as app or branch") from None
    except psycopg.errors.ForeignKeyViolation:
        raise UnknownPerson(f"there is no person {person_id}") from None


@reads_tuples
def standing(connection: Connection, person_id: UUID) -> list[Consent]:
    """What a person last said of each kind of terms."""
    return [Consent(*row) for row in connection.execute(_queries.standing.sql, {"person": person_id})]


@reads_tuples
def outdated(connection: Connection, person_id: UUID, at: datetime) -> list[str]:
    """The kinds of terms in effect that the person has not agreed to in their present version."""
    held = {each.kind: each.version for each in standing(connection, person_id) if each.given}
    newest = connection.execute(_queries.newest.sql, {"day": at.astimezone(UTC).date()})
    return [kind for kind, version in newest if held.get(kind) != version]

"""Rectification (GDPR art. 16): details of a person are sealed anew, and found by their new values.

A former value does not open any more. Evidence is not carried over: what showed a wrong value shows nothing
of the right one, so whoever corrects a detail records its evidence anew (`kyc.evidence_records`).
"""

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from kyc.errors import InvalidPerson, UnknownPerson
from kyc.person import parse_person
from kyc.persons import Person
from kyc.search import GROUNDS, index_persons
from ledger.database import Connection
from ledger.queries import queries_beside
from privacy import ClearField, Place, Purpose, Sealed, SealedField, Vault
from privacy.rights import demand_open_for

FIELDS = (
    "name",
    "birth_date",
    "phone",
    "id_kind",
    "id_number",
    "id_country",
    "tax_number",
    "tax_country",
    "address",
)
"""What can be corrected."""
_TABLE = "kyc.person"

_queries = queries_beside(__file__)


def rectify(
    connection: Connection, vault: Vault, person: Person, changes: Mapping[str, str], *, actor: str
) -> list[str]:
    """Replace details of a person by right ones, in the caller's transaction; returns which have changed.

    All details together must be such as could be enrolled. The former ones are opened for that, which is
    logged. Raises InvalidPerson naming fields and no value, UnknownPerson, ProcessingRestricted.
    """
    if not changes or set(changes) - set(FIELDS):
        raise InvalidPerson(f"one or more of {', '.join(FIELDS)} can be corrected")
    demand_open_for(connection, [person.id], Purpose.DATA_SUBJECT_REQUEST)
    row = connection.execute(_queries.person.sql, {"person": person.id}).fetchone()
    if row is None:
        raise UnknownPerson("nobody is enrolled under that id")
    kind, external_ref, *sealed = row
    before = _opened(connection, vault, person, dict(zip(FIELDS, sealed, strict=True)), actor)
    # a currency is asked for at enrolment only, to choose the pack
    given: dict[str, Any] = {"external_ref": external_ref, "currency": "XXX", "kind": kind}
    details = parse_person(given | before | dict(changes), vault.clock().date())
    after = {
        field: None if getattr(details, field) is None else str(getattr(details, field)) for field in FIELDS
    }
    changed = [field for field in FIELDS if after[field] != before.get(field)]
    clear = [
        ClearField(person.id, Place(_TABLE, field, person.id), value)
        for field in changed
        if (value := after[field]) is not None
    ]
    if not clear:
        return []
    fresh = vault.seal_many(connection, clear)
    columns = [field.place.column for field in clear]
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
    update = sql.SQL("UPDATE kyc.person SET {} WHERE id = %s").format(assignments)
    connection.execute(update, [*(each.ciphertext for each in fresh), person.id])
    names = [index.name for index in GROUNDS]
    connection.execute(_queries.drop_codes.sql, {"person": person.id, "indexes": names})
    index_persons(connection, vault, [(person.id, details)])
    return columns


def _opened(
    connection: Connection, vault: Vault, person: Person, sealed: dict[str, bytes | None], actor: str
) -> dict[str, str]:
    items = {
        field: SealedField(person.id, Place(_TABLE, field, person.id), Sealed(raw))
        for field, raw in sealed.items()
        if raw is not None
    }
    values = vault.open(connection, list(items.values()), purpose=Purpose.DATA_SUBJECT_REQUEST, actor=actor)
    return dict(zip(items, values, strict=True))

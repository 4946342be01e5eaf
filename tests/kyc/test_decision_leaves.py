"""What the floors above decide and open is sealed in the proof log, and found when it is tampered with."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from kyc import Enrolment
from ledger import Database
from ledger.proofs import SigningKey, audit, seal
from privacy import Place, Purpose, Sealed, SealedField, Vault

TAMPERED = {
    "kyc.tier_decision": ("UPDATE kyc.tier_decision SET tier = 'enhanced'", "altered"),
    "privacy.opening": ("UPDATE privacy.opening SET actor = 'nobody'", "altered"),
    "privacy.key_event": ("DELETE FROM privacy.key_event", "removed"),
}


@pytest.mark.parametrize("relation", TAMPERED)
def test_a_decision_an_opening_or_a_key_event_that_is_tampered_with_is_named(
    desk: Enrolment,
    database: Database,
    vault: Vault,
    ama: dict[str, Any],
    owner_url: str,
    tmp_path: Path,
    relation: str,
) -> None:
    person = desk.enrol(ama).person_id
    with database.connection() as connection:
        row = connection.execute("SELECT name FROM kyc.person WHERE id = %s", (person,)).fetchone()
        assert row is not None
        field = SealedField(person, Place("kyc.person", "name", person), Sealed(row[0]))
        vault.open(connection, [field], purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7")
    key = SigningKey.create(tmp_path, "wallet.example/ledger")
    seal(database, key)
    with database.connection() as connection:
        assert audit(connection, key.public).sound
    statement, what = TAMPERED[relation]
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        assert owner.execute(statement).rowcount >= 1
    with database.connection() as connection:
        found = audit(connection, key.public)
    assert any(each.what == what and relation in each.subject for each in found.findings), found.findings

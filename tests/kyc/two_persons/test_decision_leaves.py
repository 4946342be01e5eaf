"""What the floors above decide and open is sealed in the proof log, and found when it is tampered with."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import Enrolment
from emoney.kyc.evidence import person as persons
from emoney.kyc.limits.features import Features
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons.rectification import Rectification
from emoney.kyc.wallets import stated_features as wallet_features
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger import Database
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.privacy import Place, Purpose, Sealed, SealedField, Vault

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
TAMPERED = {
    "kyc.tier_decision": ("UPDATE kyc.tier_decision SET tier = 'enhanced'", "altered"),
    "kyc.wallet_features": ("UPDATE kyc.wallet_features SET reloadable = true", "altered"),
    "ledger.event": ("UPDATE ledger.event SET subject = id WHERE kind = 'person.rectified'", "altered"),
    "privacy.opening": ("UPDATE privacy.opening SET actor = 'nobody'", "altered"),
    "privacy.key_event": ("DELETE FROM privacy.key_event", "removed"),
}


@pytest.mark.parametrize("relation", TAMPERED)
def test_what_is_decided_stated_corrected_or_opened_and_tampered_with_is_named(
    desk: Enrolment,
    database: Database,
    vault: Vault,
    ama: dict[str, Any],
    owner_url: str,
    tmp_path: Path,
    relation: str,
) -> None:
    enrolled = desk.enrol(ama)
    person = enrolled.person_id
    said: dict[str, Any] = {"actor": "clerk-1", "reason": "as told", "at": NOW}
    with database.connection() as connection:
        not_reloadable = Features(reloadable=False)
        wallet_features.state(connection, enrolled.account_id, not_reloadable, packs=PACKS, **said)
        rectification = Rectification(vault, PACKS, downgrades(), parties())
        rectification.ask(connection, persons.find(connection, "P-1"), {"address": "2 Castle Road"}, **said)
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

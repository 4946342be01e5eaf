"""The KYC schema goes down and up again with persons, evidence and decisions in it; the ledger stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from shipped import PACKS

from emoney.jobs.migrate import downgrade, is_current, upgrade
from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence import refresh
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.evidence.risk_rating import risk_policy
from emoney.kyc.life import deaths, dormancy
from emoney.kyc.life.dormancy_rules import dormancy_rules
from emoney.kyc.wallets import overrides
from emoney.ledger import Database, Ledger

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
LEAVES = (
    "SELECT kind, relation, version, id_column, fields FROM ledger.leaf_source"
    " WHERE relation LIKE 'kyc.%' ORDER BY kind"
)


def test_down_and_up_again_with_rows(
    owner_url: str, database: Database, desk: Enrolment, ama: dict[str, Any]
) -> None:
    first, _ = desk.enrol_many([ama, ama | {"external_ref": "P-2"}])
    said: dict[str, Any] = {"actor": "clerk-1", "reason": "papers", "at": NOW}
    with database.connection() as connection:
        new = [NewEvidence(first.person_id, "passport", EvidenceState.REGISTRY_VERIFIED)]
        evidence_records.record(connection, new, provider="registry", **said)
        refresh.rate(connection, first.person_id, [], risk_policy(), **said)
        deaths.report(connection, first.person_id, **said)
        until = NOW + timedelta(days=9)
        request = overrides.request(
            connection, first.account_id, "enhanced", packs=PACKS, until=until, **said
        )
        approved_actions.approve(connection, request, packs=PACKS, actor="clerk-2", reason="seen", at=NOW)
    dormancy.run(Ledger(database, lambda: NOW), dormancy_rules(), NOW + timedelta(days=340))
    with psycopg.connect(owner_url) as connection:
        tracked = connection.execute(
            "SELECT (SELECT count(*) FROM kyc.review), (SELECT count(*) FROM kyc.evidence),"
            " (SELECT count(*) FROM kyc.evidence_state)"
        ).fetchone()
        declared = connection.execute(LEAVES).fetchall()
        moved = connection.execute("SELECT count(*) FROM ledger.account").fetchone()
    assert tracked is not None
    assert tracked[0] == 2
    assert tracked[1] == tracked[2] > 2
    assert [kind for kind, *_ in declared] == [64, 65, 70, 71, 72, 73, 74]
    database.close()
    downgrade(owner_url, "kyc@base")
    assert not is_current(owner_url)
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT to_regnamespace('kyc')").fetchone() == (None,)
        assert connection.execute(LEAVES).fetchall() == []
        assert connection.execute("SELECT count(*) FROM ledger.account").fetchone() == moved
    assert upgrade(owner_url)
    assert is_current(owner_url)
    with psycopg.connect(owner_url) as connection:
        assert connection.execute(LEAVES).fetchall() == declared
        assert connection.execute("SELECT count(*) FROM kyc.person").fetchone() == (0,)
    # what privacy keeps of the persons before is its own, their keys and where they were indexed
    other = {
        "external_ref": "P-3",
        "name": "Kofi Mensah",
        "phone": "+233 24 477 1903",
        "id_number": "GHA-718293747-2",
    }
    desk.enrol(ama | other)

"""The KYC schema goes down to its first revision and up again with persons, evidence and decisions in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from alembic import command

from emoney.jobs.migrate import _run, is_current, upgrade
from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence import refresh
from emoney.kyc.evidence.records import NewEvidence, State
from emoney.kyc.evidence.risk_rating import risk_policy
from emoney.kyc.life import deaths, dormancy
from emoney.kyc.life.dormancy_rules import dormancy_rules
from emoney.kyc.wallets import overrides
from emoney.ledger import Database, Ledger

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


def test_down_and_up_again_with_rows(
    owner_url: str, database: Database, desk: Enrolment, ama: dict[str, Any]
) -> None:
    first, _ = desk.enrol_many([ama, ama | {"external_ref": "P-2"}])
    said: dict[str, Any] = {"by": "clerk-1", "because": "papers", "at": NOW}
    with database.connection() as connection:
        new = [NewEvidence(first.person_id, "passport", State.REGISTRY_VERIFIED)]
        evidence_records.record(connection, new, provider="registry", **said)
        refresh.rate(connection, first.person_id, [], risk_policy(), **said)
        deaths.report(connection, first.person_id, **said)
        until = NOW + timedelta(days=9)
        request = overrides.request(connection, first.account_id, "enhanced", until=until, **said)
        approved_actions.approve(connection, request, by="clerk-2", because="seen", at=NOW)
    dormancy.run(Ledger(database, lambda: NOW), dormancy_rules(), NOW + timedelta(days=340))
    database.close()
    _run(owner_url, "kyc_0001", command.downgrade)
    assert not is_current(owner_url)
    with psycopg.connect(owner_url) as connection:
        kept = connection.execute("SELECT count(*) FROM kyc.person").fetchone()
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'kyc'").fetchone()
        states = connection.execute("SELECT DISTINCT state FROM kyc.evidence").fetchall()
    assert (kept, tables, states) == ((2,), (4,), [("captured",)])
    assert upgrade(owner_url)
    with psycopg.connect(owner_url) as connection:
        due = connection.execute("SELECT count(*), min(due_on)::text FROM kyc.review").fetchone()
        history = connection.execute("SELECT count(*) FROM kyc.evidence_state").fetchone()
        evidence = connection.execute("SELECT count(*) FROM kyc.evidence").fetchone()
    assert due == (2, "2031-06-10")
    assert history == evidence
    desk.enrol(ama | {"external_ref": "P-3"})

"""The schema of pseudonyms, releases and counts goes down and up again with rows in every table."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg

from emoney.jobs.migrate import downgrade, is_current, upgrade
from emoney.jobs.testing.set_clocks import free_clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import Purpose, open_keyring
from emoney.privacy.keys.keks import Providers
from emoney.privacy.pseudonyms import reidentification
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.releases.counts import Question, open_budget, publish
from emoney.privacy.releases.plans import Plan
from emoney.privacy.releases.release import release

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TABLES = (
    "pseudonym_domain",
    "pseudonym_epoch",
    "pseudonym_token",
    "reidentification",
    "release",
    "count_budget",
    "count_spent",
    "published_count",
)
PLAN = Plan.model_validate(
    {
        "name": "study",
        "purpose": "a study",
        "subject": "holder",
        "pseudonyms": "study",
        "k": 2,
        "quasi_identifiers": {"age": {"hierarchy": "age"}},
    }
)


def use(database: Database, home: Path) -> None:
    """A row in every table."""
    subjects = [new_id() for _ in range(4)]
    with database.connection() as connection:
        keyring = open_keyring(home, connection)
        study = Pseudonyms(Providers(keyring), "study")
        study.create(connection, purpose="a study", reversible=True, actor="dpo-1")
        Pseudonyms(Providers(keyring), "keyed").create(connection, purpose="a study", actor="dpo-1")
        token = study.of(connection, subjects)[subjects[0]]
        asked = {"purpose": Purpose.AUTHORITY_REQUEST, "reason": "order 7", "actor": "clerk-7", "at": NOW}
        request = reidentification.request(connection, "study", token, **asked)
        open_budget(connection, "annual", purpose="annual report", epsilon="1", actor="dpo-1", at=NOW)
    reidentification.approve(database, request, actor="clerk-8", reason="seen", at=NOW)
    found = [{"holder": subject, "age": 40} for subject in subjects]
    (home / f"{request}.csv").unlink(missing_ok=True)
    release(database, Providers(keyring), PLAN, found, home / f"{request}.csv", actor="dpo-1")
    publish(database, "annual", Question("all", ["all"], lambda _: {"all": 4}), epsilon="0.5", actor="dpo-1")


def filled(url: str) -> set[str]:
    with psycopg.connect(url) as owner:
        return {
            table
            for table in TABLES
            if owner.execute(f"SELECT EXISTS (SELECT FROM privacy.{table})").fetchone() == (True,)
        }


def test_down_and_up_again_with_rows(database: Database, owner_url: str, home: Path) -> None:
    use(database, home)
    assert filled(owner_url) == set(TABLES)
    database.close()
    downgrade(owner_url)
    with psycopg.connect(owner_url) as owner:
        assert owner.execute("SELECT to_regnamespace('privacy')").fetchone() == (None,)
    assert upgrade(owner_url)
    assert is_current(owner_url)
    assert filled(owner_url) == set()
    free_clock(owner_url)
    use(database, home)
    assert filled(owner_url) == set(TABLES)

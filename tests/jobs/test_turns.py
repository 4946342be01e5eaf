"""Work that one process does at a time, and a login that keeps others from it."""

from pathlib import Path

import psycopg
import pytest
from reader_logins import login_in

from emoney.aml.history.transfers import extract
from emoney.jobs import migrate
from emoney.ledger import Database, totals
from emoney.ledger.base import turns
from emoney.ledger.base.errors import LockHeld, Unavailable
from emoney.ledger.posting import partitions
from emoney.ledger.proofs import SigningKey, seal
from emoney.ledger.safeguarding.reconciliation import reconcile
from emoney.testing import NOON

WORK = "ledger.seal"


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_S", 0.0)
    monkeypatch.setattr("emoney.ledger.safeguarding.earlier.WAIT_S", 0.0)


@pytest.mark.usefixtures("_short")
def test_a_readers_lock_is_told_with_its_login_and_process(owner_url: str, database: Database) -> None:
    with login_in(owner_url, "idler", ["emoney_analyst"]) as url, psycopg.connect(url) as reader:
        reader.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [WORK])
        reader.commit()
        with database.connection() as connection:
            with pytest.raises(LockHeld) as told:
                turns.take(connection, WORK)
            assert connection.execute("SELECT 1").fetchone() == (1,)  # the transaction goes on
        assert f"login {reader.info.user} (server process {reader.info.backend_pid})" in str(told.value)
        assert WORK in str(told.value)
        assert isinstance(told.value, Unavailable)
        reader.execute("SELECT pg_advisory_unlock_all()")
        reader.commit()
        with database.connection() as connection:
            turns.take(connection, WORK)


@pytest.mark.usefixtures("_short")
def test_no_work_waits_for_ever(owner_url: str, database: Database, tmp_path: Path) -> None:
    key = SigningKey.create(tmp_path)
    day = NOON.date().replace(day=1)
    work = {
        "ledger.seal": lambda: seal(database, key),
        "aml.extraction": lambda: extract(database, tmp_path / "history"),
        "ledger.day_total": lambda: totals.make(database),
        "emoney.migrations": lambda: migrate.upgrade(owner_url),
    }
    on_connection = {
        "ledger.make_partitions": lambda connection: partitions.make(connection, NOON),
        "ledger.reconciliation": lambda connection: reconcile(connection, day),
    }
    with psycopg.connect(owner_url, autocommit=True) as other:
        for name in (*work, *on_connection):
            other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        for name, call in work.items():
            with pytest.raises(LockHeld, match=name):
                call()
        for name, ask in on_connection.items():
            with database.connection() as connection, pytest.raises(LockHeld, match=name):
                ask(connection)


def test_a_turn_for_the_session_outlives_the_transaction(database: Database) -> None:
    with database.connection() as one, database.connection() as other:
        turns.take(one, WORK, for_session=True)
        one.commit()
        with pytest.raises(LockHeld):
            turns.take(other, WORK, wait_s=0)
        turns.give_back(one, WORK)
        turns.take(other, WORK, wait_s=0)
        other.commit()
        turns.take(one, WORK, wait_s=0)  # and one of the transaction ends with it

"""A made-up next release: a pair of revisions goes over a snapshot with rows in it, or leaves it as it was.

The pair renames a column, `failure` of `ledger.consumer`. The first adds the new name and keeps both in step,
so that processes of the version before work on; the second, a release later, takes the old name away.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import revision_files
from catalogue import catalogue
from commands import Command
from psycopg.conninfo import conninfo_to_dict
from release_snapshot import Snapshot, released, snapshots
from surviving import contents, counts

from emoney import Emoney
from emoney.jobs import revisions
from emoney.jobs.migrate import MigrationFailed, is_current, upgrade
from emoney.ledger import Operation, Transfer
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.ids import new_id
from emoney.ledger.outbox.consumer import Consumer
from emoney.testing import SetClock, copy_of

REVISION = '''"""{doc}"""

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.migration import run_sql

revision = "{id}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{step}


def upgrade(connection: Connection) -> None:
    run_sql(connection, __file__, "up")
'''

EXPAND = """
ALTER TABLE ledger.consumer ADD COLUMN last_failure text;
UPDATE ledger.consumer SET last_failure = failure;
GRANT UPDATE (last_failure) ON ledger.consumer TO emoney_app;
CREATE FUNCTION ledger.both_failures_v1() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.failure IS DISTINCT FROM OLD.failure THEN NEW.last_failure := NEW.failure;
    ELSE NEW.failure := NEW.last_failure;
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.both_failures_v1() FROM PUBLIC;
CREATE TRIGGER both_failures BEFORE UPDATE ON ledger.consumer
    FOR EACH ROW EXECUTE FUNCTION ledger.both_failures_v1();
"""
CONTRACT = """
DROP TRIGGER both_failures ON ledger.consumer;
DROP FUNCTION ledger.both_failures_v1();
ALTER TABLE ledger.consumer DROP COLUMN failure;
"""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """The newest."""
    return snapshots()[-1]


@pytest.fixture(scope="module")
def restored(
    snapshot: Snapshot, server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The database of the newest snapshot at this version's schema, and its installation."""
    home = tmp_path_factory.mktemp("home")
    with copy_of(server_url, "template0") as url:
        snapshot.restore(url, home)
        upgrade(url)
        yield url, home


@pytest.fixture
def url(restored: tuple[str, Path]) -> Iterator[str]:
    """A copy of it, as its owner."""
    with copy_of(restored[0], str(conninfo_to_dict(restored[0])["dbname"])) as copied:
        yield copied


@pytest.fixture
def home(restored: tuple[str, Path]) -> Path:
    return restored[1]


@pytest.fixture
def clock(snapshot: Snapshot) -> SetClock:
    made = SetClock(snapshot.moment)
    made.move(hours=1)
    return made


class Next:
    """The next version of the library: what it ships beside the revisions of this one."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        self._here = revisions.folders()

    def ship(self, id_: str, before: str, sql: str, step: str = 'step = "expand"') -> None:
        """Write a revision of the ledger's."""
        file = self.folder / f"{id_}.py"
        file.write_text(REVISION.format(doc=f"{id_}.", id=id_, before=before, step=step))
        file.with_suffix(".up.sql").write_text(sql)

    def install(self) -> None:
        self._patch.setattr(revisions, "folders", lambda: [*self._here, self.folder])

    def remove(self) -> None:
        """Back to the version before."""
        self._patch.setattr(revisions, "folders", lambda: self._here)


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Next:
    """With the expansion."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    made = Next(folder, monkeypatch)
    made.ship("ledger_0002", "ledger_0001", EXPAND)
    return made


def ship_contraction(later: Next) -> None:
    later.ship("ledger_0003", "ledger_0002", CONTRACT, 'step = "contract"\nof = "ledger_0002"')


def failures(url: str, column: str) -> list[tuple[str | None]]:
    with psycopg.connect(url) as owner:
        query = f"SELECT {column} FROM ledger.consumer WHERE name = 'warehouse'"
        return owner.execute(query.encode()).fetchall()


def test_expand_then_contract_with_rows(
    snapshot: Snapshot, url: str, home: Path, later: Next, clock: SetClock
) -> None:
    here = catalogue(url)
    with Emoney.open(url, home, clock) as before:  # a process of the version before, which goes on meanwhile
        later.install()
        assert upgrade(url)
        assert not upgrade(url)
        assert is_current(url)
        assert {line[0] for line in here - catalogue(url)} <= {"version"}  # it only adds
        assert failures(url, "last_failure") == failures(url, "failure") == [("no answer",)]
        consumer = Consumer(before.database, "warehouse", clock=clock)
        [event] = consumer.read(1)
        consumer.note_failure(event, "still none", timedelta(minutes=5))
        assert failures(url, "last_failure") == failures(url, "failure") == [("still none",)]
        ids = [before.ledger.reading.account(ref).id for ref in ("w-1", "w-2")]
        assert before.ledger.post([Transfer(new_id(), *ids, 10, "GHS", Operation.P2P)])[0].posted
    ship_contraction(later)
    assert not is_current(url)
    assert upgrade(url)
    assert is_current(url)
    with pytest.raises(psycopg.errors.UndefinedColumn):
        failures(url, "failure")
    assert failures(url, "last_failure") == [("still none",)]
    with psycopg.connect(url) as owner:
        assert contents(owner).items() >= {
            (name, digest)
            for name, digest in snapshot.facts.contents.items()
            if name not in ("transfers", "entries", "claims", "balances")  # of which one was added
        }


def test_both_steps_at_once_from_the_last_release(snapshot: Snapshot, url: str, later: Next) -> None:
    ship_contraction(later)
    later.install()
    assert upgrade(url)
    assert is_current(url)
    assert failures(url, "last_failure") == [("no answer",)]
    with psycopg.connect(url) as owner:
        assert counts(owner) == snapshot.facts.counts
        assert contents(owner) == snapshot.facts.contents


def test_a_step_that_fails_leaves_nothing_half_done(
    snapshot: Snapshot, url: str, home: Path, later: Next, clock: SetClock
) -> None:
    """The expansion works and what comes after it does not: not even the expansion is there."""
    here = catalogue(url)
    later.ship(
        "ledger_0003", "ledger_0002", CONTRACT + "ALTER TABLE ledger.consumer ADD CHECK (attempts = 0);"
    )
    later.install()
    with pytest.raises(MigrationFailed, match="ledger_0003") as caught:
        upgrade(url)
    for told in ("Nothing was changed", "emoney init", "violated by some row"):
        assert told in str(caught.value)
    assert catalogue(url) == here
    with psycopg.connect(url) as owner:
        assert contents(owner) == snapshot.facts.contents
    assert not is_current(url)
    later.remove()  # the version before goes on
    with Emoney.open(url, home, clock) as before:
        ids = [before.ledger.reading.account(ref).id for ref in ("w-1", "w-2")]
        assert before.ledger.post([Transfer(new_id(), *ids, 10, "GHS", Operation.P2P)])[0].posted
    ship_contraction(later)
    later.install()
    assert upgrade(url)
    assert is_current(url)


def test_a_failure_tells_nothing_of_a_row(
    url: str, later: Next, command_line: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later.ship(
        "ledger_0002", "ledger_0001", "CREATE TABLE ledger.number AS SELECT name::int FROM ledger.consumer;"
    )
    later.install()
    monkeypatch.setenv("EMONEY_DATABASE_URL", url)
    monkeypatch.setenv("EMONEY_HOME", str(tmp_path / "home"))
    code, out, err = command_line("init")
    assert code == 1
    assert "ledger_0002 failed (InvalidTextRepresentation)" in " ".join(err.split())
    assert "warehouse" not in out + err


def test_an_older_library_says_that_the_database_is_newer(
    url: str, home: Path, later: Next, clock: SetClock
) -> None:
    later.install()
    upgrade(url)
    later.remove()
    for tried in (is_current, upgrade, lambda url: Emoney.open(url, home, clock)):
        with pytest.raises(ConfigurationError, match=r"ledger_0002.*or a newer one") as caught:
            tried(url)
        assert "emoney init" not in str(caught.value)


# The rule of pairs.


def test_every_revision_after_a_baseline_expands_or_contracts() -> None:
    out = [each.facts.revisions for each in snapshots() if each.facts.version in released()]
    in_releases = {id_ for revisions_ in out for id_ in revisions_}
    assert revision_files.faults(revision_files.read(), in_releases) == []


def test_a_contraction_comes_a_release_after_its_expansion(later: Next) -> None:
    def faults(*in_releases: str) -> list[str]:
        return revision_files.faults(revision_files.read([later.folder]), in_releases)

    assert faults() == []
    ship_contraction(later)
    [told] = faults("ledger_0001")
    assert "ledger_0002 is in none yet" in told
    assert faults("ledger_0001", "ledger_0002") == []
    later.ship("ledger_0003", "ledger_0002", CONTRACT, 'step = "contract"')
    [told] = faults("ledger_0002")
    assert "ledger_0003 contracts, and" in told
    later.ship("ledger_0003", "ledger_0002", CONTRACT, "")
    [told] = faults("ledger_0002")
    assert "ledger_0003 does not say" in told


def test_what_a_revision_consists_of_is_in_its_digest(later: Next) -> None:
    def digest() -> str:
        return revision_files.read([later.folder])["ledger_0002"].digest

    seen = {digest()}
    later.ship("ledger_0002", "ledger_0001", EXPAND + "-- more")
    seen.add(digest())
    (later.folder / "ledger_0002.down.sql").write_text("")
    seen.add(digest())
    (later.folder / "ledger_0002").mkdir()
    (later.folder / "ledger_0002" / "01_more.sql").write_text("")
    seen.add(digest())
    (later.folder / "ledger_0002" / "01_more.sql").rename(later.folder / "ledger_0002" / "02_more.sql")
    seen.add(digest())
    ship_contraction(later)
    assert len(seen) == 5
    assert digest() in seen

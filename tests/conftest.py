"""A real PostgreSQL for every test: one embedded server, one migrated template, a copy per test."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from commands import Command, commands
from psycopg.conninfo import make_conninfo

from jobs.migrate import upgrade
from ledger import embedded
from ledger.database import Database

QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "2GB"}
"""Tests kill processes, not machines: what was written survives in the operating system. Halves the time."""

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_names = itertools.count()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running embedded server's URL.

    Not under pytest's own directory, which a second run as root would close to the server's system user.
    """
    with tempfile.TemporaryDirectory(prefix="emoney-server-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        url = embedded.start(Path(home))
        with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as admin:
            for name, value in QUICK.items():
                admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            admin.execute("SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The URL of a migrated, empty database that is copied for each test."""
    upgrade(server_url)
    return server_url


@pytest.fixture
def owner_url(template: str) -> Iterator[str]:
    """A fresh, migrated database, as its owner."""
    name = f"t{os.getpid()}_{next(_names)}"
    admin = make_conninfo(template, dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {embedded.DATABASE}")
    yield make_conninfo(template, dbname=name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(owner_url: str) -> Iterator[Database]:
    """A fresh, migrated database, as the application."""
    opened = Database(owner_url)
    yield opened
    opened.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty installation."""
    monkeypatch.setenv("EMONEY_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `emoney …` in this environment; gives exit code, standard output and standard error."""
    return commands(monkeypatch, capsys)


@pytest.fixture
def command(command_line: Command, home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `emoney …` on a fresh installation."""
    assert home
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    return command_line


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real and simulated files, beside the checkout where a developer has them."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the development data is not on this machine")
    return SHARED_DATA

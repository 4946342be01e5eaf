"""A real PostgreSQL for every test: one embedded server, one migrated template, a copy per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Command, commands
from event_schema import checked_payloads
from hypothesis import HealthCheck, settings

from emoney.kyc.evidence import providers
from emoney.ledger.base.postgres.database import Database
from emoney.testing import Template, copy_of, server

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # however busy it is: no test is about how long an example takes

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _published_events() -> Iterator[None]:
    """In every test, what the code tells of its own kinds is as docs/events.schema.json says."""
    with checked_payloads():
        yield


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running embedded server's URL."""
    with server() as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The URL of a migrated, empty database that is copied for each test; providers are registered in it."""
    url = Template(server_url).url
    for name in ("registry", "desk", "acme-id"):
        providers.register(url, name, actor="owner", reason="of the tests")
    return url


@pytest.fixture
def owner_url(template: str) -> Iterator[str]:
    """A fresh, migrated database, as its owner."""
    with copy_of(template) as url:
        yield url


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

"""What an installation refuses in production, and is told elsewhere."""

import logging
import os
from pathlib import Path

import pytest

from emoney import Emoney
from emoney.jobs import precautions
from emoney.jobs.installation import init
from emoney.jobs.settings.settings import Settings
from emoney.ledger.base import home as homes
from emoney.ledger.base.errors import ConfigurationError, Unavailable

HERE = [
    "postgresql:///wallets",
    "host=/tmp",
    "postgresql://localhost/w",
    "postgresql://127.0.0.1/w",
    "host=::1",
]
AWAY = "postgresql://kofi:hidden-secret@db.internal/wallets"
KEYS = {"passphrase": "a-long-enough-passphrase"}


def settings(url: str, environment: str = "production", **keys: str) -> Settings:
    return Settings(environment=environment, database={"url": url}, keys=keys or KEYS)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("EMONEY_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EMONEY_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("url", HERE)
def test_a_database_on_this_machine_needs_no_tls(url: str, caplog: pytest.LogCaptureFixture) -> None:
    precautions.take(settings(url))
    assert caplog.records == []


@pytest.mark.parametrize(
    ("more", "in_production", "told"),
    [
        ("", False, True),
        ("?sslmode=disable", False, True),
        ("?sslmode=prefer", False, True),
        ("?sslmode=require", False, False),
        ("?sslmode=require&channel_binding=require", True, False),
        ("?sslmode=verify-ca", True, False),
        ("?sslmode=verify-full", True, False),
        ("?hostaddr=10.0.0.7", False, True),
        ("?hostaddr=127.0.0.1", True, False),
    ],
)
def test_a_way_to_another_machine(
    more: str, in_production: bool, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if in_production:
        precautions.take(settings(AWAY + more))
    else:
        with pytest.raises(ConfigurationError, match="sslmode=verify-full") as refused:
            precautions.take(settings(AWAY + more))
        assert "hidden" not in str(refused.value)
    with caplog.at_level(logging.WARNING):
        precautions.take(settings(AWAY + more, "development"))
    assert bool(caplog.records) == told
    assert "hidden" not in caplog.text


def test_the_mode_may_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    precautions.take(settings(AWAY))


def test_one_of_several_hosts_that_is_elsewhere_counts() -> None:
    with pytest.raises(ConfigurationError, match="another machine"):
        precautions.take(settings("postgresql://localhost,db.internal/wallets"))


def test_in_production_the_root_key_does_not_lie_beside_the_keys(tmp_path: Path) -> None:
    for given in ({"provider": "local"}, {"former_provider": "local"}):
        with pytest.raises(ConfigurationError, match="EMONEY_KEYRING_PASSPHRASE"):
            precautions.take(Settings(environment="production", keys=given))
    precautions.take(Settings(environment="production", keys={"root_key_file": tmp_path / "root"}))
    precautions.take(Settings(environment="development", keys={"provider": "local"}))


def test_nothing_is_started_or_made_in_production_before(tmp_path: Path) -> None:
    for door in (init, Emoney.open):
        with pytest.raises(ConfigurationError, match="Not in production"):
            door(settings={"environment": "production"})
        with pytest.raises(ConfigurationError, match="another machine"):
            door(AWAY, settings={"environment": "production", "keys": KEYS})
    assert not (tmp_path / "home").exists()


def test_in_development_the_door_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unavailable):
        Emoney.open("postgresql://kofi:hidden-secret@emoney.invalid/wallets")
    assert "sslmode=verify-full" in caplog.text


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_home_that_others_can_write_is_refused_and_left(tmp_path: Path, mode: int) -> None:
    open_home = tmp_path / "open"
    open_home.mkdir()
    open_home.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod go-w"):
        homes.made(open_home)
    assert open_home.stat().st_mode & 0o777 == mode


def test_a_home_that_others_can_replace_is_refused(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    above.chmod(0o777)
    with pytest.raises(ConfigurationError, match="put another home in its place"):
        homes.made(above / "home")
    above.chmod(0o1777)
    assert homes.made(above / "home").stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory away")
def test_another_users_home_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(ConfigurationError, match="another user"):
        homes.made(theirs)

"""The embedded server, by processes that share it, are killed, or cannot have it."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.postgres.embedded import programs, server
from emoney.ledger.base.postgres.logins import as_owner, as_superuser

START = "import sys; from pathlib import Path; from emoney.ledger.base.postgres import embedded; "
ANNOUNCE = "print(embedded.start(Path(sys.argv[1])), flush=True); "


@pytest.fixture
def place() -> Iterator[Path]:
    """A home with a short path that the server's own system user can reach."""
    made = Path(tempfile.mkdtemp(prefix="emoney-"))
    made.chmod(0o711)
    yield made
    postmaster = made / "postgres" / "postmaster.pid"
    if postmaster.is_file():  # a test failed half-way
        psutil.Process(int(postmaster.read_text().split()[0])).send_signal(signal.SIGINT)
    shutil.rmtree(made, ignore_errors=True)


def server_pid(home: Path) -> int | None:
    """The running server's process, if any."""
    found = home / "postgres" / "postmaster.pid"
    return int(found.read_text().split()[0]) if found.is_file() else None


def user(home: Path, then: str = "") -> subprocess.Popen[str]:
    """A process that starts or joins the server and, having said so, does `then`."""
    started = subprocess.Popen(
        [sys.executable, "-c", START + ANNOUNCE + then, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline().startswith("postgresql://")
    return started


def finish(process: subprocess.Popen[str]) -> None:
    """Let a process that waits on its input end."""
    process.communicate("\n", timeout=240)
    assert process.returncode == 0


def test_starting_twice_is_joining(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Path(str(psycopg.conninfo.conninfo_to_dict(server_url)["host"])).parent
    if not (home / "postgres" / "PG_VERSION").exists():
        pytest.skip("the server's socket is not in its data directory here")
    before = server_pid(home)
    assert conninfo_to_dict(as_superuser(embedded.start(home))) == conninfo_to_dict(server_url)
    assert server_pid(home) == before
    with (home / ".postgres-users").open() as users, pytest.raises(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_server_stops_with_its_last_user_and_keeps_what_was_written(place: Path) -> None:
    twice = "embedded.start(Path(sys.argv[1])); url = embedded.start(Path(sys.argv[1])); "
    twice += "from emoney.ledger.base.postgres.logins import as_owner; url = as_owner(url); "
    write = "import psycopg; c = psycopg.connect(url); c.execute('CREATE TABLE kept (n int)'); c.commit(); "
    first = user(place, twice + write + "c.close(); input()")
    pid = server_pid(place)
    second = user(place, "input()")
    assert server_pid(place) == pid
    finish(first)
    assert server_pid(place) == pid
    finish(second)
    assert server_pid(place) is None
    read = "import psycopg; c = psycopg.connect(url); c.execute('SELECT n FROM kept'); c.close(); "
    finish(user(place, twice + read))
    assert server_pid(place) is None


def test_a_killed_user_is_forgotten(place: Path) -> None:
    killed = user(place, "input()")
    killed.kill()
    killed.communicate()
    assert server_pid(place) is not None
    last = user(place, "input()")
    finish(last)
    assert server_pid(place) is None


def test_a_home_where_no_server_can_be(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("a file")
    with pytest.raises(ConfigurationError, match="EMONEY_DATABASE_URL"):
        embedded.start(tmp_path)


def test_a_damaged_data_directory(place: Path) -> None:
    (place / "postgres").mkdir()
    (place / "postgres" / "PG_VERSION").write_text("9.6\n")
    (place / "logins").mkdir(mode=0o700)
    script = (
        "from emoney.ledger.base.errors import ConfigurationError\n"
        "try: embedded.start(Path(sys.argv[1]))\n"
        "except ConfigurationError as e: print(e)"
    )
    done = subprocess.run(
        [sys.executable, "-c", START.replace("; ", "\n") + script, str(place)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert "did not start" in done.stdout


def test_a_server_that_was_killed_is_left_without_a_word(place: Path) -> None:
    script = f"{START}{ANNOUNCE}import os, psutil, signal; "
    script += (
        "p = psutil.Process(int((Path(sys.argv[1]) / 'postgres/postmaster.pid').read_text().split()[0])); "
    )
    script += "p.kill(); psutil.wait_procs([p], timeout=10)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(place)], capture_output=True, text=True, timeout=240
    )
    assert (done.returncode, done.stderr) == (0, "")
    finish(user(place))


def test_the_socket_is_only_where_its_user_may_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Path("/tmp/home/postgres")
    assert server._socket_directory(short) == short
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    monkeypatch.setattr(os, "geteuid", lambda: 12345 if os.getuid() == 0 else os.getuid())
    monkeypatch.setattr(Path, "lstat", lambda path: _owned_by(os.geteuid(), path.stat().st_mode))
    for unfit in ("/home/ama/Application Support/postgres", f"/{'x' * 100}/postgres"):
        made = server._socket_directory(Path(unfit))
        try:
            assert (made.stat().st_mode & 0o777, made.parent) == (0o700, Path("/tmp"))
            assert server._socket_directory(Path(unfit)) == made
            made.chmod(0o711)
            with pytest.raises(ConfigurationError, match="this user's alone"):
                server._socket_directory(Path(unfit))
        finally:
            made.rmdir()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ConfigurationError, match="at most 80 bytes"):
        server._socket_directory(Path(unfit))


def _owned_by(user_id: int, mode: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, user_id, 0, 0, 0, 0, 0))


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root the server is another user's")
def test_directories_that_the_server_cannot_pass_are_named_and_left_as_they_are(place: Path) -> None:
    private = place / "private"
    private.mkdir(mode=0o700)
    home = private / "home"
    home.mkdir(mode=0o700)
    with pytest.raises(ConfigurationError) as refused:
        embedded.start(home)
    assert f"`chmod o+x {private} {home}`" in str(refused.value)
    assert [each.stat().st_mode & 0o777 for each in (private, home)] == [0o700, 0o700]
    assert not (home / "postgres").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root the server is another user's")
def test_programs_that_the_server_cannot_reach_are_named(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = place / "environment" / "bin"
    closed.mkdir(parents=True, mode=0o700)
    closed.parent.chmod(0o700)
    (closed / "postgres").touch(mode=0o755)
    monkeypatch.setattr(programs, "directory", lambda: closed)
    with pytest.raises(ConfigurationError, match="PostgreSQL's programs") as refused:
        embedded.start(place)
    assert f"chmod o+x {closed.parent} {closed}" in str(refused.value)


def test_a_path_that_a_shell_would_change_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="path without"):
        embedded.start(tmp_path / "a$(id)")


def test_a_server_is_stopped_by_none_but_its_last_user(place: Path) -> None:
    other = user(place, "input()")
    embedded.start(place)
    assert not embedded.stop(place)
    assert server_pid(place) is not None
    finish(other)
    assert server_pid(place) is None
    assert embedded.stop(place)


def test_a_start_that_was_killed_is_made_anew(place: Path) -> None:
    half = place / ".postgres-new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    (place / ".postgres-password").write_text("half")
    url = embedded.start(place)
    try:
        assert not half.exists()
        assert not (place / ".postgres-password").exists()
        with psycopg.connect(as_owner(url)) as owner:
            assert owner.execute("SELECT session_user").fetchone() == ("emoney_owner",)
    finally:
        assert embedded.stop(place)


def test_a_database_that_asked_for_no_password_is_not_started(place: Path) -> None:
    (place / "postgres").mkdir()
    (place / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(ConfigurationError, match=r"earlier version.*new directory"):
        embedded.start(place)

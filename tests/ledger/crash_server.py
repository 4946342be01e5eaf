"""An embedded server that tests may kill, and the processes around it."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil

KEEPER = """
import sys
from pathlib import Path
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.postgres.logins import as_superuser
print(as_superuser(embedded.start(Path(sys.argv[1]))), flush=True)
sys.stdin.read()
"""


class Server:
    """An embedded server in a home of its own, which may be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.keeper: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Start the server, or recover it."""
        self.keeper = run("-c", KEEPER, self.home)
        self.url = first_line(self.keeper)
        assert "host=" in self.url

    def kill(self) -> None:
        """SIGKILL to the server and everything it has started, as when the power goes."""
        pid = int((self.home / "postgres" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with_signal(process, signal.SIGKILL)
        psutil.wait_procs(family, timeout=30)
        self.stop()

    def stop(self) -> None:
        """Let the keeper end, and with it a server that still runs."""
        if self.keeper is not None:
            self.keeper.kill()
            ended(self.keeper)
            self.keeper = None


def with_signal(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def run(*arguments: object) -> subprocess.Popen[str]:
    """A Python process of its own."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    """What a process says first, for which this waits."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def ended(process: subprocess.Popen[str]) -> str:
    """What a process has said by its end, for which this waits."""
    said, _ = process.communicate(timeout=120)
    return said

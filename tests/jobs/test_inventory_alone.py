"""The inventory covers every package in a process that has imported nothing but the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

from emoney.jobs.migrate import PACKAGES


def test_the_command_lists_the_tables_of_every_package(owner_url: str, home: Path) -> None:
    environment = {**os.environ, "EMONEY_DATABASE_URL": owner_url, "EMONEY_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", "from emoney.jobs.cli import main; main()", "privacy", "inventory", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    columns = json.loads(done.stdout)
    listed = json.dumps(columns)
    for package in PACKAGES:
        assert f'"{package}.' in listed, package
    assert "kyc.person" in listed

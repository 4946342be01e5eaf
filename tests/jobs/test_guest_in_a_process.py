"""Importing the whole house and posting leave the process as it was, for whatever else runs in it."""

import json
import subprocess
import sys
from pathlib import Path

from emoney.jobs.migrate import PACKAGES

SCRIPT = Path(__file__).with_name("process_state.py")


def test_nothing_that_others_could_feel_is_changed(owner_url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), owner_url, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["changed"] == {}
    assert said["modules"] > 150
    assert said["posted"] == 240
    assert said["mapped"] == len(PACKAGES)
    assert said["bare"] == []

"""Every guide in docs/guides does what it shows, from its first line to its last."""

import re
from pathlib import Path

import pytest
from commands import Command
from guide import Run, blocks
from unfunded import unfunded

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
NAMES = sorted(path.stem for path in GUIDES.glob("*.md") if path.stem != "index")
WANTED = {
    "embed",
    "own-database",
    "own-policy-pack",
    "import-history",
    "nightly-jobs",
    "close-a-month",
    "access-request",
    "rotate-keys",
    "investigate-alert",
    "upgrade",
    "testing",
}


def page(name: str) -> str:
    return (GUIDES / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture
def run(command: Command, owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a guide on a fresh database."""
    folder = tmp_path / "reader"
    folder.mkdir()
    unfunded(owner_url)
    return Run(command, owner_url, folder, monkeypatch)


def test_there_is_a_guide_for_every_task() -> None:
    assert set(NAMES) == WANTED
    listed = re.findall(r"\(([a-z-]+)\.md\)", page("index"))
    assert sorted(listed) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_does_what_it_shows(name: str, run: Run) -> None:
    run.page(page(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_guide_has_something_to_run_and_is_short(name: str) -> None:
    assert {"console", "python"} & {block.kind for block in blocks(page(name))}
    assert len(page(name).splitlines()) <= 130


def test_a_guide_that_shows_something_else_fails(run: Run) -> None:
    for wrong in (
        "```console\n$ emoney periods list --json\n[1]\n```\n",
        "```console\n$ emoney periods show 2026-10\n```\n",
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
    ):
        with pytest.raises(AssertionError):
            run.page(wrong)

"""What the README and `examples/` show runs, and prints what they say."""

import re
import runpy
from pathlib import Path

import pytest
from unfunded import unfunded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def installation(home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation on a fresh database."""
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    unfunded(owner_url)
    return home


def test_the_readme_example_is_the_one_that_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    file = (ROOT / "examples" / "first_wallets.py").read_text(encoding="utf-8")
    assert [file.split("\n\n", 1)[1]] == shown


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("first_wallets", "load-1 posted\norder-4711 gh-bog-2024/minimum/flow-out-any-day\n4,000.00 GHS\n"),
        ("payment_with_fee", "[True, True]\n[False, False]\n"),
        ("own_transaction", "paid\nwrong\n"),
    ],
)
def test_an_example_prints_what_it_should(
    name: str, printed: str, installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # what is sent again is not done again
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
        assert capsys.readouterr().out == printed


def test_every_example_is_tested() -> None:
    tested = {"first_wallets", "payment_with_fee", "own_transaction"}
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == tested

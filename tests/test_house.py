"""The house stands: floors know only those below, names lead where they say, modules stay readable."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("jobs", "aml", "kyc", "privacy", "ledger", "data")
LINES_MAX = 450


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_imports_point_down_only() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        (contract,) = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    assert contract["type"] == "layers"
    assert contract["layers"] == [f"emoney.{package}" for package in PACKAGES]
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    checked = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_names_as_public_is_there(package: str) -> None:
    imported = importlib.import_module(f"emoney.{package}")
    names = getattr(imported, "__all__", [])
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(imported, name)] == []
    assert imported.__doc__


def test_modules_stay_readable() -> None:
    alone = ROOT / "ledger" / "proofs" / "verifying.py"  # a third party runs this one file and needs no other
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules() if path != alone
    }
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > LINES_MAX} == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in modules() if path.stem in drawers or path.parent.name in drawers] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = []
    for path in modules():
        content = path.read_text(encoding="utf-8")
        if content.strip() and not content.startswith('"""'):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()

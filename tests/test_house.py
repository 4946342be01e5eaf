"""The house stands: floors know only those below, names lead where they say, modules stay readable."""

import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("jobs", "aml", "kyc", "privacy", "ledger", "data")
LINES_MAX = 450
MODULES_MAX = 15


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def rooms() -> list[Path]:
    """Every folder that holds modules; migrations are revisions, not rooms."""
    return sorted({path.parent for path in modules() if "migrations" not in path.parts})


def test_imports_point_down_only() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        house, *inside = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    assert house["type"] == "layers"
    assert house["layers"] == [f"emoney.{package}" for package in PACKAGES]
    assert [each["containers"] for each in inside] == [
        [f"emoney.{package}"] for package in ("ledger", "kyc", "privacy", "aml")
    ]
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    checked = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_floor_of_a_package_is_in_its_contract() -> None:
    """A new room or file has its place, or the contract would pass it over."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        _, *inside = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    for contract in inside:
        (container,) = contract["containers"]
        package = ROOT / container.removeprefix("emoney.")
        placed = {name.strip() for floor in contract["layers"] for name in floor.split("|")}
        there = {path.stem for path in package.glob("*.py")} | {
            room.name for room in package.iterdir() if (room / "__init__.py").is_file()
        }
        unplaced = {name for name in there - placed if name not in {"__init__", "tables"}}
        assert unplaced == set(), package
        assert placed <= there, package


def test_the_bare_names_of_the_packages_are_not_importable() -> None:
    """An operator has packages of these names; a second copy of a module would be a second registry."""
    script = (
        "import importlib, pkgutil, sys, emoney\n"
        "for each in pkgutil.walk_packages(emoney.__path__, 'emoney.'):\n"
        "    if '.migrations' not in each.name: importlib.import_module(each.name)\n"
        f"old = {PACKAGES!r}\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in old]\n"
        "assert not [name for name in old if importlib.util.find_spec(name)]\n"
    )
    checked = subprocess.run(
        [sys.executable, "-c", script], cwd="/", capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_room_is_seen_at_a_glance() -> None:
    crowded = {
        str(room.relative_to(ROOT)): len(list(room.glob("*.py")))
        for room in rooms()
        if len(list(room.glob("*.py"))) - 1 > MODULES_MAX
    }
    assert crowded == {}


def test_no_two_names_in_a_room_differ_by_an_s() -> None:
    alike = [
        str(path.relative_to(ROOT))
        for room in rooms()
        for path in room.glob("*.py")
        if (room / f"{path.stem}s.py").is_file() or (room / f"{path.stem}s" / "__init__.py").is_file()
    ]
    assert alike == []


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_file_that_a_page_names_is_there() -> None:
    places = "|".join((*PACKAGES, "src", "tests", "docs", "benchmarks", "examples"))
    path = re.compile(rf"`((?:{places})/[\w./*-]*)`|\]\((docs/[\w./-]+)[#)]")
    named = [
        (page, found[1] or found[2])
        for page in pages()
        for found in path.finditer(page.read_text(encoding="utf-8"))
    ]
    assert len(named) > 100
    assert [f"{page.name}: {name}" for page, name in named if not list(ROOT.glob(name.rstrip("/")))] == []


def test_every_module_that_a_page_names_is_there() -> None:
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for name in set(re.findall(r"`(emoney(?:\.\w+)+)(?:\([^`]*\))?`", text)):
            thing: object = importlib.import_module("emoney")
            for number, part in enumerate(name.split(".")[1:], 2):
                with suppress(ModuleNotFoundError):
                    importlib.import_module(".".join(name.split(".")[:number]))
                assert hasattr(thing, part), f"{page.name}: {name}"
                thing = getattr(thing, part)
        bare = re.findall(rf"^ *(?:from|import) (?:{'|'.join(PACKAGES)})\b", text, re.MULTILINE)
        assert bare == [], page.name


def test_pages_and_examples_import_from_public_faces_only() -> None:
    """`emoney`, a package or a room of one; what that lists, where it lists, or a module of it."""
    sources = [*pages(), *sorted((ROOT / "examples").glob("*.py"))]
    found = [
        (page.name, module, name.split(" as ")[0].strip())
        for page in sources
        for module, names in re.findall(
            r"^ *from (emoney[\w.]*) import ([\w, ]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        )
        for name in names.split(",")
    ]
    assert len(found) > 30
    inner = []
    for page, module, name in found:
        imported = importlib.import_module(module)
        listed = getattr(imported, "__all__", [name])
        if module.count(".") > 2 or (
            name not in listed and importlib.util.find_spec(f"{module}.{name}") is None
        ):
            inner.append(f"{page}: from {module} import {name}")
    assert inner == []


def test_the_map_shows_every_room() -> None:
    shown = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    depth = len(ROOT.parts) + 2
    names = [f"`{room.relative_to(ROOT).as_posix()}/`" for room in rooms() if len(room.parts) == depth]
    assert names
    assert [name for name in names if name not in shown] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_names_as_public_is_there(package: str) -> None:
    imported = importlib.import_module(f"emoney.{package}")
    names = getattr(imported, "__all__", [])
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(imported, name)] == []
    assert imported.__doc__


def test_the_reference_has_every_public_package_and_every_name_says_what_it_is() -> None:
    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        for name in re.findall(r"automodule:: (\S+)", page.read_text(encoding="utf-8")):
            imported = importlib.import_module(name)
            listed = [each for each in getattr(imported, "__all__", []) if callable(getattr(imported, each))]
            assert [each for each in listed if not inspect.getdoc(getattr(imported, each))] == [], name
    shown = {page.stem for page in (ROOT / "docs" / "reference").glob("*.md")}
    assert {"emoney", "ledger", "kyc", "privacy", "aml", "testing"} <= shown


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

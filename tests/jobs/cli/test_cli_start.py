"""The command line starts with what a command needs, and says which extra a command wants."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from emoney.jobs.cli import PARTS as TOP
from emoney.jobs.cli.kyc import PARTS as KYC
from emoney.jobs.cli.privacy import PARTS as PRIVACY
from emoney.jobs.cli.terminal.groups import Parts, first_sentence, loaded
from emoney.ledger import AccountKind, Database, Ledger
from emoney.ledger.base.extras import EXTRAS, installed

HEAVY = ("sqlmodel", "alembic", "great_expectations", "duckdb", "ibis", "pandas", "pyarrow", "lxml", "jinja2")

RUN = """
import json, sys
{blocked}
from emoney.jobs.cli import main
sys.argv = ["emoney", *{arguments!r}]
try:
    main()
except SystemExit as end:
    code = end.code or 0
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
BLOCK = "for name in {names!r}: sys.modules[name] = None"


def run(
    *arguments: str, without: tuple[str, ...] = (), url: str = ""
) -> tuple[int, str, list[str], set[str]]:
    """A command in a process of its own: exit code, output, lines of standard error, modules loaded."""
    blocked = BLOCK.format(names=without) if without else ""
    ended = subprocess.run(
        [sys.executable, "-c", RUN.format(blocked=blocked, arguments=arguments)],
        env=os.environ | ({"EMONEY_DATABASE_URL": url} if url else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    *errors, last = ended.stderr.splitlines()
    code, modules = json.loads(last)
    return code, ended.stdout, errors, {name.partition(".")[0] for name in modules} | set(modules)


@pytest.mark.parametrize("parts", [TOP, KYC, PRIVACY], ids=["emoney", "kyc", "privacy"])
def test_help_says_of_each_command_what_the_command_says(parts: Parts) -> None:
    told = {name: said for names in parts.values() for name, said in names.items()}
    found = {name: first_sentence(loaded(module, name)) for module, names in parts.items() for name in names}
    assert told == found


@pytest.mark.parametrize("parts", [TOP, KYC, PRIVACY], ids=["emoney", "kyc", "privacy"])
def test_no_command_of_a_module_is_left_out(parts: Parts) -> None:
    for module, names in parts.items():
        found = importlib.import_module(f"emoney.jobs.cli.{module}")
        if hasattr(found, "register"):
            app = typer.Typer()
            found.register(app)
            assert set(typer.main.get_group(app).commands) == set(names)


def test_help_loads_no_database_and_no_drawing() -> None:
    code, out, _, modules = run("--help")
    assert (code, "trial-balance" in out) == (0, True)
    assert modules.isdisjoint({"psycopg", "sqlalchemy", "pydantic", "rich", "yaml", "cryptography", *HEAVY})


def test_a_balance_loads_no_pool_no_mapper_no_migrations_and_no_keys(owner_url: str, home: Path) -> None:
    database = Database(owner_url)
    account = Ledger(database).open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    database.close()
    code, out, _, modules = run("balance", "bank-1", url=owner_url)
    assert (code, out) == (0, "0.00 GHS\n")
    assert modules.isdisjoint({"sqlalchemy", "cryptography", "emoney.kyc.packs.schema", *HEAVY})
    assert run("balance", str(account), url=owner_url)[:2] == (0, "0.00 GHS\n")
    assert not (home / "keys").exists()


def test_importing_the_library_loads_no_floor() -> None:
    script = "import sys, emoney; print([name for name in sys.modules if name.startswith('emoney.')])"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


@pytest.mark.parametrize(
    ("extra", "without", "arguments"),
    [
        ("monitoring", "duckdb", ("aml", "run")),
        ("monitoring", "ibis", ("aml", "alerts")),
        ("demo", "faker", ("demo", "--out", "never-made")),
    ],
)
def test_a_command_names_the_extra_that_it_wants(
    extra: str, without: str, arguments: tuple[str, ...]
) -> None:
    code, out, errors, _ = run(*arguments, "--json", without=(without,))
    assert code == 1
    assert json.loads(out)["error"]["code"] == "missing_extra"
    assert errors == [f"error: {without} is not installed, and this needs it: pip install 'emoney[{extra}]'"]
    assert not Path("never-made").exists()


def test_bank_files_name_their_extra(owner_url: str, home: Path, tmp_path: Path) -> None:
    assert home
    database = Database(owner_url)
    Ledger(database).open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    database.close()
    statement = tmp_path / "statement.xml"
    statement.write_text("<Document/>")
    for library, arguments in (
        ("lxml", ("safeguarding", "import-statement", str(statement), "--account", "bank-1")),
        ("pyiso20022", ("statement", "bank-1", "--format", "camt053")),
    ):
        code, _, errors, _ = run(*arguments, without=(library,), url=owner_url)
        assert (code, len(errors)) == (1, 1)
        assert "pip install 'emoney[bank-files]'" in errors[0]


def test_without_extras_the_base_works(owner_url: str, home: Path) -> None:
    assert home
    absent = tuple(library for libraries in EXTRAS.values() for library in libraries)
    code, out, errors, _ = run("trial-balance", without=absent, url=owner_url)
    assert (code, "balanced" in out, errors) == (0, True, [])
    person = ("kyc", "enrol", "-")
    code, _, errors, _ = run(*person, without=absent, url=owner_url)
    assert (code, errors) == (1, ["error: the input is not one JSON object at line 1, column 1"])
    code, out, errors, _ = run("jobs", "list", without=absent, url=owner_url)
    assert (code, errors) == (0, [])
    assert "extract" in out


def test_the_extras_are_those_of_the_distribution() -> None:
    assert all(installed(extra) for extra in EXTRAS)

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
for arguments in {commands!r}:
    sys.argv = ["emoney", *arguments]
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    for stream in (sys.stdout, sys.stderr):
        print({end!r}, file=stream, flush=True)
    print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
END = "-- the end of a command"
BLOCK = "for name in {names!r}: sys.modules[name] = None"


Ran = tuple[int, str, list[str], set[str]]
"""Exit code, output, lines of standard error, modules loaded."""


def run(*arguments: str, without: tuple[str, ...] = (), url: str = "") -> Ran:
    """A command in a process of its own."""
    [ran] = run_all(arguments, without=without, url=url)
    return ran


def run_all(*commands: tuple[str, ...], without: tuple[str, ...] = (), url: str = "") -> list[Ran]:
    """Commands one after the other in one process, in which no module of `without` can be loaded."""
    blocked = BLOCK.format(names=without) if without else ""
    ended = subprocess.run(
        [sys.executable, "-c", RUN.format(blocked=blocked, commands=commands, end=END)],
        env=os.environ | ({"EMONEY_DATABASE_URL": url} if url else {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    outs, (first, *rest) = ended.stdout.split(END + "\n"), ended.stderr.split(END + "\n")
    ran, errors = [], first.splitlines()
    for out, told in zip(outs, rest, strict=False):
        last, *of_next = told.splitlines()
        code, modules = json.loads(last)
        ran.append((code, out, errors, {name.partition(".")[0] for name in modules} | set(modules)))
        errors = of_next
    assert len(ran) == len(commands)
    return ran


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
    commands = ("trial-balance",), ("kyc", "enrol", "-"), ("jobs", "list")
    balance, person, jobs = run_all(*commands, without=absent, url=owner_url)
    assert (balance[0], "balanced" in balance[1], balance[2]) == (0, True, [])
    refused = ["error: the input is not one JSON object at line 1, column 1"]
    assert (person[0], person[2]) == (1, refused)
    assert (jobs[0], "extract" in jobs[1], jobs[2]) == (0, True, [])


def test_the_extras_are_those_of_the_distribution() -> None:
    assert all(installed(extra) for extra in EXTRAS)

"""Personal values are planted through every path of the library, and then searched for in all that it left.

Left are: a dump, the files of the database (its write-ahead log and its log, with every statement and
parameter, among them), the files of the installation, what the commands printed and wrote, what was logged by
the application, and every error with all that caused it. A search that finds nothing proves nothing, so each
place must first give back a control value, which is the operator's own reference and no secret; and each
encoding is tried on the control value, too.
"""

import base64
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from dumping import dumped
from haystacks import Needles, files, forms, tables
from passable import passable
from sqlmodel import Session

from emoney.jobs.cli import main
from emoney.jobs.demo import run_demo
from emoney.jobs.demo.population import personal_values, populate
from emoney.jobs.demo.run import START
from emoney.jobs.installation import Emoney
from emoney.kyc.persons import enrolment
from emoney.kyc.persons.tables import PersonRow
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.postgres.logins import as_superuser
from emoney.privacy import ClearField, Place, Purpose, Sealed, SealedField

Places = dict[str, list[tuple[str, bytes]]]

CONTROL = "kontrollwert-7731"

PERSON = {
    "external_ref": CONTROL,
    "name": "Øydis Qwexthorpe",
    "birth_date": "1953-07-29",
    "phone": "+233207651943",
    "id_kind": "national_id",
    "id_number": "GHA-719283746-4",
    "address": "93 Vlimmerick Lane, Kumasi",
    "currency": "GHS",
}
PLANTED = (
    "Øydis Qwexthorpe",
    "Qwexthorpe",
    "øydis",
    "1953-07-29",
    "29/07/1953",
    "29.07.1953",
    "19530729",
    "29 July 1953",
    "July 29, 1953",
    "233207651943",
    "207651943",
    "GHA-719283746-4",
    "719283746",
    "93 Vlimmerick Lane",
    "Vlimmerick",
    "vlimmerick lane kumasi",
)

INSERT = "INSERT INTO kyc.person (id, external_ref, kind, name, enrolled_at) VALUES (%s, %s, %s, %s, %s)"

LOUD = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_error_verbosity": "verbose",
    "wal_keep_size": "2GB",  # nothing is recycled before the search
}
"""A server that logs all it is told: what an operator may have set, or a support case may ask for."""


@dataclass
class Left:
    """What a run left: its home, what was written beside it, and what was told."""

    home: Path
    out: Path
    url: str
    printed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    @property
    def told(self) -> bytes:
        return "\n".join(self.printed).encode()


class _Everything(logging.Handler):
    """Writes all that is logged, at any level, with its arguments as they are."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.NOTSET)
        self._path = path
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        with self._path.open("a", encoding="utf-8") as log:
            log.write(self.format(record) + f" {record.args!r}\n")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """The values, planted everywhere, once for all tests of this module."""
    patch = pytest.MonkeyPatch()
    base = passable(tmp_path_factory.mktemp("planted"))
    home, out = base / "home", base / "out"
    home.mkdir()
    out.mkdir()
    patch.setenv("EMONEY_HOME", str(home))
    patch.delenv("EMONEY_DATABASE_URL", raising=False)
    patch.setenv("COLUMNS", "200")
    patch.setenv("EMONEY_LOG_LEVEL", "debug")  # the commands' standard error is searched with what they print
    root = logging.getLogger()
    before, handler = root.level, _Everything(out / "application.log")
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        url = as_superuser(embedded.start(home))
        with psycopg.connect(url, autocommit=True) as owner:
            for name, value in LOUD.items():
                owner.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            owner.execute("SELECT pg_reload_conf()")
        left = Left(home, out, url)
        _plant_by_commands(left, patch)
        _plant_by_calls(left, patch)
        logging.getLogger("emoney").info("the control value: %s", CONTROL)
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute("CHECKPOINT")
            owner.execute("SELECT pg_switch_wal()")
        yield left
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        embedded.stop(home)
        patch.undo()


def _plant_by_commands(left: Left, patch: pytest.MonkeyPatch) -> None:
    """As an operator's staff does it, with every slip of theirs; `left.codes` says how each ended."""

    def run(*arguments: str, given: bytes = b"") -> None:
        patch.setattr(sys, "argv", ["emoney", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        out, err = io.StringIO(), io.StringIO()
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code: Any = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            code = 99
            err.write(traceback.format_exc())
        patch.setattr(sys, "stdout", sys.__stdout__)
        patch.setattr(sys, "stderr", sys.__stderr__)
        left.printed += [out.getvalue(), err.getvalue()]
        left.codes[f"{len(left.codes)} {' '.join(arguments[:3])}"] = code

    def person(**other: Any) -> bytes:
        return json.dumps({**PERSON, **other}).encode()

    inputs = left.out.parent / "inputs"
    inputs.mkdir()
    enrol = ("kyc", "enrol", "-")
    run("init")
    run(*enrol, given=person())
    # refused: the reference again, fields of the wrong kind, text that is no JSON
    run(*enrol, given=person())
    for field_ in ("birth_date", "phone", "id_kind", "currency", "external_ref", "name"):
        run(*enrol, given=person(**{"external_ref": "w-9", field_: PERSON["name"] * 40}))
        run(*enrol, given=person(**{"external_ref": "w-9", field_: [PERSON["phone"], PERSON["id_number"]]}))
    run(*enrol, given=person(external_ref=PERSON["phone"].strip("+")))
    run(*enrol, given=person(external_ref="w-9", **{PERSON["name"]: PERSON["phone"]}))
    run(*enrol, given=person()[:-20])
    run(*enrol, given=PERSON["name"].encode("utf-16"))
    run(*enrol, given=person(external_ref="w-9", name=PERSON["name"] + "\ud800"))
    run(*enrol, given=person(external_ref="w-9", mrz=PERSON["name"]))
    run(*enrol, given=person(external_ref="w-9", guardian=PERSON["name"]))
    # the same person again, who is found by index; files with bad lines
    twin = {**PERSON, "external_ref": "w-2", "phone": "+233207651944"}
    lines = [
        json.dumps(twin),
        json.dumps({**twin, "external_ref": "w-3", "birth_date": PERSON["name"]}),
        json.dumps({**twin, "external_ref": "w-2"}),
        PERSON["name"] + '"' + PERSON["phone"],
        json.dumps([PERSON["name"]]),
    ]
    persons = inputs / "persons.jsonl"
    persons.write_text("\n".join(lines), encoding="utf-8")
    run("kyc", "import", str(persons))
    run("kyc", "import", str(persons), "--skip-bad")
    actor = ("--actor", "clerk-1", "--reason", "papers seen")
    run("kyc", "duplicates", "list")
    run("kyc", "duplicates", "decide", CONTROL, "w-2", "same", *actor, "--json")
    run("kyc", "evidence", "list", CONTROL)
    run("kyc", "evidence", "add", CONTROL, "address_proof", "--expires-on", "2099-01-31", *actor)
    run("kyc", "reviews", "rate", CONTROL, *actor)
    run("kyc", "approvals", "list", "--all")
    # an operator's history, with columns that slipped
    accounts = inputs / "accounts.csv"
    accounts.write_text(
        "account_id,kind,kyc_tier,opened,customer_id,opening_balance,name\n"
        f"A1,agent,2,2025-01-01,C1,1000.00,{PERSON['name']}\n"
        f"W1,wallet,0,2025-02-01,{PERSON['id_number']},50.00,{PERSON['phone']}\n",
        encoding="utf-8",
    )
    told = (PERSON["name"], PERSON["phone"], PERSON["id_number"], PERSON["birth_date"], "nothing")
    for number, slip in enumerate(told):
        for at in range(6):
            row = ["T1", "2026-01-01T06:00:00", "CASH_IN", "35.78", "A1", "W1"]
            if at not in (0, 4, 5):  # those are the operator's own ids, kept and told as they are
                row[at] = slip
            path = inputs / f"transactions-{number}-{at}.csv"
            path.write_text(
                f"tx_id,ts,type,amount,from_account,to_account,name\n{','.join(row)},{slip}\n",
                encoding="utf-8",
            )
            files_ = (str(path), "--accounts", str(accounts))
            run("import", *files_, "--format", "mobile-money", "--currency", "GHS", "--source", CONTROL)
    slipped = accounts.read_text(encoding="utf-8")
    for number, (right, wrong) in enumerate(
        (("wallet", PERSON["name"]), ("2025-02-01", PERSON["phone"]), ("50.00", PERSON["address"]))
    ):
        path = inputs / f"accounts-{number}.csv"
        path.write_text(slipped.replace(right, f'"{wrong}"'), encoding="utf-8")
        files_ = (str(inputs / "transactions-4-0.csv"), "--accounts", str(path))
        run("import", *files_, "--format", "mobile-money", "--currency", "GHS", "--source", "other")
    # all that is told, exported and reported
    for shape in ("csv", "camt053"):
        out = str(left.out / f"statement.{shape}")
        run(
            "statement",
            CONTROL,
            "--format",
            shape,
            "--out",
            out,
            "--from",
            "2020-01-01",
            "--to",
            "2099-01-01",
        )
    run("statement", CONTROL, "--json")
    run("accounts", "show", CONTROL)
    run("accounts", "set-metadata", CONTROL, "{}")
    run("proof", "seal")
    run("proof", "verify", "--json")
    run("aml", "run")
    run("aml", "alerts", "--json")
    run("aml", "report", "--out", str(left.out))
    run("privacy", "inventory", "--json")
    run("privacy", "report", "--out", str(left.out))
    run("privacy", "breach", "--from", "2020-01-01", "--to", "2099-01-01", "--json")
    run("privacy", "exposure", "--stolen-dump", "--json")
    run("events", "list", "--json")
    run("trial-balance", "--json")


def _plant_by_calls(left: Left, patch: pytest.MonkeyPatch) -> None:
    """As a programmer does it, past the first checks, so that the database itself must refuse."""

    def refused(call: Callable[[], object]) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it is, it must not tell
            call()
        left.errors += [
            *traceback.format_exception(caught.value),
            repr(caught.value),
            repr(caught.value.args),
        ]

    with Emoney.open(home=left.home) as emoney:
        connect = emoney.database.connection
        # a unique key refuses what came at the same moment
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(enrolment, "_demand_free", lambda *_: None)
            refused(lambda: emoney.kyc.enrol(dict(PERSON)))
        # a row that breaks a constraint after its fields were sealed
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(enrolment, "_inserted", lambda *_: True)
            refused(lambda: emoney.kyc.enrol({**PERSON, "external_ref": "w-7"}))
        subject = new_id()
        place = Place("kyc.person", "name", subject)
        clear = [ClearField(subject, place, PERSON["name"])]
        with connect() as connection:
            [sealed] = emoney.vault.seal_many(connection, clear)
        left.printed += [repr(clear), str(sealed), repr(sealed), f"{sealed}"]

        def in_transaction(call: Callable[[Any], object]) -> Callable[[], object]:
            def run() -> object:
                with connect() as connection:
                    return call(connection)

            return run

        def seal(value: str) -> Callable[[], object]:
            return in_transaction(lambda it: emoney.vault.seal(it, subject=subject, place=place, value=value))

        refused(seal(PERSON["name"] * 400))
        refused(seal(PERSON["name"] + "\0"))
        refused(seal(PERSON["name"] + "\ud800"))

        def open_(
            at: Place, whose: Any, what: Sealed, purpose: str = Purpose.CUSTOMER_SERVICE
        ) -> Callable[[], object]:
            item = SealedField(whose, at, what)
            return in_transaction(lambda it: emoney.vault.open(it, [item], purpose=purpose, actor="clerk-7"))

        refused(open_(Place("kyc.person", "phone", subject), subject, sealed))
        refused(open_(place, subject, Sealed(sealed.ciphertext[:-1])))
        refused(open_(place, subject, sealed, "curiosity"))
        assert open_(place, subject, sealed)() == [PERSON["name"]]  # the log tells of it, not what it was
        # a value that nobody sealed, for a sealed column, by statement and by mapped class
        for bad in (PERSON["name"].encode(), (PERSON["name"] * 9).encode("utf-16")):
            row = (new_id(), "w-8", "natural", Sealed(bad), datetime.now(UTC))
            refused(in_transaction(lambda it, row=row: it.execute(INSERT, row)))  # type: ignore[misc]
        unsealed = PersonRow(
            id=new_id(),
            external_ref="w-8",
            kind="natural",
            name=PERSON["name"],
            enrolled_at=datetime.now(UTC),
        )

        def flush() -> None:
            with Session(emoney.database._engine) as session:
                session.add(unsealed)
                session.flush()

        refused(flush)


@pytest.fixture(scope="module")
def places(left: Left) -> Places:
    """All that is left, by kind."""
    data = left.home / "postgres"
    server = list(files(data))
    reports = [place for place in files(left.out) if "application.log" not in place[0]]
    return {
        "dump": [("pg_dump", dumped(left.url)), ("pg_dump of statements", dumped(left.url, "--inserts"))],
        "tables": list(tables(left.url)),
        "heap": [place for place in server if "/base/" in place[0] or "/global/" in place[0]],
        "write-ahead log": [place for place in server if "/pg_wal/" in place[0]],
        "server log": [place for place in server if place[0] == "postgres/log" or "/log/" in place[0]],
        "rest of the server": [
            place for place in server if not {"base", "global", "pg_wal"} & set(place[0].split("/"))
        ],
        "installation": [place for place in files(left.home) if "postgres/" not in place[0]],
        "printed": [("printed", left.told)],
        "application log": list(files(left.out / "application.log")),
        "reports and exports": reports,
        "errors": [("errors", "\n".join(left.errors).encode())],
    }


def test_each_form_of_a_value_is_found_where_it_is_written(tmp_path: Path) -> None:
    for value in (CONTROL, *PLANTED):
        needles = Needles([value])
        for name, raw in forms(value).items():
            (tmp_path / "file").write_bytes(b"before " + raw + b" after")
            assert needles.found(files(tmp_path)), (value, name)
    for before in ("", "x", "xy", "xyz"):
        content = base64.b64encode(f"{before}{CONTROL}{before}".encode())
        assert Needles([CONTROL]).found_in(content)
    assert Needles(PLANTED).found_in(CONTROL.encode()) == []


def test_every_command_ended_as_one_that_was_done_or_refused(left: Left) -> None:
    assert [name for name, code in left.codes.items() if code not in (0, 1, 2)] == []
    assert sum(code == 0 for code in left.codes.values()) >= 20
    assert sum(code != 0 for code in left.codes.values()) >= 20


@pytest.mark.parametrize(
    "kind",
    [
        "dump",
        "tables",
        "heap",
        "write-ahead log",
        "server log",
        "printed",
        "application log",
        "reports and exports",
    ],
)
def test_the_control_value_is_found_everywhere(places: Places, kind: str) -> None:
    assert Needles([CONTROL]).found(places[kind])


def test_our_own_loggers_wrote_at_every_level_that_is_searched(left: Left, places: Places) -> None:
    logged = b"".join(content for _, content in places["application log"])
    for name in ("emoney.jobs.installation", "emoney.jobs.migrate", "emoney.privacy.keys.choosing"):
        assert f"{name} INFO ".encode() in logged
    assert b"emoney.ledger.ledger DEBUG " in logged
    assert b"INFO emoney.jobs.installation: opened" in left.told


def test_no_planted_value_is_found_anywhere(places: Places) -> None:
    needles = Needles(PLANTED)
    found = {kind: needles.found(there) for kind, there in places.items()}
    assert {kind: told for kind, told in found.items() if told} == {}


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose name leaves room for that of a socket."""
    with TemporaryDirectory(prefix="d", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_demo_leaves_no_personal_value_in_any_file(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMONEY_DATABASE_URL", raising=False)
    people = populate(Random(7), 60, START.date())
    run_demo(short / "demo", seed=7, persons=60, days=7)
    left = list(files(short / "demo"))
    known = next(person.details["external_ref"] for person in people.persons)
    assert {place.split("/")[1] for place, *_ in Needles([known]).found(left)} >= {"home"}
    values = sorted(personal_values(people.persons), key=len)
    telling = [value for value in values if len(value) >= 12][:60]
    assert len(telling) == 60
    assert Needles(telling).found(left) == []

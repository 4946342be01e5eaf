"""Rotation of a whole installation: exact, provable, gone on with after a kill, unnoticed by all others."""

import random
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from forking import Told
from sqlalchemy import MetaData

from emoney.jobs import rotation as rotating
from emoney.jobs.installation import Emoney
from emoney.kyc.persons import search
from emoney.ledger.base.errors import EmoneyError
from emoney.privacy import CannotOpen, Place, Purpose, SealedField
from emoney.privacy.errors import RotationUnfinished
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.rotation import rotation as rotation_module
from emoney.privacy.rotation.rotation import Rotation
from emoney.privacy.vault.vault import rows_of

PERSONS = 40
COLUMNS = ("name", "birth_date", "phone", "id_kind", "id_number", "tax_number", "address")

Ask = Callable[..., Any]


def person(number: int) -> dict[str, Any]:
    return {
        "external_ref": f"P-{number}",
        "currency": "GHS",
        "name": f"Ama Serwaa {number}",
        "birth_date": "1987-03-14",
        "phone": f"+23324{4_000_000 + number}",
        "id_kind": "national_id",
        "id_number": f"GHA-71829{number:04d}-4",
        "tax_number": f"C000{number:07d}",
        "address": f"{number} Nkrumah Lane",
    }


@pytest.fixture
def emoney(home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emoney]:
    """An installation with PERSONS persons, and small steps of rotation."""
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    monkeypatch.setattr(rotation_module, "KEYS_PER_STEP", 7)
    monkeypatch.setattr(rotation_module, "ROWS_PER_STEP", 7)
    with Emoney.open() as opened:
        opened.kyc.enrol_many([person(number) for number in range(PERSONS)])
        yield opened


@pytest.fixture
def ask(owner_url: str) -> Ask:
    """One value of the database, as its owner."""

    def asked(query: str, *about: object) -> Any:
        with psycopg.connect(owner_url) as connection:
            row = connection.execute(query.encode(), about or None).fetchone()
        return row[0] if row else None

    return asked


def opened(emoney: Emoney, ref: str) -> dict[str, str]:
    """All that is held of a person."""
    with emoney.database.connection() as connection:
        found = connection.execute("SELECT id FROM kyc.person WHERE external_ref = %s", (ref,)).fetchone()
        assert found is not None
        [(row, sealed)] = rows_of(connection, "kyc.person", COLUMNS, [found[0]])
        items = [SealedField(row, Place("kyc.person", name, row), value) for name, value in sealed.items()]
        values = emoney.vault.open(connection, items, purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7")
    return dict(zip(sealed, values, strict=True))


def whole(emoney: Emoney) -> bool:
    told = [opened(emoney, f"P-{number}") for number in range(PERSONS)]
    return all(
        {name: str(person(number)[name]) for name in COLUMNS} == values for number, values in enumerate(told)
    )


def test_rewrapping_moves_every_key_and_no_field(emoney: Emoney, ask: Ask) -> None:
    before = ask("SELECT array_agg(name ORDER BY id)::text FROM kyc.person")
    old = ask("SELECT id FROM privacy.kek WHERE use = 'wrap subject keys'")
    told: list[tuple[str, int, int | None]] = []
    done = rotating.rotation(emoney).rewrap(actor="ops-1", progress=lambda *it: told.append(it))
    assert (done.keys, done.fields, done.resumed) == (PERSONS + len(rotating.INDEXES), 0, False)
    assert done.left == {"privacy.subject_key": 0, "privacy.index_key": 0, "privacy.pseudonym_epoch": 0}
    assert told[-1] == ("subject keys", PERSONS, PERSONS)
    assert ask("SELECT count(*) FROM privacy.subject_key WHERE kek = %s", old) == 0
    assert ask("SELECT array_agg(name ORDER BY id)::text FROM kyc.person") == before
    assert whole(emoney)
    with emoney.database.connection() as connection:
        control = emoney.vault.control
        asked = control.request(connection, DESTROY, KeyKind.KEK, old, actor="a", reason="rotated away")
        control.approve(connection, asked, actor="b")
        assert control.destroy(connection, asked) == 1
    assert whole(emoney)


def test_sealing_anew_leaves_nothing_under_an_old_key(emoney: Emoney, ask: Ask) -> None:
    # the country that a document's format names is sealed, too
    stored = ask("SELECT count(*) FROM privacy.sealed_row, jsonb_object_keys(versions)")
    done = rotating.rotation(emoney).reencrypt(actor="ops-1")
    assert (done.keys, done.fields) == (PERSONS, stored)
    assert set(done.left.values()) == {0}
    assert set(done.left) >= {"privacy.subject_key", "kyc.person"}
    columns = ask(
        "SELECT string_agg(quote_ident(column_name), ',') FROM information_schema.columns "
        "WHERE table_schema = 'kyc' AND table_name = 'person' AND domain_name = 'sealed'"
    )
    versions = ask(
        "SELECT array_agg(DISTINCT privacy.sealed_key_version(held)) "
        f"FROM kyc.person CROSS JOIN LATERAL unnest(ARRAY[{columns}]::bytea[]) AS held WHERE held IS NOT NULL"
    )
    assert versions == [2]
    assert whole(emoney)
    again = rotating.rotation(emoney).reencrypt(actor="ops-1")
    assert (again.keys, again.fields, again.resumed) == (PERSONS, stored, False)


def test_who_read_just_before_still_opens_what_was_read(emoney: Emoney) -> None:
    with emoney.database.connection() as connection:
        [(row,)] = connection.execute("SELECT id FROM kyc.person WHERE external_ref = 'P-3'").fetchall()
        [(_, sealed)] = rows_of(connection, "kyc.person", ("name",), [row])
    rotating.rotation(emoney).reencrypt(actor="ops-1")
    with emoney.database.connection() as connection:
        item = SealedField(row, Place("kyc.person", "name", row), sealed["name"])
        assert emoney.vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job") == [
            "Ama Serwaa 3"
        ]


def in_small_steps(kind: str, tell: Callable[..., None]) -> None:
    """What a process of its own does."""
    rotation_module.KEYS_PER_STEP = rotation_module.ROWS_PER_STEP = 3
    with Emoney.open() as emoney:
        if kind == "reindex":
            rotating.reindex(emoney, actor="ops-1", progress=tell)
        else:
            getattr(rotating.rotation(emoney), kind)(actor="ops-1", progress=tell)


@pytest.mark.parametrize("kind", ["rewrap", "reencrypt", "reindex"])
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_run_that_was_killed_is_gone_on_with_and_counts_exactly(
    emoney: Emoney, ask: Ask, kind: str, seed: int
) -> None:
    draw = random.Random(f"{kind} {seed}")
    stored = ask("SELECT count(*) FROM privacy.sealed_row, jsonb_object_keys(versions)")
    entries = ask("SELECT count(*) FROM privacy.index_entry")
    killed = 0
    for _ in range(3):
        worker = Told(partial(in_small_steps, kind))
        for _ in range(draw.randint(1, 9)):
            if not worker.line():
                break
        killed += worker.kill() == -signal.SIGKILL
        assert whole(emoney)
    unfinished = ask("SELECT count(*) FROM privacy.rotation WHERE finished_at IS NULL")
    assert killed == 3
    run = rotating.rotation(emoney)
    if kind == "reindex":
        done = rotating.reindex(emoney, actor="ops-1")
        expected = (len(rotating.INDEXES), entries)
    elif kind == "rewrap":
        done = run.rewrap(actor="ops-1")
        expected = (PERSONS + len(rotating.INDEXES), 0)
    else:
        done = run.reencrypt(actor="ops-1")
        expected = (PERSONS, stored)
    assert done.resumed == bool(unfinished)
    assert (done.keys, done.fields) == expected
    assert set(done.left.values()) == {0}
    assert ask("SELECT count(*) FROM privacy.rotation WHERE finished_at IS NULL") == 0
    assert whole(emoney)


def test_nobody_who_reads_searches_or_enrols_meanwhile_fails(emoney: Emoney, ask: Ask) -> None:
    stop, faults, rounds = threading.Event(), [], [0, 0, 0]

    def read() -> None:
        opened(emoney, f"P-{rounds[0] % PERSONS}")
        rounds[0] += 1

    def find() -> None:
        number = rounds[1] % PERSONS
        with emoney.database.connection() as connection:
            phone = person(number)["phone"]
            found = emoney.vault.find(
                connection, search.PHONE, phone, purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7"
            )
        assert len(found) == 1
        rounds[1] += 1

    def enrol() -> None:
        emoney.kyc.enrol(person(PERSONS + rounds[2]))
        rounds[2] += 1

    def keep(act: Callable[[], None]) -> None:
        while not stop.is_set():
            try:
                act()
            except (EmoneyError, psycopg.Error, AssertionError) as error:
                faults.append(repr(error))
                return

    threads = [threading.Thread(target=keep, args=(act,)) for act in (read, find, enrol)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            rotating.rotation(emoney).rewrap(actor="ops-1")
            rotating.rotation(emoney).reencrypt(actor="ops-1")
            rotating.reindex(emoney, actor="ops-1")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    assert min(rounds) > 0
    assert whole(emoney)
    under = "SELECT count(*) FROM privacy.index_entry AS e JOIN privacy.index_key AS k "
    under += "ON (k.index_name, k.version) = (e.index_name, e.key_version) WHERE k.state <> 'active'"
    assert ask(under) == 0


def test_two_runs_at_once_share_the_work(emoney: Emoney, ask: Ask) -> None:
    stored = ask("SELECT count(*) FROM privacy.sealed_row, jsonb_object_keys(versions)")
    done: list[Any] = []

    def run() -> None:
        done.append(rotating.rotation(emoney).reencrypt(actor="ops-1"))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = {each.id for each in done}
    if len(runs) == 1:  # else the first had ended before the second began
        assert ask("SELECT (keys, fields)::text FROM privacy.rotation") == f"({PERSONS},{stored})"
    assert whole(emoney)


def test_a_field_that_does_not_open_stops_the_run_and_is_not_counted(
    emoney: Emoney, owner_url: str, ask: Ask
) -> None:
    with psycopg.connect(owner_url) as owner:
        [(row, good)] = owner.execute(
            "SELECT id, name FROM kyc.person WHERE external_ref = 'P-20'"
        ).fetchall()
        bad = bytes(good[:-1]) + bytes([good[-1] ^ 1])
        owner.execute("UPDATE kyc.person SET name = %s WHERE id = %s", (bad, row))
    with pytest.raises(CannotOpen):
        rotating.rotation(emoney).reencrypt(actor="ops-1")
    assert ask("SELECT count(*) FROM privacy.rotation WHERE finished_at IS NULL") == 1
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE kyc.person SET name = %s WHERE id = %s", (good, row))
    done = rotating.rotation(emoney).reencrypt(actor="ops-1")
    assert done.resumed
    assert whole(emoney)


def test_columns_that_nobody_mapped_are_not_passed_over(emoney: Emoney, ask: Ask) -> None:
    blind = Rotation(emoney.database, emoney.vault, MetaData())
    with pytest.raises(RotationUnfinished, match=r"kyc\.person\.address, .*jobs\.tables"):
        blind.reencrypt(actor="ops-1")
    with pytest.raises(RotationUnfinished, match=r"kyc\.person"):
        blind.reindex(rotating.INDEXES, actor="ops-1")
    assert ask("SELECT count(*) FROM privacy.rotation") == 0
    assert ask("SELECT max(version) FROM privacy.subject_key") == 1


def test_the_proof_sees_what_is_put_back_under_an_old_key(emoney: Emoney, owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        [(row, before)] = owner.execute(
            "SELECT id, phone FROM kyc.person WHERE external_ref = 'P-1'"
        ).fetchall()
    run = rotating.rotation(emoney)
    done = run.reencrypt(actor="ops-1")
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE kyc.person SET phone = %s WHERE id = %s", (before, row))
    with emoney.database.connection() as connection:
        assert run.left(connection, "re-encrypt", done.started_at)["kyc.person"] == 1


def test_destroyed_subjects_stay_and_compromised_ones_move_on(emoney: Emoney, ask: Ask) -> None:
    with emoney.database.connection() as connection:
        ids = [
            row[0]
            for row in connection.execute('SELECT id FROM kyc.person ORDER BY external_ref COLLATE "C"')
        ]
        gone, found_out = ids[0], ids[1]  # P-0 and P-1
        control = emoney.vault.control
        control.compromise(connection, KeyKind.SUBJECT_KEY, str(found_out), actor="a", reason="leaked")
        asked = control.request(
            connection, DESTROY, KeyKind.SUBJECT_KEY, str(gone), actor="a", reason="retention ended"
        )
        control.approve(connection, asked, actor="b")
        control.destroy(connection, asked)
    with pytest.raises(EmoneyError, match="compromised"):
        opened(emoney, "P-1")
    done = rotating.rotation(emoney).reencrypt(actor="ops-1")
    assert done.keys == PERSONS - 1
    assert opened(emoney, "P-1")["name"] == "Ama Serwaa 1"
    with pytest.raises(EmoneyError, match="destroyed"):
        opened(emoney, "P-0")
    assert (
        ask(
            "SELECT array_agg(state ORDER BY version)::text FROM privacy.subject_key WHERE subject = %s",
            found_out,
        )
        == "{compromised,active}"
    )


def test_reindexing_fills_what_was_never_indexed_and_drops_what_is_old(
    emoney: Emoney, owner_url: str, ask: Ask
) -> None:
    entries = ask("SELECT count(*) FROM privacy.index_entry")
    with psycopg.connect(owner_url) as owner:  # as a database from before there were indexes
        owner.execute("DELETE FROM privacy.index_entry WHERE index_name LIKE '%phone'")
    done = rotating.reindex(emoney, actor="ops-1")
    assert (done.keys, done.fields, set(done.left.values())) == (len(rotating.INDEXES), entries, {0})
    assert ask("SELECT count(*) FROM privacy.index_entry") == entries
    assert ask("SELECT array_agg(DISTINCT key_version)::text FROM privacy.index_entry") == "{2}"
    with emoney.database.connection() as connection:
        found = emoney.vault.find(
            connection, search.PHONE, person(5)["phone"], purpose=Purpose.SCREENING, actor="job"
        )
    assert found == [ask("SELECT id FROM kyc.person WHERE external_ref = 'P-5'")]


def test_who_was_enrolled_while_indexes_were_filled_anew_is_compared_again(emoney: Emoney, ask: Ask) -> None:
    """The new one is under the new key when the old one is still under the old."""
    twin = person(30) | {"external_ref": "T-1"}

    def enrol(*_: object) -> None:
        if ask("SELECT count(*) FROM kyc.person") == PERSONS:
            emoney.kyc.enrol(twin)

    rotating.reindex(emoney, actor="ops-1", progress=enrol)
    assert ask("SELECT array_agg(ground ORDER BY ground)::text FROM kyc.duplicate") == (
        "{id_number,name_birth_date,phone,tax_number}"
    )


def test_an_unusable_actor_is_refused(emoney: Emoney, ask: Ask) -> None:
    for name in ("", "a\nb", "x" * 201):
        with pytest.raises(EmoneyError, match="actor"):
            rotating.rotation(emoney).rewrap(actor=name)
    assert ask("SELECT count(*) FROM privacy.rotation") == 0

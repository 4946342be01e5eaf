import csv
import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.privacy import Purpose, open_keyring
from emoney.privacy.errors import ProcessingRestricted
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.keyring import LocalKeyring
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.pseudonyms.errors import GuessableSubject, UnknownDomain
from emoney.privacy.releases.errors import CannotAnonymise, EpochReleased, InvalidPlan, InvalidRecord
from emoney.privacy.releases.plans import Plan
from emoney.privacy.releases.release import Released, check, every, release
from emoney.privacy.rights import requests as rights

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TIERS = ("basic", "medium", "full")


def plan(pseudonyms: str | None = None, k: int = 4) -> Plan:
    return Plan.model_validate(
        {
            "name": "study",
            "purpose": "a study",
            "subject": "holder",
            "pseudonyms": pseudonyms,
            "k": k,
            "quasi_identifiers": {"age": {"hierarchy": "age", "at_most": 3}},
            "sensitive": {"tier": {"l": 2}},
        }
    )


def records(subjects: list[UUID]) -> list[dict[str, object]]:
    return [{"holder": s, "age": 20 + n % 30, "tier": TIERS[n % 3]} for n, s in enumerate(subjects)]


@pytest.fixture
def keyring(database: Database, home: Path) -> LocalKeyring:
    with database.connection() as connection:
        made = open_keyring(home, connection)
        for name in ("one", "two"):
            Pseudonyms(Providers(made), name).create(connection, purpose="a study", actor="dpo-1")
        return made


@pytest.fixture
def subjects() -> list[UUID]:
    return [new_id() for _ in range(60)]


def let_go(
    database: Database, keyring: LocalKeyring, wanted: Plan, found: list[dict[str, object]], out: Path
) -> Released:
    return release(database, Providers(keyring), wanted, found, out, actor="dpo-1", clock=lambda: NOW)[0]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def listed(database: Database) -> list[Released]:
    with database.connection() as connection:
        return every(connection)


def test_a_release_is_a_file_and_the_record_of_it(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], tmp_path: Path
) -> None:
    out = tmp_path / "out" / "study.csv"
    made = let_go(database, keyring, plan(), records(subjects), out)
    rows = read(out)
    assert list(rows[0]) == ["age", "tier"]
    assert min(Counter(row["age"] for row in rows).values()) == made.k_reached >= 4
    assert out.stat().st_mode & 0o077 == 0
    assert hashlib.sha256(out.read_bytes()).hexdigest() == made.content_hash
    assert (made.records, made.suppressed, made.released_by, made.released_at) == (60, 0, "dpo-1", NOW)
    assert made.generalised == {"age": "in ranges of 5", "tier": "as it is"}
    assert listed(database) == [made]
    assert [path.name for path in out.parent.iterdir()] == ["study.csv"]


def test_subjects_leave_as_the_pseudonyms_of_the_domain_only(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], tmp_path: Path
) -> None:
    out = tmp_path / "study.csv"
    made = let_go(database, keyring, plan("one"), records(subjects), out)
    assert (made.domain, made.epoch) == ("one", 1)
    with database.connection() as connection:
        own = Pseudonyms(Providers(keyring), "one").of(connection, subjects)
    text, rows = out.read_text(), read(out)
    assert {row["pseudonym"] for row in rows} == set(own.values())
    assert [row["pseudonym"] for row in rows] == sorted(own.values())
    of = {pseudonym: subject for subject, pseudonym in own.items()}
    tiers = {record["holder"]: record["tier"] for record in records(subjects)}
    assert all(tiers[of[row["pseudonym"]]] == row["tier"] for row in rows)
    assert not any(str(subject) in text or subject.hex in text for subject in subjects)


def test_releases_of_two_domains_cannot_be_joined(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], tmp_path: Path
) -> None:
    """By pseudonym, by any eight digits of it, or by the place in the file."""
    for name in ("one", "two"):
        let_go(database, keyring, plan(name), records(subjects), tmp_path / name)
    one, two = (read(tmp_path / name) for name in ("one", "two"))
    for start in range(25):
        parts = [{row["pseudonym"][start : start + 8] for row in side} for side in (one, two)]
        assert len(parts[0] & parts[1]) <= 1
    with database.connection() as connection:
        of = [
            {v: k for k, v in Pseudonyms(Providers(keyring), n).of(connection, subjects).items()}
            for n in ("one", "two")
        ]
    same = sum(of[0][a["pseudonym"]] == of[1][b["pseudonym"]] for a, b in zip(one, two, strict=True))
    assert same <= 9  # by chance: 1 expected, Poisson


def test_an_epochs_pseudonyms_leave_once(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], tmp_path: Path
) -> None:
    let_go(database, keyring, plan("one"), records(subjects), tmp_path / "1")
    with pytest.raises(EpochReleased, match="pseudonyms rotate one"):
        let_go(database, keyring, plan("one"), records(subjects[:30]), tmp_path / "2")
    assert not (tmp_path / "2").exists()
    with database.connection() as connection:
        Pseudonyms(Providers(keyring), "one").rotate(connection, actor="dpo-1")
    assert let_go(database, keyring, plan("one"), records(subjects), tmp_path / "3").epoch == 2
    assert {row["pseudonym"] for row in read(tmp_path / "1")}.isdisjoint(
        row["pseudonym"] for row in read(tmp_path / "3")
    )


def test_of_releases_at_once_under_one_epoch_one_is_made(
    database: Database,
    keyring: LocalKeyring,
    subjects: list[UUID],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "emoney.privacy.releases.release._demand_unreleased", lambda *_: None
    )  # all have looked before any wrote

    def attempt(number: int) -> bool:
        try:
            let_go(database, keyring, plan("one"), records(subjects), tmp_path / str(number))
        except EpochReleased:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(attempt, range(4)))
    assert sorted(made) == [False, False, False, True]
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == [str(made.index(True))]
    assert len(listed(database)) == 1


def restrict(database: Database, subjects: list[UUID], *purposes: Purpose) -> None:
    with database.connection() as connection:
        rights.restrict(connection, subjects, purposes, ground="contested", actor="dpo-1", at=NOW)


@pytest.mark.parametrize("domain", [None, "one"])
def test_whose_processing_is_restricted_is_in_no_release_and_counted(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], tmp_path: Path, domain: str | None
) -> None:
    restrict(database, subjects[:7], Purpose.AUTHORITY_REQUEST)
    restrict(database, subjects[5:6])
    restrict(database, subjects[7:9])
    with database.connection() as connection:
        rights.lift(connection, subjects[7:8], ground="settled", actor="dpo-1", at=NOW)
    out = tmp_path / "study.csv"
    own = {"holder": new_id(), "age": 99, "tier": "basic"}  # the only one of its kind
    restrict(database, [own["holder"]])  # type: ignore[list-item]
    checked = check(database, plan(domain), [*records(subjects), own])
    assert listed(database) == []
    made = let_go(database, keyring, plan(domain), [*records(subjects), own], out)
    assert (made.records, made.suppressed, made.restricted) == (52, 0, 9)
    assert (checked.restricted, len(checked.rows)) == (9, 52)
    assert listed(database) == [made]
    assert len(read(out)) == 52
    assert made.k_reached >= 4
    if domain:
        with database.connection() as connection:
            told = Pseudonyms(Providers(keyring), domain).of(connection, subjects)
        assert told.keys() == {subjects[7], *subjects[9:]}
        assert {row["pseudonym"] for row in read(out)} == set(told.values())


def test_a_restriction_that_leaves_the_releases_purpose_leaves_the_person_in(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], tmp_path: Path
) -> None:
    restrict(database, subjects[:5], Purpose.AUTHORITY_REQUEST, Purpose.SCREENING)
    wanted = plan().model_copy(update={"purpose": Purpose.AUTHORITY_REQUEST.value})
    made = let_go(database, keyring, wanted, records(subjects), tmp_path / "1")
    assert (made.records, made.restricted) == (60, 0)
    with_domain = wanted.model_copy(update={"pseudonyms": "one"})  # whose own purpose is another
    made = let_go(database, keyring, with_domain, records(subjects), tmp_path / "2")
    assert (made.records, made.restricted) == (55, 5)


def test_a_restriction_while_a_release_is_made_stops_it(
    database: Database,
    keyring: LocalKeyring,
    subjects: list[UUID],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def meanwhile(*given: object) -> object:
        result = check(*given)  # type: ignore[arg-type]
        restrict(database, subjects[:1])
        return result

    with monkeypatch.context() as patched:
        patched.setattr("emoney.privacy.releases.release.check", meanwhile)
        with pytest.raises(ProcessingRestricted, match="again"):
            let_go(database, keyring, plan("one"), records(subjects), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    assert listed(database) == []
    assert let_go(database, keyring, plan("one"), records(subjects), tmp_path / "out.csv").restricted == 1


def test_restrictions_are_asked_for_in_as_many_queries_for_many_as_for_few(
    database: Database, keyring: LocalKeyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = rights.restricted

    def counted(connection: object, subjects: list[UUID]) -> object:
        asked.append(len(subjects))
        return real(connection, subjects)  # type: ignore[arg-type]

    monkeypatch.setattr(rights, "restricted", counted)
    for count in (60, 3000):
        let_go(database, keyring, plan(), records([new_id() for _ in range(count)]), tmp_path / str(count))
    assert asked == [60, 60, 3000, 3000]


def test_what_is_refused_leaves_no_file_and_no_record(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], tmp_path: Path
) -> None:
    there = tmp_path / "there.csv"
    there.write_text("kept")
    out = tmp_path / "out.csv"
    guessable = [{"holder": UUID(int=n), "age": 20, "tier": TIERS[n % 3]} for n in range(9)]
    for error, wanted, found, path in (
        (CannotAnonymise, plan(k=61), records(subjects), out),
        (InvalidRecord, plan(), [{"holder": "x", "age": 1, "tier": "y"}], out),
        (UnknownDomain, plan("nowhere"), records(subjects), out),
        (GuessableSubject, plan("one"), guessable, out),
        (InvalidPlan, plan(), records(subjects), there),
    ):
        with pytest.raises(error):
            let_go(database, keyring, wanted, found, path)
    with pytest.raises(InvalidRequest):
        release(database, Providers(keyring), plan(), records(subjects), out, actor="two words")
    assert not out.exists()
    assert there.read_text() == "kept"
    assert listed(database) == []
    assert {path.name for path in tmp_path.iterdir()} == {"home", "there.csv"}


def test_a_record_that_cannot_be_committed_leaves_no_file(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], owner_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON privacy.release DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    with pytest.raises(psycopg.Error, match="disk full"):
        let_go(database, keyring, plan(), records(subjects), tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_the_database_itself_refuses_a_release_below_its_k(database: Database) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), database.connection() as connection:
        connection.execute(
            "INSERT INTO privacy.release (id, plan, plan_hash, purpose, records, suppressed, k_wanted,"
            ' k_reached, "sensitive", generalised, content_hash, released_by, released_at)'
            " VALUES (gen_random_uuid(), %s, sha256('p'), 'p', 9, 0, 5, 4, '{}', '{}', sha256('c'), 'dpo-1',"
            " now())",
            ("study",),
        )


def test_a_release_is_in_the_proof_log(
    database: Database, keyring: LocalKeyring, subjects: list[UUID], owner_url: str, tmp_path: Path
) -> None:
    let_go(database, keyring, plan("one"), records(subjects), tmp_path / "out.csv")
    (tmp_path / "log").mkdir()
    key = SigningKey.create(tmp_path / "log", "wallet.example/ledger")
    seal(database, key)
    with database.connection() as connection:
        assert audit(connection, key.public).sound
    for statement in ("UPDATE privacy.release SET k_reached = 99", "DELETE FROM privacy.release"):
        with pytest.raises(psycopg.Error), database.connection() as connection:
            connection.execute(statement)
        with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.Error):
            owner.execute(statement)
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE privacy.release SET released_by = 'nobody'")
    with database.connection() as connection:
        found = audit(connection, key.public)
    assert any(each.what == "altered" and "privacy.release" in each.subject for each in found.findings)

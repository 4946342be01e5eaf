import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import NAMESPACE_DNS, UUID, uuid1, uuid3, uuid4, uuid5

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import content_id, new_id
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import open_keyring
from emoney.privacy.errors import CannotOpen, KeyUnavailable
from emoney.privacy.keys import keks
from emoney.privacy.keys.keks import Providers
from emoney.privacy.keys.keyring import LocalKeyring
from emoney.privacy.keys.providers.protocol import KeyUse
from emoney.privacy.pseudonyms.domains import (
    SUBJECTS_MAX,
    Pseudonyms,
    _checked_subject,
    domains,
    forget,
    held,
    rewrap,
)
from emoney.privacy.pseudonyms.errors import GuessableSubject, InvalidDomain, TooManySubjects, UnknownDomain
from emoney.privacy.rights import requests as rights

Maker = Callable[..., Pseudonyms]


@pytest.fixture
def keyring(database: Database, home: Path) -> LocalKeyring:
    with database.connection() as connection:
        return open_keyring(home, connection)


@pytest.fixture
def made(database: Database, keyring: LocalKeyring) -> Maker:
    def make(name: str, reversible: bool = False) -> Pseudonyms:
        pseudonyms = Pseudonyms(Providers(keyring), name)
        with database.connection() as connection:
            pseudonyms.create(connection, purpose="a study", reversible=reversible, actor="dpo-1")
        return pseudonyms

    return make


def of(database: Database, pseudonyms: Pseudonyms, subjects: list[UUID], epoch: int | None = None) -> dict:
    with database.connection() as connection:
        return pseudonyms.of(connection, subjects, epoch=epoch)


@pytest.mark.parametrize("reversible", [False, True])
def test_a_subject_keeps_its_pseudonym_within_domain_and_epoch(
    database: Database, made: Maker, reversible: bool
) -> None:
    study = made("study", reversible)
    subjects = [new_id() for _ in range(50)]
    first = of(database, study, subjects)
    assert of(database, study, [*subjects[::-1], new_id()]).items() >= first.items()
    assert len(set(first.values())) == 50
    assert all(len(value) == 32 and int(value, 16) >= 0 for value in first.values())


@pytest.mark.parametrize("reversible", [False, True])
def test_whose_processing_is_restricted_gets_no_pseudonym_and_is_told_none(
    database: Database, made: Maker, owner_url: str, reversible: bool
) -> None:
    study, subjects = made("study", reversible), [new_id() for _ in range(6)]
    before = of(database, study, subjects[:3])
    with database.connection() as connection:
        rights.restrict(connection, subjects[2:4], [], ground="contested", actor="dpo-1", at=system_clock())
    assert of(database, study, subjects).keys() == {*subjects[:2], *subjects[4:]}
    assert of(database, study, subjects[2:4]) == {}
    with psycopg.connect(owner_url) as owner:
        [(tokens,)] = owner.execute("SELECT count(*) FROM privacy.pseudonym_token").fetchall()
    assert tokens == (5 if reversible else 0)
    with database.connection() as connection:
        rights.lift(connection, subjects[2:4], ground="settled", actor="dpo-1", at=system_clock())
    after = of(database, study, subjects)
    assert after.keys() == set(subjects)
    assert after.items() >= before.items()


@pytest.mark.parametrize("reversible", [False, True])
def test_an_epoch_has_new_pseudonyms_and_the_old_ones_stay(
    database: Database, made: Maker, reversible: bool
) -> None:
    study, subjects = made("study", reversible), [new_id() for _ in range(20)]
    before = of(database, study, subjects)
    with database.connection() as connection:
        assert study.rotate(connection, actor="dpo-1") == 2
    after = of(database, study, subjects)
    assert set(before.values()).isdisjoint(after.values())
    assert of(database, study, subjects, epoch=1) == before
    with database.connection() as connection:
        assert [(found.name, found.epoch) for found in domains(connection)] == [("study", 2)]


@pytest.mark.parametrize("kinds", [(False, False), (False, True), (True, True)])
def test_two_domains_cannot_be_joined(database: Database, made: Maker, kinds: tuple[bool, bool]) -> None:
    """By value, by any part of it, by the order of the rows or by rank: only the size of the sets agrees."""
    subjects = [new_id() for _ in range(2000)]
    one, two = (of(database, made(f"d{n}", kind), subjects) for n, kind in enumerate(kinds))
    for width in (8, 12, 16, 32):  # any eight digits agree by chance in 4e6 pairs about once in 1000 runs
        for start in (0, 32 - width):
            parts = [{value[start : start + width] for value in side.values()} for side in (one, two)]
            assert len(parts[0] & parts[1]) <= (1 if width == 8 else 0)
    joined_by_position = sum(a == b for a, b in zip(one, two, strict=True))
    assert joined_by_position <= 12  # rows joined by chance: 1 expected, Poisson
    for digit in range(32):
        ranks = {subject: value[digit] for subject, value in one.items()}
        agree = sum(ranks[subject] == value[digit] for subject, value in two.items())
        assert 60 <= agree <= 200  # 125 expected, standard deviation 11


def test_answers_do_not_carry_the_order_of_the_subjects(database: Database, made: Maker) -> None:
    subjects = [new_id() for _ in range(100)]
    found = of(database, made("study"), subjects)
    assert list(found.values()) == sorted(found.values())
    assert list(found) != subjects


def test_the_key_of_one_domain_or_epoch_does_not_serve_another(
    database: Database, keyring: LocalKeyring, made: Maker
) -> None:
    made("one")
    with database.connection() as connection:
        wrapped, kek = connection.execute("SELECT wrapped, kek FROM privacy.pseudonym_epoch").fetchone()
        connection.execute(
            "INSERT INTO privacy.pseudonym_domain VALUES ('two', 'a study', false, 'thief-1', now())"
        )
        connection.execute(
            "INSERT INTO privacy.pseudonym_epoch"
            " (id, domain, epoch, reversible, wrapped, kek, started_by, started_at) VALUES"
            " (gen_random_uuid(), 'two', 1, false, %s, %s, 'thief-1', now()),"
            " (gen_random_uuid(), 'one', 2, false, %s, %s, 'thief-1', now())",
            (wrapped, kek, wrapped, kek),
        )
    for name in ("one", "two"):
        with pytest.raises(CannotOpen):
            of(database, Pseudonyms(Providers(keyring), name), [new_id()])


def test_another_keyring_makes_no_pseudonyms(database: Database, made: Maker, tmp_path: Path) -> None:
    made("study")
    (tmp_path / "other").mkdir()
    other = Pseudonyms(Providers(LocalKeyring.create_at(tmp_path / "other")), "study")
    with pytest.raises(KeyUnavailable):
        of(database, other, [new_id()])


@given(st.uuids(version=4))
def test_random_subjects_are_taken_and_nothing_else_is_guessed_at(subject: UUID) -> None:
    noise = subject.hex[17:]
    if len(set(noise)) >= 3 and not noise.startswith("0" * 6):
        assert _checked_subject(subject) == subject
    elif noise.startswith("0" * 10) or len(set(noise)) < 3:
        with pytest.raises(GuessableSubject):
            _checked_subject(subject)


def test_ids_of_this_library_are_random_enough() -> None:
    for _ in range(10_000):
        _checked_subject(new_id())
        _checked_subject(uuid4())


@pytest.mark.parametrize(
    "subject",
    [
        UUID(int=0),
        uuid1(),
        uuid3(NAMESPACE_DNS, "254700000001"),
        uuid5(NAMESPACE_DNS, "254700000001"),
        content_id(b"254700000001"),
        UUID("00000000-0000-4000-8000-000000000017"),
        UUID("018f0000-0000-7000-8000-000254700001"),
        UUID("aaaaaaaa-aaaa-4aaa-aaaa-aaaaaaaaaaaa"),
        "254700000001",
        254700000001,
        None,
    ],
)
def test_what_could_be_found_by_trying_is_refused(database: Database, made: Maker, subject: object) -> None:
    with pytest.raises(GuessableSubject) as refused:
        of(database, made("study"), [new_id(), subject])
    assert "254700" not in str(refused.value)


def test_bad_input_is_refused_before_anything_is_written(
    database: Database, keyring: LocalKeyring, made: Maker
) -> None:
    for name in ("", "Study", "1st", "a b", "x" * 64, "a\0", "étude", None):
        with pytest.raises(InvalidDomain):
            Pseudonyms(Providers(keyring), name)
    study = Pseudonyms(Providers(keyring), "study")
    with database.connection() as connection:
        for purpose in ("", "  ", "x" * 201, "a\nb", None):
            with pytest.raises(InvalidDomain):
                study.create(connection, purpose=purpose, actor="dpo-1")
        for actor in ("", "a b", "x" * 101, "dpo\u00a01", None):
            with pytest.raises(InvalidRequest):
                study.create(connection, purpose="a study", actor=actor)
        for call in (
            lambda: study.of(connection, [new_id()]),
            lambda: study.rotate(connection, actor="dpo-1"),
        ):
            with pytest.raises(UnknownDomain):
                call()
        assert domains(connection) == []
        study.create(connection, purpose="a study", actor="dpo-1")
        with pytest.raises(InvalidDomain, match="already"):
            study.create(connection, purpose="a study", actor="dpo-1")
        for epoch in (0, -1, 2, 1 << 40):
            with pytest.raises(UnknownDomain):
                study.of(connection, [new_id()], epoch=epoch)
        with pytest.raises(TooManySubjects):
            study.of(connection, [new_id()] * (SUBJECTS_MAX + 1))
        assert study.of(connection, []) == {}


def test_callers_at_once_agree_on_tokens_and_epochs(database: Database, made: Maker) -> None:
    study, subjects = made("study", True), [new_id() for _ in range(200)]

    def rotate(_: int) -> int:
        with database.connection() as connection:
            return study.rotate(connection, actor="dpo-1")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: of(database, study, subjects[:: 1 if n % 2 else -1]), range(4)))
        assert sorted(pool.map(rotate, range(4))) == [2, 3, 4, 5]
    assert all(answer == answers[0] for answer in answers)


def test_the_application_cannot_read_or_change_what_tokens_stand_for(database: Database, made: Maker) -> None:
    of(database, made("study", True), [new_id()])
    for statement in (
        "SELECT * FROM privacy.pseudonym_token",
        "INSERT INTO privacy.pseudonym_token VALUES ('study', 1, gen_random_uuid(), '\\x00', true, now())",
        "UPDATE privacy.pseudonym_epoch SET epoch = 9",
        "DELETE FROM privacy.pseudonym_epoch",
        "DELETE FROM privacy.pseudonym_domain",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connection() as connection:
            connection.execute(statement)


def test_tokens_are_counted_in_a_transaction_that_may_not_write(
    database: Database, made: Maker, owner_url: str
) -> None:
    subjects = [new_id() for _ in range(4)]
    study = made("study", True)
    of(database, study, subjects[:3])
    of(database, made("other", True), subjects[:1])
    with database.connection() as connection:
        study.rotate(connection, actor="dpo-1")
        study.of(connection, subjects[2:])
    with database.connection() as connection:
        connection.execute("SET TRANSACTION READ ONLY")
        assert held(connection, subjects) == 6
        assert [held(connection, [each]) for each in subjects] == [2, 1, 2, 1]
        assert held(connection, [*subjects[:1], *subjects[:1], new_id()]) == 2
        assert held(connection, []) == 0
    with database.connection() as connection:
        assert forget(connection, subjects[0]) == 2
        assert held(connection, subjects) == 4
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE ROLE counting_stranger")
        owner.execute("GRANT USAGE ON SCHEMA privacy TO counting_stranger")
        owner.execute("SET ROLE counting_stranger")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("SELECT privacy.held_tokens_v1('{}')")
        owner.rollback()


def test_no_key_is_stored_in_the_clear(
    database: Database, made: Maker, keyring: LocalKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[bytes] = []
    real = os.urandom
    monkeypatch.setattr(os, "urandom", lambda n: drawn.append(real(n)) or drawn[-1])
    made("study")
    with database.connection() as connection:
        [(wrapped,)] = connection.execute("SELECT wrapped FROM privacy.pseudonym_epoch").fetchall()
    keys = [value for value in drawn if len(value) == 32]
    assert keys
    assert not any(key in wrapped for key in keys)


def test_a_domain_and_its_first_epoch_come_together_or_not_at_all(
    database: Database, keyring: LocalKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> bytes:
        raise KeyUnavailable("the key service is down")

    study = Pseudonyms(Providers(keyring), "study")
    with monkeypatch.context() as patched:
        patched.setattr(LocalKeyring, "wrap", down)
        with pytest.raises(KeyUnavailable), database.connection() as connection:
            study.create(connection, purpose="a study", actor="dpo-1")
    with database.connection() as connection:
        assert study.create(connection, purpose="a study", actor="dpo-1").epoch == 1


def test_a_key_moves_to_another_key_encryption_key_and_the_pseudonyms_stay(
    database: Database, keyring: LocalKeyring, owner_url: str
) -> None:
    providers, subjects = Providers(keyring), [new_id() for _ in range(5)]
    study = Pseudonyms(providers, "study")
    with database.connection() as connection:
        for name, reversible in (("study", False), ("random", True)):
            domain = Pseudonyms(providers, name)
            domain.create(connection, purpose="a study", reversible=reversible, actor="dpo-1")
        study.rotate(connection, actor="dpo-1")
    before = [of(database, study, subjects, epoch) for epoch in (1, 2)]
    with database.connection() as connection:
        assert rewrap(connection, providers, system_clock) == 0
        [former] = connection.execute("SELECT DISTINCT kek FROM privacy.pseudonym_epoch WHERE NOT reversible")
        keks.succeed(connection, providers, KeyUse.PSEUDONYM_KEYS, system_clock)
        connection.execute(
            "INSERT INTO privacy.rotation (id, kind, actor, started_at)"
            " VALUES (%s, 'rewrap', 'ops-1', now())",
            (new_id(),),
        )
        assert rewrap(connection, providers, system_clock) == 2
        assert rewrap(connection, providers, system_clock) == 0
        [now] = connection.execute("SELECT DISTINCT kek FROM privacy.pseudonym_epoch WHERE NOT reversible")
    assert now != former
    assert [of(database, study, subjects, epoch) for epoch in (1, 2)] == before
    for change in ("wrapped = decode(repeat('00', 61), 'hex')", "kek = 'another'", "epoch = 7"):
        with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.errors.IntegrityError):
            owner.execute(f"UPDATE privacy.pseudonym_epoch SET {change} WHERE NOT reversible AND epoch = 2")

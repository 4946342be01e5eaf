import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import (
    CannotOpen,
    ClearField,
    LocalKeyring,
    Place,
    Purpose,
    Sealed,
    SealedField,
    Vault,
    open_keyring,
)
from emoney.privacy.errors import InvalidField, TooManyFields, UnknownPurpose
from emoney.privacy.vault.vault import FIELDS_MAX, VALUE_BYTES_MAX

Opener = Callable[..., str]

SECRET = "Adjoa Quansah-Ofori"

per_test = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=40,
)

values = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=1000
).filter(lambda value: len(value.encode()) <= VALUE_BYTES_MAX)


class CountingKeyring(LocalKeyring):
    """A keyring that counts what is asked of it."""

    unwraps = 0

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        self.unwraps += 1
        return super().unwrap(wrapped, kek=kek, context=context)


@pytest.fixture
def sealed(database: Database, vault: Vault, subject: UUID, place: Place) -> Sealed:
    with database.connection() as connection:
        return vault.seal(connection, subject=subject, place=place, value=SECRET)


@per_test
@given(st.lists(values, min_size=1, max_size=10))
def test_what_is_sealed_opens_again(database: Database, vault: Vault, texts: list[str]) -> None:
    subjects = [new_id() for _ in range(3)]
    fields = [
        ClearField(subjects[number % 3], Place("kyc.person", "name", new_id()), text)
        for number, text in enumerate(texts)
    ]
    with database.connection() as connection:
        sealed = vault.seal_many(connection, fields)
        opened = vault.open(
            connection,
            [SealedField(clear.subject, clear.place, it) for clear, it in zip(fields, sealed, strict=True)],
            purpose=Purpose.SCREENING,
            actor="job",
        )
    assert opened == texts
    for text, it in zip(texts, sealed, strict=True):
        assert (
            len(text.encode()) < 4 or text.encode() not in it.ciphertext
        )  # fewer bytes may appear by chance


def test_the_same_value_seals_to_different_bytes_of_the_same_length(
    database: Database, vault: Vault, subject: UUID, place: Place
) -> None:
    with database.connection() as connection:
        sealed = [
            vault.seal(connection, subject=subject, place=place, value=value)
            for value in ("Esi", "Esi", SECRET, "x" * 30, "x" * 31)
        ]
    assert len({it.ciphertext for it in sealed}) == 5
    assert [len(it.ciphertext) for it in sealed] == [102, 102, 102, 102, 134]


@pytest.mark.parametrize("moved", ["row", "column", "table", "subject", "subject without a key"])
def test_a_ciphertext_opens_only_where_it_was_sealed(
    database: Database,
    vault: Vault,
    subject: UUID,
    place: Place,
    sealed: Sealed,
    open_one: Opener,
    moved: str,
) -> None:
    other = new_id()
    if moved != "subject without a key":
        with database.connection() as connection:
            elsewhere = dataclasses.replace(place, row=other)
            vault.seal(connection, subject=other, place=elsewhere, value="someone else")
    whose = other if moved.startswith("subject") else subject
    elsewhere = {
        "row": dataclasses.replace(place, row=new_id()),
        "column": dataclasses.replace(place, column="address"),
        "table": dataclasses.replace(place, table="kyc.evidence"),
    }.get(moved, place)
    assert open_one(subject, place, sealed) == SECRET
    with pytest.raises(CannotOpen) as failure:
        open_one(whose, elsewhere, sealed)
    assert str(failure.value) == str(CannotOpen())
    assert failure.value.__suppress_context__ or failure.value.__context__ is None


def test_names_do_not_lend_each_other_bytes(
    database: Database, vault: Vault, subject: UUID, open_one: Opener
) -> None:
    row = new_id()
    with database.connection() as connection:
        sealed = vault.seal(connection, subject=subject, place=Place("kyc.a", "bc", row), value=SECRET)
    with pytest.raises(CannotOpen):
        open_one(subject, Place("kyc.ab", "c", row), sealed)


def test_no_truncated_or_extended_ciphertext_opens(
    vault: Vault, subject: UUID, place: Place, sealed: Sealed, database: Database
) -> None:
    raw = sealed.ciphertext
    cut = [raw[:length] for length in range(len(raw))] + [raw[start:] for start in range(1, len(raw))]
    with database.connection() as connection:
        for altered in [*cut, raw + b"\0", raw + bytes(32)]:
            with pytest.raises(CannotOpen, match="damaged or does not belong here"):
                _open(vault, connection, subject, place, altered)


def test_no_altered_bit_opens(
    vault: Vault, subject: UUID, place: Place, sealed: Sealed, database: Database
) -> None:
    with database.connection() as connection:
        for bit in range(len(sealed.ciphertext) * 8):
            altered = bytearray(sealed.ciphertext)
            altered[bit // 8] ^= 1 << bit % 8
            with pytest.raises(CannotOpen, match="damaged or does not belong here"):
                _open(vault, connection, subject, place, bytes(altered))


@per_test
@given(raw=st.binary(max_size=300))
def test_noise_does_not_open(
    vault: Vault, subject: UUID, place: Place, database: Database, raw: bytes
) -> None:
    with database.connection() as connection, pytest.raises(CannotOpen):
        _open(vault, connection, subject, place, raw)


@pytest.mark.parametrize(
    "value",
    ["", "x" * 4097, "\u20ac" * 1366, f"{SECRET}\0", f"{SECRET}\ud800", None, 7, SECRET.encode()],
    ids=["empty", "4097 bytes", "4098 bytes", "NUL", "lone surrogate", "None", "number", "bytes"],
)
def test_unfit_values_are_refused_without_being_shown(
    database: Database, vault: Vault, subject: UUID, place: Place, value: str
) -> None:
    with database.connection() as connection:
        with pytest.raises(InvalidField) as refused:
            vault.seal(connection, subject=subject, place=place, value=value)
        assert _count(connection, "privacy.subject_key") == 0
    assert "kyc.person.name" in str(refused.value)
    assert SECRET not in repr(refused.value)
    assert refused.value.__context__ is None  # a codec's error holds the value


def test_the_longest_value_is_taken(
    database: Database, vault: Vault, subject: UUID, place: Place, open_one: Opener
) -> None:
    longest = "\u20ac" * 1365 + "x"
    with database.connection() as connection:
        sealed = vault.seal(connection, subject=subject, place=place, value=longest)
    assert len(longest.encode()) == VALUE_BYTES_MAX
    assert open_one(subject, place, sealed) == longest


def test_each_opened_field_is_logged_with_purpose_and_actor(
    database: Database, vault: Vault, subject: UUID, place: Place, sealed: Sealed
) -> None:
    with database.connection() as connection:
        item = SealedField(subject, place, sealed)
        vault.open(connection, [item, item], purpose=Purpose.SUSPICION_REPORT, actor="officer-2")
        rows = connection.execute(
            "SELECT actor, purpose, table_name, column_name, row_id, subject FROM privacy.opening"
        ).fetchall()
    assert rows == [("officer-2", "suspicion report", "kyc.person", "name,name", place.row, subject)]


def test_a_purpose_and_an_actor_are_required(
    database: Database, vault: Vault, subject: UUID, place: Place, sealed: Sealed
) -> None:
    items = [SealedField(subject, place, sealed)]
    with database.connection() as connection:
        for purpose in ("curiosity", "", None):
            with pytest.raises(UnknownPurpose, match="customer service"):
                vault.open(connection, items, purpose=purpose, actor="clerk-7")  # type: ignore[arg-type]
        for actor in ("", "x" * 201, "two\nlines", None):
            with pytest.raises(InvalidRequest, match="1 to 200"):
                vault.open(connection, items, purpose=Purpose.SCREENING, actor=actor)  # type: ignore[arg-type]
        assert _count(connection, "privacy.opening") == 0


@pytest.mark.parametrize("role", ["application", "owner"])
@pytest.mark.parametrize("table", ["privacy.opening", "privacy.key_event"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET actor = 'nobody'", "DELETE FROM {}", "TRUNCATE {}"],
    ids=lambda it: it.split()[0],
)
def test_the_logs_cannot_be_changed(
    database: Database, owner_url: str, vault: Vault, open_one: Opener, subject: UUID, place: Place,
    sealed: Sealed, role: str, table: str, statement: str,
) -> None:  # fmt: skip
    open_one(subject, place, sealed)
    with psycopg.connect(owner_url) as connection:
        if role == "application":
            connection.execute("SET ROLE emoney_app")
        with pytest.raises(psycopg.Error):
            connection.execute(statement.format(table).encode())
        connection.rollback()
    with database.connection() as again:
        assert _count(again, table) == (1 if table == "privacy.opening" else 2)  # key events: the KEK's too


def test_one_unwrap_for_each_subject_of_a_bulk_opening(database: Database, home: Path, vault: Vault) -> None:
    subjects = [new_id() for _ in range(5)]
    fields = [
        ClearField(subject, Place("kyc.person", column, subject), SECRET)
        for subject in subjects
        for column in ("name", "phone", "address")
    ]
    with database.connection() as connection:
        sealed = vault.seal_many(connection, fields)
    items = [SealedField(clear.subject, clear.place, it) for clear, it in zip(fields, sealed, strict=True)]
    provider = CountingKeyring.load(home)
    assert isinstance(provider, CountingKeyring)
    fresh = Vault(provider)
    with database.connection() as connection:
        opened = fresh.open(connection, items, purpose=Purpose.SCREENING, actor="job")
        fresh.open(connection, items, purpose=Purpose.SCREENING, actor="job")
    assert opened == [SECRET] * 15
    assert provider.unwraps == 5


def test_a_cache_of_one_key_still_opens_everything(database: Database, home: Path) -> None:
    with database.connection() as connection:
        vault = Vault(open_keyring(home, connection), cache_keys_max=1)
        fields = [ClearField(new_id(), Place("kyc.person", "name", new_id()), str(n)) for n in range(5)]
        sealed = vault.seal_many(connection, fields)
        items = [SealedField(c.subject, c.place, s) for c, s in zip(fields, sealed, strict=True)]
        assert vault.open(connection, items, purpose=Purpose.SCREENING, actor="job") == list("01234")


def test_too_many_fields_are_refused(database: Database, vault: Vault, subject: UUID, place: Place) -> None:
    field = ClearField(subject, place, SECRET)
    with database.connection() as connection, pytest.raises(TooManyFields, match="100001 fields"):
        vault.seal_many(connection, [field] * (FIELDS_MAX + 1))


def test_nothing_to_do_is_fine(database: Database, vault: Vault) -> None:
    with database.connection() as connection:
        assert vault.seal_many(connection, []) == []
        assert vault.open(connection, [], purpose=Purpose.SCREENING, actor="job") == []


@pytest.mark.parametrize("table", ["", "x" * 101, "k\u00fcc.person"])
def test_a_place_has_proper_names(table: str) -> None:
    with pytest.raises(InvalidField):
        Place(table, "name", new_id())
    with pytest.raises(InvalidField, match="UUID"):
        Place("kyc.person", "name", "7")  # type: ignore[arg-type]


def test_concurrent_first_seals_of_a_subject_share_one_key(
    database: Database, vault: Vault, open_one: Opener
) -> None:
    subjects = [new_id() for _ in range(20)]
    callers = 6
    together = threading.Barrier(callers)
    results: list[tuple[ClearField, Sealed]] = []
    failures: list[BaseException] = []

    def first_seal(caller: int) -> None:
        ordered = subjects[caller:] + subjects[:caller]
        fields = [ClearField(it, Place("kyc.person", "name", new_id()), f"{caller}-{it}") for it in ordered]
        try:
            together.wait()
            with database.connection() as connection:
                sealed = vault.seal_many(connection, fields)
            results.extend(zip(fields, sealed, strict=True))
        except BaseException as error:  # shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=first_seal, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(results) == callers * len(subjects)
    for clear, sealed in results:
        assert open_one(clear.subject, clear.place, sealed) == clear.value
    with database.connection() as connection:
        assert _count(connection, "privacy.subject_key") == len(subjects)
        assert _count(connection, "privacy.key_event") == len(subjects) + 1  # and the KEK's


def test_a_key_of_a_rolled_back_transaction_is_not_used_again(
    database: Database, vault: Vault, subject: UUID, place: Place, open_one: Opener, home: Path
) -> None:
    with database.connection() as connection:
        vault.seal(connection, subject=subject, place=place, value="lost")
        connection.rollback()
    with database.connection() as connection:
        sealed = vault.seal(connection, subject=subject, place=place, value=SECRET)
    fresh = Vault(LocalKeyring.load(home))
    with database.connection() as connection:
        assert _open(fresh, connection, subject, place, sealed.ciphertext) == [SECRET]


def _open(
    vault: Vault, connection: psycopg.Connection[tuple[object, ...]], subject: UUID, place: Place, raw: bytes
) -> list[str]:
    items = [SealedField(subject, place, Sealed(raw))]
    return vault.open(connection, items, purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7")


def _count(connection: psycopg.Connection[tuple[object, ...]], table: str) -> object:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row
    return row[0]

"""Blind indexes: equal values are found by one probe, near-unique ones only, and no value is told."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import BlindIndex, ClearField, IndexEntry, Place, Purpose, Vault
from emoney.privacy.assessment import report as assessment
from emoney.privacy.errors import IndexRefused, InvalidField, KeyCompromised, KeyDestroyed
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.search import leakage
from emoney.privacy.search.blind_index import FOUND_MAX, spellings

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


def folded(phone: str | None) -> Sequence[str]:
    return ["".join(sign for sign in phone if sign.isdigit())] if phone else []


def declared(**changed: Any) -> BlindIndex:
    given_: dict[str, Any] = {
        "name": "kyc.person.phone",
        "table": "kyc.person",
        "columns": ("phone",),
        "normalise": folded,
        "value_bits": 26.0,
        "reason": "numbers are given once",
    }
    return BlindIndex(**(given_ | changed))


PHONE = declared()


def enrol(database: Database, vault: Vault, phones: Sequence[str]) -> list[UUID]:
    """Persons of whom a phone is known, sealed and indexed."""
    people = [new_id() for _ in phones]
    with database.connection() as connection:
        clear = [
            ClearField(person, Place("kyc.person", "phone", person), phone)
            for person, phone in zip(people, phones, strict=True)
        ]
        for item, sealed in zip(clear, vault.seal_many(connection, clear), strict=True):
            connection.execute(
                "INSERT INTO kyc.person (id, external_ref, phone, enrolled_at) VALUES (%s, %s, %s, %s)",
                (item.subject, str(item.subject), sealed.ciphertext, NOW),
            )
        entries = [IndexEntry(item.subject, item.subject, (item.value,)) for item in clear]
        assert vault.indexes.fill(connection, {PHONE: entries}) == len(phones)
    return people


def find(database: Database, vault: Vault, phone: str) -> list[UUID]:
    with database.connection() as connection:
        return vault.find(connection, PHONE, phone, purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"value_bits": 23.9}, "give them away"),
        ({"value_bits": 1.0, "name": "kyc.person.sex"}, "near-unique"),
        ({"bits": 16}, "32 to 256 bits"),
        ({"bits": 100}, "whole bytes"),
        ({"bits": 264}, "32 to 256 bits"),
        ({"columns": ()}, "columns"),
        ({"reason": ""}, "reason"),
        ({"name": "x" * 101}, "100 characters"),
        ({"rows_per_value": 40}, "1 to 2 rows"),
    ],
)
def test_what_tells_too_much_is_refused_when_declared(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(IndexRefused, match=told):
        declared(**changed)


def test_found_in_any_spelling_and_nobody_else(database: Database, vault: Vault) -> None:
    ama, kofi, _ = enrol(database, vault, ["+233 24 477 1902", "+233 24 477 1903", "+233244771904"])
    assert find(database, vault, "+233-244-771-902") == [ama]
    assert find(database, vault, "00233244771903"[2:]) == [kofi]
    assert find(database, vault, "+233244779999") == []


def test_a_search_is_logged_and_an_unapproved_purpose_finds_nothing(
    database: Database, vault: Vault, owner_url: str
) -> None:
    [ama] = enrol(database, vault, ["+233244771902"])
    assert find(database, vault, "+233244771902") == [ama]
    with psycopg.connect(owner_url) as owner:
        logged = owner.execute("SELECT actor, column_name, row_id FROM privacy.opening").fetchall()
    assert logged == [("clerk-7", "phone", ama)]


def test_codes_are_cut_as_declared_and_no_bare_hash(database: Database, vault: Vault, owner_url: str) -> None:
    enrol(database, vault, ["+233244771902"])
    with database.connection() as connection:
        long = vault.indexes.sealing_key(connection, PHONE)
    assert len(long.code(declared(bits=64), "x")) == 8
    with psycopg.connect(owner_url) as owner:
        [(code,)] = owner.execute("SELECT code FROM privacy.index_entry").fetchall()
    assert len(code) == 16
    for bare in ("sha256", "sha1", "md5"):
        for value in (b"233244771902", b"+233244771902"):
            assert not hmac.digest(b"", value, bare).startswith(code)


def test_equal_values_have_other_codes_in_other_indexes(database: Database, vault: Vault) -> None:
    other = declared(name="kyc.person.mobile")
    with database.connection() as connection:
        keys = vault.indexes.sealing_keys(connection, [PHONE, other])
    assert keys[PHONE.name].code(PHONE, "1") != keys[other.name].code(other, "1")
    assert keys[PHONE.name].code(PHONE, "1") != keys[PHONE.name].code(other, "1")


def test_an_entry_that_was_exchanged_names_nobody(database: Database, vault: Vault, owner_url: str) -> None:
    ama, kofi = enrol(database, vault, ["+233244771902", "+233244771903"])
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "UPDATE privacy.index_entry AS mine SET row_id = other.row_id, subject = other.subject "
            "FROM (SELECT * FROM privacy.index_entry) AS other WHERE other.row_id <> mine.row_id"
        )
        swapped = owner.execute(
            "SELECT array_agg(row_id ORDER BY row_id) FROM privacy.index_entry"
        ).fetchone()
    assert swapped == (sorted([ama, kofi]),)
    assert find(database, vault, "+233244771902") == []
    assert find(database, vault, "+233244771903") == []


def test_a_changed_value_is_found_by_the_new_one_only(database: Database, vault: Vault) -> None:
    [ama] = enrol(database, vault, ["+233244771902"])
    with database.connection() as connection:
        place = Place("kyc.person", "phone", ama)
        sealed = vault.seal(connection, subject=ama, place=place, value="+233200000001")
        connection.execute("UPDATE kyc.person SET phone = %s WHERE id = %s", (sealed.ciphertext, ama))
        vault.indexes.replace(connection, {PHONE: [IndexEntry(ama, ama, ("+233200000001",))]})
    assert find(database, vault, "+233244771902") == []
    assert find(database, vault, "+233200000001") == [ama]


def test_a_forgotten_subject_is_found_no_more(database: Database, vault: Vault) -> None:
    ama, kofi = enrol(database, vault, ["+233244771902", "+233244771903"])
    with database.connection() as connection:
        assert vault.indexes.forget_subject(connection, ama) == 1
    assert find(database, vault, "+233244771902") == []
    assert find(database, vault, "+233244771903") == [kofi]


def test_what_many_share_is_bounded(database: Database, vault: Vault) -> None:
    people = enrol(database, vault, ["+233244771902"] * (FOUND_MAX + 5))
    with database.connection() as connection:
        assert len(vault.indexes.candidates(connection, PHONE, "+233244771902")) == FOUND_MAX
        pairs = vault.indexes.pairs(connection, [PHONE], people[:1], most=10)
    assert len(pairs) == 10
    assert all(one < other and people[0] in (one, other) for one, other, _ in pairs)


def test_one_probe_of_the_index_and_no_scan(database: Database, vault: Vault, owner_url: str) -> None:
    enrol(database, vault, [f"+23324{number:07d}" for number in range(3000)])
    sent: list[tuple[Any, Any]] = []
    with psycopg.connect(owner_url) as owner:
        owner.execute("ANALYZE privacy.index_entry")
    with database.connection() as connection:

        class Recording(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> "Recording":
                sent.append((query, params))
                return super().execute(query, params, **options)

        connection.cursor_factory = Recording
        [_] = vault.indexes.candidates(connection, PHONE, "+233240000007")
        connection.cursor_factory = psycopg.Cursor
        [(query, about)] = [each for each in sent if "index_entry AS entry" in str(each[0])]
        plan = connection.execute("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + query, about).fetchall()
    told = "\n".join(row[0] for row in plan)
    assert told.count("index_entry") == told.count("index_entry_pkey") + told.count("on index_entry entry")
    assert "Seq Scan on index_entry" not in told, told
    assert "index_entry_pkey" in told
    assert "loops=1)" in next(line for line in told.splitlines() if "index_entry_pkey" in line), told


def test_an_index_that_tells_too_much_is_measured_refused_and_in_the_assessment(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    few = declared(name="kyc.person.district")
    with database.connection() as connection:
        entries = [IndexEntry(row := new_id(), row, (str(number % 7),)) for number in range(1400)]
        vault.indexes.fill(connection, {few: entries})
        found = leakage.measure(connection, few)
    assert (found.entries, found.distinct, found.most_frequent, found.refused) == (1400, 7, 200, True)
    with database.connection() as connection:
        with pytest.raises(IndexRefused, match=few.name):
            vault.indexes.candidates(connection, few, "3")
        with pytest.raises(IndexRefused):
            vault.indexes.fill(connection, {few: [IndexEntry(row := new_id(), row, ("3",))]})
        path = assessment.write_report(connection, Table.metadata, tmp_path / "report.html")
    told = path.read_text()
    assert few.name in told
    assert ">1,400<" in told


def test_the_measured_share_is_that_of_an_attack_by_rank(database: Database, vault: Vault) -> None:
    """One value five times, one three times, 1,200 once: of each frequency, one is named right."""
    values = ["1" * 9] * 5 + ["2" * 9] * 3 + [str(10**8 + number) for number in range(1200)]
    with database.connection() as connection:
        entries = [IndexEntry(row := new_id(), row, (value,)) for value in values]
        vault.indexes.fill(connection, {PHONE: entries})
        found = leakage.measure(connection, PHONE)
    assert found.rank_matched == pytest.approx((5 + 3 + 1) / 1208)
    assert (found.entries, found.distinct, found.most_frequent, found.refused) == (1208, 1202, 5, False)


@pytest.mark.parametrize("value", ["", "x" * 1001, "\ud800"])
def test_a_value_that_cannot_be_one_is_refused_and_not_shown(value: str) -> None:
    whole = declared(normalise=lambda text: [text])
    with pytest.raises(InvalidField) as refused:
        spellings(whole, [value])
    assert value == "" or value not in str(refused.value)


def test_as_many_values_as_columns() -> None:
    with pytest.raises(InvalidField, match="1 values: phone"):
        spellings(PHONE, ["a", "b"])


def test_a_compromised_or_destroyed_index_key_is_not_used(database: Database, vault: Vault) -> None:
    enrol(database, vault, ["+233244771902"])
    target = f"{PHONE.name}/1"
    with database.connection() as connection:
        vault.control.compromise(connection, KeyKind.INDEX_KEY, target, actor="a", reason="leaked")
    assert find(database, vault, "+233244771902") == []
    with pytest.raises(KeyCompromised):
        enrol(database, vault, ["+233244771903"])
    with database.connection() as connection:
        asked = vault.control.request(
            connection, DESTROY, KeyKind.INDEX_KEY, target, actor="a", reason="leaked"
        )
        vault.control.approve(connection, asked, actor="b")
        vault.control.destroy(connection, asked)
    with pytest.raises(KeyDestroyed):
        enrol(database, vault, ["+233244771903"])


def test_an_index_key_of_another_index_does_not_unwrap(
    database: Database, vault: Vault, home: Path, owner_url: str
) -> None:
    other = declared(name="kyc.person.mobile")
    with database.connection() as connection:
        vault.indexes.sealing_keys(connection, [PHONE, other])
    with psycopg.connect(owner_url) as owner:
        owner.execute("ALTER TABLE privacy.index_key DISABLE TRIGGER ALL")
        owner.execute(
            "UPDATE privacy.index_key AS mine SET wrapped = theirs.wrapped FROM privacy.index_key AS theirs "
            "WHERE mine.index_name <> theirs.index_name"
        )
    with database.connection() as connection, pytest.raises(Exception, match="damaged or does not belong"):
        vault.indexes.sealing_key(connection, PHONE)


@given(st.text(alphabet="0123456789 +-()", min_size=1, max_size=30))
def test_a_phone_and_its_spelling_are_one(phone: str) -> None:
    digits = "".join(sign for sign in phone if sign.isdigit())
    if digits:
        assert spellings(PHONE, [phone]) == spellings(PHONE, [digits])

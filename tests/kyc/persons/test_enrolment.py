"""Enrolment: sealed, all or nothing, once per reference, and under the limits of the tier reached."""

import base64
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql
from shipped import PACKS

from emoney import data
from emoney.kyc import Enrolment, PackLibrary
from emoney.kyc.errors import (
    AlreadyEnrolled,
    InvalidPerson,
    NoTier,
    PackNotInForce,
    ReferenceTaken,
    UnknownPack,
)
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.persons.enrolment import PERSONS_MAX
from emoney.ledger import AccountKind, Database, NewAccount, Operation
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.privacy import Place, Purpose, Sealed, SealedField, Vault

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
"""Not those of the search indexes, which are made once for all."""
TABLES = (
    "kyc.person",
    "kyc.evidence",
    "kyc.wallet",
    "kyc.tier_decision",
    "ledger.account",
    "privacy.subject_key",
)
Count = Callable[[str], int]


def _written(count: Count) -> dict[str, int]:
    return {table: count(table) for table in TABLES if count(table)}


def test_enrolled_with_a_wallet_at_the_tier_the_details_reach(
    desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    enrolled = desk.enrol(ama | {"evidence": ["address_proof"]})
    assert (enrolled.wallet, enrolled.pack, enrolled.tier) == ("P-1", "gh-bog-2024", "enhanced")
    with database.connection() as connection:
        account = accounts.find(connection, ["P-1"])["P-1"]
        assert account.id == enrolled.account_id
        assert account.holder == enrolled.person_id
        assert account.profile_id is not None
        assert connection.execute("SELECT tier, person_id FROM kyc.wallet").fetchall() == [
            ("enhanced", enrolled.person_id)
        ]
        assert connection.execute(
            "SELECT tier, profile_id, reason, evidence, decided_at FROM kyc.tier_decision"
        ).fetchall() == [
            (
                "enhanced",
                account.profile_id,
                "evidence at enrolment",
                ["address_proof", "id_document", "phone", "sim_registration_data"],
                NOW,
            )
        ]
        assert set(connection.execute("SELECT kind, state, method FROM kyc.evidence")) == {
            ("address_proof", "captured", "enrolment"),
            ("id_document", "captured", "enrolment"),
            ("phone", "captured", "enrolment"),
        }


def test_what_a_tier_asks_to_be_declared_is_recorded_as_declared(
    database: Database, vault: Vault, tmp_path: Path
) -> None:
    content = data.read_yaml("policies", "gh-bog-2024.yaml")
    content["tiers"][0]["evidence"] = {"all": ["phone", "name"]}
    (tmp_path / "gh-bog-2024.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    desk = Enrolment(database, vault, lambda: NOW, packs=PackLibrary([tmp_path]))
    nameless = {"external_ref": "P-0", "currency": "GHS", "phone": "+233244771902"}
    with pytest.raises(NoTier, match="still needs name"):
        desk.enrol(nameless, pack_id="gh-bog-2024")
    person = desk.enrol(nameless | {"name": "Ama", "birth_date": "1987-03-14"}, pack_id="gh-bog-2024")
    with database.connection() as connection:
        known = evidence_records.of_person(connection, person.person_id)
    assert {(each.kind, each.state) for each in known} == {("phone", "captured"), ("name", "declared")}


@pytest.fixture
def dump(owner_url: str) -> Callable[[], bytes]:
    """Everything in every table of the packages, as text and as bytes."""

    def dumped() -> bytes:
        with psycopg.connect(owner_url) as connection:
            return b"".join(_tables(connection))

    return dumped


def _tables(connection: psycopg.Connection[Any]) -> Iterator[bytes]:
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('kyc', 'privacy', 'ledger', 'aml')"
    ).fetchall()
    assert ("kyc", "person") in tables
    for schema, table in tables:
        for form in ("text", "binary"):
            copy = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT {})").format(
                sql.Identifier(schema, table), sql.SQL(form)
            )
            with connection.cursor().copy(copy) as rows:
                yield from (bytes(row) for row in rows)


def _forms(value: str) -> Iterator[bytes]:
    for raw in (value.encode(), value.encode("utf-16-le")):
        yield raw
        yield raw.hex().encode()
        for skip in range(3):  # wherever it begins within the groups of three bytes
            whole = (skip + len(raw)) // 3 * 4
            yield base64.b64encode(bytes(skip) + raw)[(0, 2, 3)[skip] : whole]


def test_nothing_told_is_stored_in_the_clear(
    desk: Enrolment, ama: dict[str, Any], dump: Callable[[], bytes]
) -> None:
    desk.enrol(ama)
    content = dump().lower()
    assert b"p-1" in content
    assert b"id_document" in content
    told = ["Serwaa", "Ama Serwaa Quartey", "1987-03-14", "19870314", "244771902", "+233244771902"]
    for value in (*told, "24 477 1902", "718293746", "GHA-718293746-4", "Nkrumah Lane"):
        for form in _forms(value):
            assert len(form) >= 5
            assert form.lower() not in content, value


def test_opened_for_a_purpose_that_is_logged(
    desk: Enrolment, database: Database, vault: Vault, ama: dict[str, Any], count: Count
) -> None:
    person = desk.enrol(ama).person_id
    assert count("privacy.opening WHERE table_name = 'kyc.person'") == 0
    columns = ("name", "birth_date", "phone", "id_number", "address")
    with database.connection() as connection:
        row = connection.execute(f"SELECT {', '.join(columns)} FROM kyc.person").fetchone()
        assert row is not None
        items = [
            SealedField(person, Place("kyc.person", column, person), Sealed(value))
            for column, value in zip(columns, row, strict=True)
        ]
        opened = vault.open(connection, items, purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7")
    assert opened == [ama["name"], ama["birth_date"], "+233244771902", ama["id_number"], ama["address"]]
    with database.connection() as connection:
        logged = connection.execute(
            "SELECT actor, purpose, table_name, column_name, subject FROM privacy.opening"
            " WHERE table_name = 'kyc.person'"
        ).fetchall()
    assert logged == [("clerk-7", "customer service", "kyc.person", ",".join(columns), person)]


def test_the_database_takes_no_clear_text_for_a_sealed_field(database: Database) -> None:
    with database.connection() as connection, pytest.raises(psycopg.errors.CheckViolation) as refused:
        connection.execute(
            "INSERT INTO kyc.person (id, external_ref, name, enrolled_at) VALUES (%s, 'P', %s, now())",
            (new_id(), b"Ama Serwaa"),
        )
    assert "Ama" not in str(refused.value)
    assert b"Ama".hex() not in str(refused.value)


def test_a_bad_person_leaves_nothing_of_the_batch(desk: Enrolment, ama: dict[str, Any], count: Count) -> None:
    bad = ama | {"external_ref": "P-2", "phone": "0244"}
    with pytest.raises(InvalidPerson, match=r"^person 2: phone: must be an international number"):
        desk.enrol_many([ama, bad, ama | {"external_ref": "P-3"}])
    assert _written(count) == {}


def test_someone_without_a_tier_leaves_nothing_of_the_batch(
    desk: Enrolment, ama: dict[str, Any], count: Count
) -> None:
    with pytest.raises(NoTier, match=r"^person 2: .*minimum still needs phone"):
        desk.enrol_many([ama, {"external_ref": "P-2", "currency": "GHS"}])
    assert _written(count) == {}


def test_a_reference_twice_in_a_batch_leaves_nothing(
    desk: Enrolment, ama: dict[str, Any], count: Count
) -> None:
    with pytest.raises(AlreadyEnrolled, match=r"^person 3: external_ref: also that of person 1$"):
        desk.enrol_many([ama, ama | {"external_ref": "P-2"}, ama])
    assert _written(count) == {}


def test_enrolling_again_is_refused_and_changes_nothing(
    desk: Enrolment, ama: dict[str, Any], count: Count
) -> None:
    desk.enrol(ama)
    before = _written(count)
    with pytest.raises(
        AlreadyEnrolled, match=r"^external_ref: a person with this reference is enrolled already$"
    ):
        desk.enrol(ama)
    with pytest.raises(AlreadyEnrolled, match=r"^person 2: external_ref"):
        desk.enrol_many([ama | {"external_ref": "P-0"}, ama])
    assert _written(count) == before


@pytest.mark.parametrize("kind", [AccountKind.CUSTOMER, AccountKind.SAFEGUARDING])
def test_a_reference_of_another_account_is_refused(
    desk: Enrolment, database: Database, ama: dict[str, Any], count: Count, kind: AccountKind
) -> None:
    with database.connection() as connection:
        accounts.open_without_limits(connection, [NewAccount(new_id(), kind, "GHS", NOW, "P-1")])
    with pytest.raises(ReferenceTaken, match=f"the ledger holds a {kind} account of this reference"):
        desk.enrol_many([ama | {"external_ref": "P-0"}, ama])
    assert _written(count) == {"ledger.account": 1}


def test_one_of_eight_who_enrol_the_same_reference_wins(
    desk: Enrolment, ama: dict[str, Any], count: Count
) -> None:
    start, outcomes = threading.Barrier(8), []

    def enrol(number: int) -> None:
        start.wait()
        try:
            outcomes.append(desk.enrol_many([ama, ama | {"external_ref": f"P-{number + 2}"}]))
        except AlreadyEnrolled as refused:
            outcomes.append(refused)

    threads = [threading.Thread(target=enrol, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 1
    losers = [outcome for outcome in outcomes if isinstance(outcome, AlreadyEnrolled)]
    assert all(refused.__context__ is None for refused in losers)
    assert count("kyc.person") == count("ledger.account") == count("kyc.wallet") == 2


def test_batches_in_opposite_order_do_not_block_each_other(
    desk: Enrolment,
    database: Database,
    ama: dict[str, Any],
    count: Count,
    until_waiting: Callable[[int], None],
) -> None:
    """One wins, the other is told so: neither is picked as the victim of a deadlock."""
    desk.enrol(ama)  # whoever is the first of all makes the keys, and the next one waits for that
    persons = [ama | {"external_ref": f"P-{number}"} for number in range(10, 20)]
    told: list[str] = []

    def enrol(batch: list[dict[str, Any]]) -> None:
        try:
            desk.enrol_many(batch)
            told.append("enrolled")
        except InvalidInput as refused:
            told.append(type(refused).__name__)

    threads = [threading.Thread(target=enrol, args=(batch,)) for batch in (persons, persons[::-1])]
    with database.connection() as connection:  # stands in the middle until both have come as far as they can
        connection.execute(
            "INSERT INTO kyc.person (id, external_ref, enrolled_at) VALUES (%s, 'P-15', now())", (new_id(),)
        )
        for thread in threads:
            thread.start()
        until_waiting(2)
        connection.rollback()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["AlreadyEnrolled", "enrolled"]
    assert count("kyc.person") == 11


@pytest.mark.parametrize(
    ("clock", "pack_id", "error", "said"),
    [
        (datetime(2024, 2, 29, 23, 59, tzinfo=UTC), "gh-bog-2024", PackNotInForce, "from 2024-03-01"),
        (datetime(2024, 2, 29, 23, 59, tzinfo=UTC), None, UnknownPack, "no policy pack in force"),
        (NOW, "gh-bog-1999", UnknownPack, "there is no policy pack"),
        (NOW, "eu-amld5-art12", InvalidPerson, "currency: pack eu-amld5-art12 is for wallets in EUR"),
    ],
)
def test_the_pack_must_fit_the_day_and_the_currency(
    database: Database,
    vault: Vault,
    ama: dict[str, Any],
    clock: datetime,
    pack_id: str | None,
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        Enrolment(database, vault, lambda: clock, packs=PACKS).enrol(ama, pack_id=pack_id)


def test_a_kind_of_evidence_that_no_pack_knows_is_refused_unseen(
    desk: Enrolment, ama: dict[str, Any]
) -> None:
    with pytest.raises(InvalidPerson) as refused:
        desk.enrol(ama | {"evidence": ["adress_proof", "Serwaa"]})
    assert "2 of the kinds are in no policy pack; there are " in str(refused.value)
    assert " address_proof," in str(refused.value)
    assert "Serwaa" not in repr(refused.value)
    assert refused.value.__context__ is None


def test_too_many_at_once_and_none_at_all(desk: Enrolment, ama: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="10001 persons in one call; 10000 are the most"):
        desk.enrol_many([ama] * (PERSONS_MAX + 1))
    assert desk.enrol_many([]) == []


def test_persons_of_two_currencies_in_one_batch(desk: Enrolment, ama: dict[str, Any]) -> None:
    anonymous = {"external_ref": "A-1", "currency": "EUR"}
    assert [(each.wallet, each.pack) for each in desk.enrol_many([ama, anonymous])] == [
        ("P-1", "gh-bog-2024"),
        ("A-1", "eu-amld5-art12"),
    ]


def test_an_anonymous_holder_of_electronic_money(
    desk: Enrolment, till: Callable[[str], Any], count: Count
) -> None:
    enrolled = desk.enrol({"external_ref": "A-1", "currency": "EUR"})
    assert (enrolled.tier, count("kyc.evidence"), count("privacy.subject_key")) == ("anonymous_emoney", 0, 0)
    at, wallet, tier = till("EUR"), enrolled.account_id, "eu-amld5-art12/anonymous_emoney"
    assert at.load(wallet, "150").posted
    assert at.send(wallet, "0.01", Operation.P2P).refusal.rule == f"{tier}/denied-p2p_out"
    cash = at.send(wallet, "50.01", Operation.REDEEM_CASH).refusal
    assert (cash.rule, cash.decision) == (f"{tier}/single-out-redeem_cash", "require_cdd")
    assert at.send(wallet, "150", Operation.PAY).posted
    assert at.load(wallet, "1").posted
    month = at.send(wallet, "0.01", Operation.PAY).refusal
    assert (month.rule, month.used) == (f"{tier}/flow-out-pay_any-calendar_month", 15000)


def test_limits_hold_from_the_first_transfer(desk: Enrolment, till: Callable[[str], Any]) -> None:
    wallet = desk.enrol({"external_ref": "P-1", "currency": "GHS", "phone": "+233244771902"}).account_id
    cap = next(
        rule.amount for rule in PACKS.pack("gh-bog-2024").tier("minimum").rules if rule.name == "balance"
    )
    at = till("GHS")
    assert isinstance(cap, Decimal)
    assert not at.load(wallet, str(cap + 1)).posted
    assert at.load(wallet, str(cap)).posted

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import Enrolment
from emoney.kyc.errors import UnknownPack
from emoney.kyc.persons import population
from emoney.ledger import AccountKind, Database, Ledger, Operation, Transfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.transfers import everyday as ops
from emoney.privacy import Purpose
from emoney.privacy.releases.anonymity import anonymise
from emoney.privacy.releases.errors import CannotAnonymise
from emoney.privacy.releases.plans import load_plan
from emoney.privacy.rights import requests as rights

NOBODY = {"name": None, "birth_date": None, "id_kind": None, "id_number": None, "address": None}


def enrol(desk: Enrolment, ama: dict[str, Any], count: int) -> list[Any]:
    return [
        desk.enrol(
            ama | (NOBODY if n % 3 == 0 else {}) | {"external_ref": f"P-{n}", "phone": f"+2332447719{n:02}"}
        )
        for n in range(count)
    ]


def records(database: Database) -> list[population.HolderRecord]:
    with database.connection() as connection:
        return list(population.records(connection))


def test_each_holder_has_one_record_with_nothing_that_names_it(
    desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    enrolled = enrol(desk, ama, 4)
    found = records(database)
    assert {each["holder"] for each in found} == {each.person_id for each in enrolled}
    assert Counter(each["tier"] for each in found) == Counter(each.tier for each in enrolled)
    assert {(each["pack"], each["currency"], each["balance"], each["transfers"]) for each in found} == {
        ("gh-bog-2024", "GHS", 0, 0)
    }
    assert not any(str(ama[field]) in str(found) for field in ("name", "phone", "id_number", "address"))


def test_balance_and_transfers_are_those_of_the_books(
    desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    enrol(desk, ama, 2)
    ledger = Ledger(database)
    bank = ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
    shop = ledger.open_account(AccountKind.MERCHANT, "GHS", "shop")
    with database.connection() as connection:
        [wallet] = (
            connection.execute("SELECT id FROM ledger.account WHERE external_ref = 'P-1'").fetchone() or ()
        )
        day = connection.execute("SELECT now()::date").fetchone()
    load = ops.issue(funds=bank, wallet=wallet, amount=6_000, currency="GHS", receipt="slip")
    paid = Transfer(new_id(), wallet, shop, 1_050, "GHS", Operation.PAY, "pay-1")
    assert all(outcome.posted for outcome in ledger.post([load, paid]))
    assert sorted((each["balance"], each["transfers"]) for each in records(database)) == [
        (0, 0),
        (pytest.approx(49.5), 2),
    ]
    assert day is not None
    with database.connection() as connection:
        assert population.holders_active_since(day[0]).count(connection) == {"all": 1}
        assert population.holders().count(connection) == {"all": 2}


def test_the_questions_count_each_holder_once_in_cells_that_the_pack_names(
    desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    enrolled = enrol(desk, ama, 5)
    question = population.holders_by_tier(PACKS, "gh-bog-2024")
    assert question.cells == [tier.id for tier in PACKS.pack("gh-bog-2024").tiers]
    with database.connection() as connection:
        assert question.count(connection) == Counter(each.tier for each in enrolled)
        assert population.holders_by_tier(PACKS, "ke-cbk-2023").count(connection) == {}
    with pytest.raises(UnknownPack):
        population.holders_by_tier(PACKS, "nowhere")


def test_no_question_counts_whose_processing_is_restricted(
    desk: Enrolment, database: Database, ama: dict[str, Any], owner_url: str
) -> None:
    enrolled = enrol(desk, ama, 5)
    people = [each.person_id for each in enrolled]
    ledger = Ledger(database)
    bank = ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
    with database.connection() as connection:
        wallets = connection.execute("SELECT id FROM ledger.account WHERE holder = ANY (%s)", (people,))
        loads = [
            ops.issue(funds=bank, wallet=wallet, amount=1_000, currency="GHS", receipt=str(wallet))
            for (wallet,) in wallets
        ]
    assert all(outcome.posted for outcome in ledger.post(loads))

    def counted() -> list[int]:
        with database.connection() as connection:
            questions = (
                population.holders(),
                population.holders_by_tier(PACKS, "gh-bog-2024"),
                population.holders_active_since(date(2000, 1, 1)),
            )
            return [sum(each.count(connection).values()) for each in questions]

    assert counted() == [5, 5, 5]
    about: dict[str, Any] = {"ground": "contested", "actor": "dpo-1", "at": datetime.now(UTC)}
    with database.connection() as connection:
        rights.restrict(connection, people[:2], list(Purpose), **about)
        rights.restrict(connection, people[2:3], [], **about)
        rights.lift(connection, people[1:2], **about)
    assert counted() == [3, 3, 3]
    with psycopg.connect(owner_url) as owner:  # as a link does: another holder's record is restricted
        owner.execute("UPDATE kyc.person SET holder_id = %s WHERE id = %s", (people[3], people[2]))
        owner.execute("UPDATE ledger.account SET holder = %s WHERE holder = %s", (people[3], people[2]))
    assert counted() == [2, 2, 2]


def test_holders_leave_by_the_shipped_plan_once_there_are_enough(
    desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    plan = load_plan("wallet-holders").model_copy(update={"sensitive": {}})
    enrol(desk, ama, 9)
    with pytest.raises(CannotAnonymise, match="over 9 records"):
        anonymise(plan, records(database))
    desk.enrol(ama | {"external_ref": "P-99", "phone": "+233244771999"})
    assert len(anonymise(plan, records(database)).rows) == 10

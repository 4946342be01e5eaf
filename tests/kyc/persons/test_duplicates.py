"""Duplicates: found by index, decided by a human, linked by two; limits per person follow the link."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import PACKS

from emoney.kyc import Enrolment, NewWallet, approved_actions, open_wallets
from emoney.kyc.approvals import ACTIONS
from emoney.kyc.errors import NoTier, ReferenceTaken, TooManyWallets, UnknownPerson
from emoney.kyc.evidence import person as persons
from emoney.kyc.persons import duplicates, search
from emoney.kyc.persons.details import parse_person
from emoney.kyc.persons.search import HOLDERS_MAX, name_and_birth_date
from emoney.kyc.wallets import opening
from emoney.ledger import Database, two_persons
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.two_persons import SamePerson
from emoney.privacy import Vault

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
GHANA = PACKS.pack("gh-bog-2024")


def other(ama: dict[str, Any], ref: str, **changed: Any) -> dict[str, Any]:
    apart = {
        "name": "Kofi Mensah",
        "birth_date": "1990-01-31",
        "phone": "+233244000001",
        "id_number": "GHA-1-1",
    }
    return ama | apart | {"external_ref": ref} | changed


def pairs(database: Database, at: datetime = NOW) -> list[tuple[str, str, tuple[str, ...]]]:
    with database.connection() as connection:
        return [(each.ref_a, each.ref_b, each.grounds) for each in duplicates.open_pairs(connection, at)]


@pytest.mark.parametrize(
    ("changed", "grounds"),
    [
        ({}, ()),
        ({"id_number": "gha 718293746 4"}, ("id_number",)),
        ({"id_number": "GHA7182937464", "id_kind": "passport"}, ("id_number",)),
        ({"phone": "+233 (24) 477-1902"}, ("phone",)),
        ({"name": "Quartey, AMA Serwaa", "birth_date": "1987-03-14"}, ("name_birth_date",)),
        ({"name": "Àma Quartey", "birth_date": "1987-03-14"}, ("name_birth_date",)),
        ({"name": "Ama Serwaa Quartey", "birth_date": "1987-03-15"}, ()),
        ({"phone": "+233244771902", "id_number": "GHA-718293746-4"}, ("id_number", "phone")),
    ],
)
def test_what_is_found(
    desk: Enrolment,
    database: Database,
    ama: dict[str, Any],
    changed: dict[str, Any],
    grounds: tuple[str, ...],
) -> None:
    desk.enrol(ama)
    desk.enrol(other(ama, "P-2", **changed))
    found = pairs(database)
    assert [{one, two} for one, two, _ in found] == [{"P-1", "P-2"}] * bool(grounds)
    assert [each[2] for each in found] == [grounds] * bool(grounds)


def test_found_within_one_batch_and_by_a_second_desk(
    desk: Enrolment, database: Database, vault: Vault, ama: dict[str, Any]
) -> None:
    desk.enrol_many([ama, other(ama, "P-2", phone="+233244771902")])
    Enrolment(database, vault, lambda: NOW, packs=PACKS).enrol(other(ama, "P-3", phone="+233244771902"))
    assert [set(pair[:2]) for pair in pairs(database)] == [{"P-1", "P-2"}, {"P-1", "P-3"}, {"P-2", "P-3"}]


def test_what_many_share_gives_a_bounded_number(
    desk: Enrolment, database: Database, vault: Vault, ama: dict[str, Any]
) -> None:
    shared = [
        {"external_ref": f"S-{n}", "currency": "GHS", "phone": "+233244771902"}
        for n in range(HOLDERS_MAX + 30)
    ]
    last = desk.enrol_many(shared)[-1].person_id
    with database.connection() as connection:
        found = search.alike(connection, vault, [last])
    assert len(found) == HOLDERS_MAX


def test_two_that_enrol_at_once_are_found_by_the_sweep(
    desk: Enrolment, database: Database, vault: Vault, ama: dict[str, Any]
) -> None:
    apart = {
        "name": "Esi Boateng",
        "birth_date": "1991-02-02",
        "phone": "+233244000009",
        "id_number": "GHA-9-9",
    }
    desk.enrol(other(ama, "P-0", **apart))  # the very first waits for nobody: it makes the indexes' keys
    person = parse_person(other(ama, "P-2", phone="+233244771902"), NOW.date())
    with database.connection() as unseen:  # enrolled and not committed while P-1 looks
        about = (key := new_id(), NOW)
        unseen.execute("INSERT INTO kyc.person (id, external_ref, enrolled_at) VALUES (%s, 'P-2', %s)", about)
        duplicates.index_and_note(unseen, vault, [(key, person)], NOW)
        desk.enrol(ama)
    assert pairs(database) == []
    assert duplicates.sweep(database, vault, since=NOW - timedelta(hours=1), at=NOW) == 1
    assert duplicates.sweep(database, vault, since=NOW + timedelta(hours=1), at=NOW) == 0
    [(one, two, grounds)] = pairs(database)
    assert ({one, two}, grounds) == ({"P-1", "P-2"}, ("phone",))


@pytest.fixture
def twins(desk: Enrolment, ama: dict[str, Any]) -> list[Any]:
    return desk.enrol_many([ama, other(ama, "P-2", id_number="GHA-718293746-4")])


def decide(database: Database, twins: list[Any], *, same: bool, at: datetime = NOW) -> UUID | None:
    with database.connection() as connection:
        return duplicates.decide(
            connection,
            twins[0].person_id,
            twins[1].person_id,
            same=same,
            actor="clerk-1",
            reason="papers compared",
            at=at,
        )


def holders(database: Database, twins: list[Any]) -> set[UUID | None]:
    with database.connection() as connection:
        return {accounts.get(connection, each.account_id).holder for each in twins}


def test_nothing_merges_by_itself_and_one_word_is_not_enough(database: Database, twins: list[Any]) -> None:
    assert len(holders(database, twins)) == 2
    request = decide(database, twins, same=True)
    assert request is not None
    assert len(holders(database, twins)) == 2
    assert pairs(database) == []  # it waits for the second person
    with database.connection() as connection, pytest.raises(SamePerson):
        approved_actions.approve(connection, request, packs=PACKS, actor="clerk-1", reason="sure", at=NOW)


def test_a_link_that_two_approve_moves_the_holder_and_can_be_taken_back(
    database: Database, twins: list[Any], desk: Enrolment
) -> None:
    request = decide(database, twins, same=True)
    assert request is not None
    with database.connection() as connection:
        approved_actions.approve(
            connection, request, packs=PACKS, actor="clerk-2", reason="compared too", at=NOW
        )
    [holder] = holders(database, twins)
    with database.connection() as connection:
        first, second = (persons.find(connection, ref) for ref in ("P-1", "P-2"))
        assert first.holder == second.holder == holder
        linked = second if second.id != holder else first
        with pytest.raises(InvalidRequest, match="linked already"):
            duplicates.request_link(connection, first.id, second.id, actor="clerk-1", reason="again", at=NOW)
        further = opening.open_wallet(connection, linked, GHANA, "P-2-b", at=NOW)
        assert accounts.get(connection, further).holder == holder
        apart = duplicates.request_separation(
            connection, linked.id, actor="clerk-1", reason="they are sisters", at=NOW
        )
        approved_actions.approve(connection, apart, packs=PACKS, actor="clerk-2", reason="seen both", at=NOW)
        assert accounts.get(connection, further).holder == linked.id
    assert len(holders(database, twins)) == 2
    assert pairs(database) != []


def test_a_limit_of_the_person_follows_a_link(
    database: Database, twins: list[Any], till: Callable[[str], Any]
) -> None:
    """Each record alone may hold 2 000 000 XOF; linked, they hold that together; apart again, each alone."""
    at, bceao = till("XOF"), PACKS.pack("waemu-bceao-008-2015")
    one, two = new_id(), new_id()
    with database.connection() as connection:
        opened = [
            NewWallet(
                account, f"X-{each.person_id}", "identified", NOW, each.person_id, person_id=each.person_id
            )
            for account, each in zip((one, two), twins, strict=True)
        ]
        assert open_wallets(connection, bceao, opened) == 2
    assert at.load(one, "1999999").posted
    assert at.load(two, "1").posted
    request = decide(database, twins, same=True)
    assert request is not None
    assert at.load(two, "1").posted
    with database.connection() as connection:
        approved_actions.approve(
            connection, request, packs=PACKS, actor="clerk-2", reason="compared too", at=NOW
        )
    refused = at.load(two, "1")
    assert refused.refusal is not None
    assert refused.refusal.rule.endswith("/balance-per_person")
    with database.connection() as connection:
        linked = next(
            each for each in map(partial(persons.find, connection), ("P-1", "P-2")) if each.holder != each.id
        )
        apart = duplicates.request_separation(
            connection, linked.id, actor="clerk-1", reason="sisters", at=NOW
        )
        approved_actions.approve(connection, apart, packs=PACKS, actor="clerk-2", reason="seen both", at=NOW)
    assert at.load(two, "1").posted


def test_a_chain_of_links_has_one_holder(desk: Enrolment, database: Database, ama: dict[str, Any]) -> None:
    enrolled = [desk.enrol(other(ama, f"P-{n}", id_number="GHA-718293746-4")) for n in range(4)]
    ids = [each.person_id for each in enrolled]
    with database.connection() as connection:
        for one, two in ((0, 1), (2, 3), (1, 3)):
            request = duplicates.request_link(
                connection, ids[one], ids[two], actor="clerk-1", reason="papers", at=NOW
            )
            approved_actions.approve(
                connection, request, packs=PACKS, actor="clerk-2", reason="papers", at=NOW
            )
    assert holders(database, enrolled) == {ids[0]}


@pytest.mark.parametrize("forged", ["unapproved", "elsewhere"])
def test_the_database_moves_no_holder_without_its_approval(
    desk: Enrolment, database: Database, ama: dict[str, Any], twins: list[Any], forged: str
) -> None:
    third = desk.enrol(other(ama, "P-3"))
    request = decide(database, twins, same=True)
    with database.connection() as connection:
        assert request is not None
        subject = two_persons.find(connection, request, ACTIONS).subject
        if forged == "elsewhere":
            two_persons.approve(connection, request, ACTIONS, actor="clerk-2", reason="x", at=NOW)
    with database.connection() as connection, pytest.raises(psycopg.errors.IntegrityError):
        connection.execute(
            "INSERT INTO kyc.person_link (id, person_id, into_id, made_at, approval_id)"
            " VALUES (%s, %s, %s, now(), %s)",
            (new_id(), subject, third.person_id, request),
        )
    for statement in (
        "UPDATE ledger.account SET holder = NULL",
        "UPDATE kyc.person SET holder_id = NULL",
    ):
        with database.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[arg-type]


def test_different_stays_different_until_more_is_found(
    desk: Enrolment, database: Database, ama: dict[str, Any], twins: list[Any]
) -> None:
    assert decide(database, twins, same=False) is None
    assert pairs(database) == []
    with pytest.raises(InvalidRequest, match="decided on already"):
        decide(database, twins, same=True)
    with database.connection() as connection:
        a, b = sorted(each.person_id for each in twins)
        connection.execute(
            "INSERT INTO kyc.duplicate VALUES (%s, %s, 'phone', %s)", (a, b, NOW + timedelta(days=1))
        )
    assert [pair[2] for pair in pairs(database)] == [("id_number", "phone")]


def test_a_link_that_was_not_approved_in_time_is_asked_for_again(
    database: Database, twins: list[Any]
) -> None:
    decide(database, twins, same=True)
    late = NOW + timedelta(days=8)
    assert len(pairs(database, late)) == 1
    assert decide(database, twins, same=True, at=late) is not None


def test_strangers_are_not_decided_on(database: Database, twins: list[Any]) -> None:
    with database.connection() as connection:
        with pytest.raises(InvalidRequest, match="never found"):
            duplicates.decide(
                connection, twins[0].person_id, new_id(), same=False, actor="c", reason="x", at=NOW
            )
        with pytest.raises(UnknownPerson):
            duplicates.request_separation(connection, new_id(), actor="c", reason="x", at=NOW)


def test_of_two_who_decide_at_once_one_does(database: Database, twins: list[Any], count: Any) -> None:
    start, told = threading.Barrier(2), []

    def say(same: bool) -> None:
        start.wait()
        try:
            decide(database, twins, same=same)
            told.append("decided")
        except InvalidRequest:
            told.append("refused")

    threads = [threading.Thread(target=say, args=(same,)) for same in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["decided", "refused"]
    assert count("kyc.duplicate_decision") == 1


def test_a_further_wallet_shares_the_holder_and_the_tier(
    desk: Enrolment, database: Database, ama: dict[str, Any]
) -> None:
    enrolled = desk.enrol(ama)
    with database.connection() as connection:
        person = persons.find(connection, "P-1")
        assert persons.find(connection, str(enrolled.person_id)) == person
        account = accounts.get(connection, opening.open_wallet(connection, person, GHANA, "P-1-b", at=NOW))
        assert (account.holder, account.external_ref) == (enrolled.person_id, "P-1-b")
        assert account.profile_id == accounts.get(connection, enrolled.account_id).profile_id
        with pytest.raises(ReferenceTaken):
            opening.open_wallet(connection, person, GHANA, "P-1", at=NOW)
        with pytest.raises(UnknownPerson):
            persons.find(connection, "nobody")


def test_a_person_who_reaches_no_tier_gets_no_further_wallet(desk: Enrolment, database: Database) -> None:
    desk.enrol({"external_ref": "A-1", "currency": "EUR"})
    with database.connection() as connection, pytest.raises(NoTier, match="still needs phone"):
        opening.open_wallet(connection, persons.find(connection, "A-1"), GHANA, "A-2", at=NOW)


def test_no_more_wallets_than_the_pack_lets_a_person_have(
    desk: Enrolment, database: Database, ama: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all records of the person, and for two who open at once."""
    monkeypatch.setattr(opening, "wallets_max", lambda _tier: 3)
    twins = [desk.enrol(ama), desk.enrol(other(ama, "P-2", id_number="GHA-718293746-4"))]
    request = decide(database, twins, same=True)
    assert request is not None
    told: list[str] = []
    with database.connection() as connection:
        approved_actions.approve(connection, request, packs=PACKS, actor="clerk-2", reason="x", at=NOW)
    start = threading.Barrier(2)

    def open_one(ref: str) -> None:
        start.wait()
        try:
            with database.connection() as connection:
                opening.open_wallet(connection, persons.find(connection, ref), GHANA, f"{ref}-b", at=NOW)
                told.append("opened")
        except TooManyWallets:
            told.append("refused")

    threads = [threading.Thread(target=open_one, args=(ref,)) for ref in ("P-1", "P-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["opened", "refused"]


@given(st.permutations(["Ama", "Serwaa", "Quartey"]))
def test_names_compare_in_any_order(names: list[str]) -> None:
    whole = name_and_birth_date("Ama Serwaa Quartey", "1987-03-14")
    assert set(name_and_birth_date(" ".join(names), "1987-03-14")) & set(whole)


@given(st.text(max_size=60))
def test_any_name_has_a_form_or_none(name: str) -> None:
    forms: list[str] = name_and_birth_date(name, "1987-03-14")
    assert len(forms) <= 2
    assert forms == name_and_birth_date(name, "1987-03-14")

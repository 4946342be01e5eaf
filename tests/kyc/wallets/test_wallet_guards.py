"""Wallets by SQL: a tier, its limits, an override, a restriction come with what was decided, or not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from attacks import Attacker
from shipped import PACKS

from emoney.kyc import Enrolment
from emoney.kyc.packs import acceptance
from emoney.kyc.wallets import overrides
from emoney.kyc.wallets.assignment import profile_id
from emoney.kyc.wallets.retiering import end_overrides
from emoney.ledger import Database, clock_policy, two_persons
from emoney.ledger.base.ids import new_id
from emoney.ledger.clock_policy import ClockPolicy

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=30)
GHANA = PACKS.pack("gh-bog-2024")

Step = tuple[str, dict[str, Any]]


def moved(account: UUID, tier: str = "enhanced", at: datetime = NOW) -> Step:
    statement = "UPDATE kyc.wallet SET tier = %(tier)s, tier_since = %(at)s WHERE account_id = %(account)s"
    return statement, {"account": account, "tier": tier, "at": at}


def decided(account: UUID, profile: UUID, tier: str = "enhanced", at: datetime = NOW) -> Step:
    statement = (
        "INSERT INTO kyc.tier_decision"
        " (id, account_id, pack_id, tier, profile_id, reason, evidence, decided_at)"
        " VALUES (%(id)s, %(account)s, 'gh-bog-2024', %(tier)s, %(profile)s, 'x', '{}', %(at)s)"
    )
    return statement, {"id": new_id(), "account": account, "profile": profile, "tier": tier, "at": at}


def put(account: UUID, profile: UUID, *, at: datetime = NOW) -> Step:
    statement = (
        "INSERT INTO ledger.account_change (account_id, number, kind, profile_id, actor, reason, at)"
        " SELECT %(account)s, 1 + count(*), 'profile', %(profile)s, 'clerk-1', 'x', %(at)s"
        " FROM ledger.account_change WHERE account_id = %(account)s"
    )
    return statement, {"account": account, "profile": profile, "at": at}


@pytest.fixture
def wallet(desk: Enrolment, ama: dict[str, Any]) -> UUID:
    return desk.enrol(ama).account_id


@pytest.fixture
def profile(database: Database, wallet: UUID) -> Callable[[str], UUID]:
    """The limits of a tier, stored."""

    def stored(tier: str) -> UUID:
        with database.connection() as connection:
            return profile_id(connection, GHANA, tier)

    return stored


def test_a_tier_comes_with_its_decision(
    attacker: Attacker, wallet: UUID, profile: Callable[[str], UUID]
) -> None:
    theirs = profile("enhanced")
    assert attacker.refused(moved(wallet)) == "wallet_decided"
    assert attacker.refused(moved(wallet), decided(wallet, theirs)) == "wallet_decided"
    later = NOW + timedelta(days=1)
    assert attacker.refused(moved(wallet, at=later), decided(wallet, theirs), put(wallet, theirs)) == (
        "wallet_decided"
    )
    other_pack = ("UPDATE kyc.wallet SET pack_id = 'other' WHERE account_id = %(a)s", {"a": wallet})
    assert attacker.refused(other_pack) == "wallet_decided"
    back = moved(wallet, "medium")  # a decision that the wallet does not follow
    assert (
        attacker.refused(moved(wallet), decided(wallet, theirs), back, put(wallet, theirs))
        == "wallet_decided"
    )
    with psycopg.connect(attacker.url) as mine:  # all of it together is what a change of tier is
        for statement, about in (moved(wallet), decided(wallet, theirs), put(wallet, theirs)):
            mine.execute(statement, about)


def test_a_decision_says_what_the_wallet_is(
    attacker: Attacker, wallet: UUID, profile: Callable[[str], UUID]
) -> None:
    assert attacker.refused(decided(wallet, profile("enhanced"))) == "decision_in_force"


def test_limits_come_with_a_decision(
    attacker: Attacker, wallet: UUID, profile: Callable[[str], UUID]
) -> None:
    ours, theirs = profile("medium"), profile("enhanced")
    assert attacker.refused(put(wallet, theirs)) == "wallet_profile_decided"
    assert attacker.refused(put(wallet, theirs), decided(wallet, ours, "medium")) == "wallet_profile_decided"
    since = put(wallet, theirs)  # nor with a decision of another transaction
    with psycopg.connect(attacker.url) as mine:
        for statement, about in (moved(wallet), decided(wallet, theirs), since):
            mine.execute(statement, about)
        for statement, about in (moved(wallet, "medium"), decided(wallet, ours, "medium"), put(wallet, ours)):
            mine.execute(statement, about)
    assert attacker.refused(since) == "wallet_profile_decided"
    direct = ("UPDATE ledger.account SET profile_id = %(p)s WHERE id = %(a)s", {"p": theirs, "a": wallet})
    attacker.refused(direct, kind=psycopg.errors.InsufficientPrivilege)


def test_a_wallet_is_opened_with_its_decision_and_for_its_holder(
    attacker: Attacker, database: Database, wallet: UUID, profile: Callable[[str], UUID], desk: Enrolment
) -> None:
    other = desk.enrol(
        {
            "external_ref": "P-2",
            "currency": "GHS",
            "name": "Kofi Mensah",
            "birth_date": "1990-01-02",
            "phone": "+233 24 477 1903",
        }
    )
    limits, account = profile("medium"), new_id()
    opened = (
        "INSERT INTO ledger.account"
        " (id, kind, currency, sign, floor, external_ref, holder, profile_id, opened_at)"
        " VALUES (%(id)s, 'customer', 'GHS', -1, 0, 'W-9', %(holder)s, %(profile)s, %(at)s)",
        {"id": account, "holder": other.person_id, "profile": limits, "at": NOW},
    )
    with database.connection() as connection:
        row = connection.execute(
            "SELECT person_id FROM kyc.wallet WHERE account_id = %s", (wallet,)
        ).fetchone()
    assert row is not None

    def of(person: UUID) -> Step:
        return (
            "INSERT INTO kyc.wallet (account_id, person_id, pack_id, tier, tier_since)"
            " VALUES (%(account)s, %(person)s, 'gh-bog-2024', 'medium', %(at)s)",
            {"account": account, "person": person, "at": NOW},
        )

    assert attacker.refused(opened, of(other.person_id)) == "wallet_decided"
    with_decision = decided(account, limits, "medium")
    assert attacker.refused(opened, of(row[0]), with_decision) == "wallet_decided"
    with psycopg.connect(attacker.url) as mine:
        for statement, about in (opened, of(other.person_id), with_decision):
            mine.execute(statement, about)


@pytest.mark.parametrize(
    "change",
    ["person_id = NULL", "person_id = gen_random_uuid()", "restriction = NULL, override_until = now()"],
)
def test_what_else_is_known_of_a_wallet_stays(attacker: Attacker, wallet: UUID, change: str) -> None:
    attacker.refused((f"UPDATE kyc.wallet SET {change}", {}), kind=psycopg.errors.IntegrityError)


def test_a_restriction_begins_and_ends_with_its_step(
    attacker: Attacker, database: Database, wallet: UUID
) -> None:
    stop = (
        "UPDATE kyc.wallet SET restriction = 'credits_stopped', restriction_cause = 'no_tier',"
        " restriction_next_at = '2026-07-01'",
        {},
    )
    assert attacker.refused(stop) == "wallet_restriction_step"
    step = (
        "INSERT INTO kyc.restriction_step"
        " (id, account_id, step, cause, profile_id, balance, next_at, source, made_at)"
        " SELECT gen_random_uuid(), id, %(step)s, 'no_tier', profile_id, 0, %(next)s, 'x', %(at)s"
        " FROM ledger.account WHERE id = %(account)s"
    )
    about = {"account": wallet, "at": NOW, "step": "credits_stopped", "next": "2026-07-01"}
    with psycopg.connect(attacker.url) as mine:
        mine.execute(*stop)
        mine.execute(step, about)
    free = (
        "UPDATE kyc.wallet SET restriction = NULL, restriction_cause = NULL, restriction_next_at = NULL",
        {},
    )
    assert attacker.refused(free) == "wallet_restriction_step"
    assert attacker.refused(free, (step, about)) == "wallet_restriction_step"
    forged = (step.replace("source, made_at", "source, made_at, xact").replace("%(at)s", "%(at)s, 1"), about)
    attacker.refused(forged, kind=psycopg.errors.InsufficientPrivilege)


def request_override(database: Database, wallet: UUID) -> UUID:
    with database.connection() as connection:
        request = overrides.request(
            connection, wallet, "enhanced", packs=PACKS, until=UNTIL, actor="clerk-1", reason="seen", at=NOW
        )
        two_persons.approve(
            connection, request, ["tier_override"], actor="clerk-2", reason="seen too", at=NOW, apply=None
        )
    return request


def override(wallet: UUID, approval: UUID, **other: Any) -> Step:
    told = {"id": new_id(), "account": wallet, "approval": approval, "pack": GHANA.id, "tier": "enhanced"}
    return (
        "INSERT INTO kyc.tier_override (id, account_id, pack_id, tier, made_at, until, approval_id)"
        " VALUES (%(id)s, %(account)s, %(pack)s, %(tier)s, %(at)s, %(until)s, %(approval)s)",
        told | {"at": NOW, "until": UNTIL} | other,
    )


@pytest.mark.parametrize(
    "other",
    [
        {"until": UNTIL + timedelta(days=365)},
        {"tier": "medium"},
        {"pack": "in-rbi-ppi-2021"},
        {"at": NOW + timedelta(days=1)},
    ],
)
def test_an_override_is_just_what_two_approved_and_is_used_once(
    attacker: Attacker, database: Database, wallet: UUID, other: dict[str, Any]
) -> None:
    request = request_override(database, wallet)
    assert attacker.refused(override(wallet, request, **other)) == "override_as_approved"
    with psycopg.connect(attacker.url) as mine:
        mine.execute(*override(wallet, request))
    assert attacker.refused(override(wallet, request)) == "tier_override_approval_id_key"


def test_a_wallet_is_held_for_as_long_as_two_approved(
    attacker: Attacker, owner_url: str, database: Database, wallet: UUID
) -> None:
    longer = "UPDATE kyc.wallet SET override_until = %(until)s"
    assert attacker.refused((longer, {"until": UNTIL})) == "wallet_override"
    request = request_override(database, wallet)
    with psycopg.connect(attacker.url) as mine:
        mine.execute(*override(wallet, request))
        mine.execute(longer, {"until": UNTIL})
    assert attacker.refused((longer, {"until": UNTIL + timedelta(days=1)})) == "wallet_override"
    assert end_overrides(database, UNTIL, packs=PACKS) == []  # on a clock that a test sets
    with psycopg.connect(attacker.url) as mine:
        mine.execute(longer, {"until": UNTIL})
    with psycopg.connect(owner_url) as owner:  # as if it were to end in a year
        owner.execute("ALTER TABLE kyc.tier_override DISABLE TRIGGER append_only")
        owner.execute("UPDATE kyc.tier_override SET until = now() + interval '1 year'")
        owner.execute("ALTER TABLE kyc.tier_override ENABLE TRIGGER append_only")
        owner.execute("UPDATE kyc.wallet SET override_until = (SELECT until FROM kyc.tier_override)")
    clock_policy.set_policy(owner_url, ClockPolicy(), actor="owner", reason="as in production")
    assert attacker.refused((longer, {"until": None})) == "wallet_override"


@pytest.mark.parametrize(
    "other", [{"pack": "in-rbi-ppi-2021"}, {"content": "last half"}, {"by": "clerk-9"}], ids=str
)
def test_a_pack_is_accepted_just_as_two_approved_and_once(
    attacker: Attacker, database: Database, other: dict[str, str]
) -> None:
    content = acceptance.content_hash(GHANA)
    if "content" in other:
        other = {"content": content[:32] + "0" * 32}
    with database.connection() as connection:
        request = acceptance.request(connection, GHANA, actor="clerk-1", reason="read", at=NOW)
        two_persons.approve(
            connection, request, ["pack_acceptance"], actor="clerk-2", reason="too", at=NOW, apply=None
        )
    insert = (
        "INSERT INTO kyc.pack_acceptance"
        " (id, pack_id, content_hash, accepted_by, accepted_at, note, approval_id)"
        " VALUES (gen_random_uuid(), %(pack)s, %(content)s, %(by)s, %(at)s, 'unsigned', %(approval)s)"
    )
    about = {"pack": GHANA.id, "content": content, "by": "clerk-1", "at": NOW, "approval": request}
    assert attacker.refused((insert, about | other)) == "pack_as_approved"
    with psycopg.connect(attacker.url) as mine:
        mine.execute(insert, about)
    assert attacker.refused((insert, about)) == "pack_acceptance_approval_id_key"


def test_a_decision_is_not_dated_back_further_than_a_run_of_a_job(
    attacker: Attacker, owner_url: str, wallet: UUID, profile: Callable[[str], UUID]
) -> None:
    """All wallets of a run are decided at the moment at which it began, however long it takes."""
    theirs = profile("enhanced")
    clock_policy.set_policy(owner_url, ClockPolicy(), actor="owner", reason="as in production")
    now = datetime.now(UTC)
    for at in (now - timedelta(days=2), now + timedelta(minutes=1)):
        assert attacker.refused(moved(wallet, at=at)) == "clock_skew"
        assert attacker.refused(decided(wallet, theirs, "medium", at=at)) == "clock_skew"
    began = now - timedelta(hours=2)
    with psycopg.connect(attacker.url) as mine:
        for statement, about in (
            moved(wallet, at=began),
            decided(wallet, theirs, at=began),
            put(wallet, theirs, at=now),
        ):
            mine.execute(statement, about)

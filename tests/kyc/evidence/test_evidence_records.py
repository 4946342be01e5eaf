"""Evidence: states that rise or end, kept by the database; the tier that follows them by itself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shipped import PACKS

from emoney.kyc import Enrolment
from emoney.kyc.errors import InvalidEvidence, UnknownEvidence, UnknownPerson
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import BY_WORD, Assurance, Evidence, EvidenceState, NewEvidence
from emoney.kyc.wallets.retiering import expire_evidence, follow, reached
from emoney.ledger import Database
from emoney.ledger.base.ids import new_id

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
GHANA = PACKS.pack("gh-bog-2024")
LIVE = [
    EvidenceState.DECLARED,
    EvidenceState.CAPTURED,
    EvidenceState.VERIFIED,
    EvidenceState.REGISTRY_VERIFIED,
]


@pytest.fixture
def enrolled(desk: Enrolment, ama: dict[str, Any]) -> Any:
    return desk.enrol(ama | {"evidence": ["address_proof"], "id_expires_on": "2026-06-30"})


def of_kind(connection: Any, person: UUID, kind: str) -> Evidence:
    [found] = [each for each in evidence_records.of_person(connection, person) if each.kind == kind]
    return found


def tier(connection: Any) -> str:
    return str(connection.execute("SELECT tier FROM kyc.wallet").fetchone()[0])


@pytest.mark.parametrize("before", LIVE)
@pytest.mark.parametrize("after", list(EvidenceState))
def test_states_rise_or_end(
    database: Database, enrolled: Any, before: EvidenceState, after: EvidenceState
) -> None:
    rises = after in LIVE and LIVE.index(after) > LIVE.index(before)
    allowed = rises or after in (EvidenceState.REJECTED, EvidenceState.EXPIRED)
    with database.connection() as connection:
        new = NewEvidence(enrolled.person_id, "selfie", before)
        [evidence] = evidence_records.record(
            connection, [new], actor="clerk-1", reason="x", at=NOW, provider="desk"
        )
        said: dict[str, Any] = {"actor": "clerk-1", "reason": "y", "at": NOW, "provider": "desk"}
        if allowed:
            evidence_records.change(connection, evidence, after, **said)
            states = [row["state"] for row in evidence_records.history(connection, evidence)]
            assert states == [before, after]
        else:
            with pytest.raises(InvalidEvidence, match="already"):
                evidence_records.change(connection, evidence, after, **said)
            with pytest.raises(psycopg.errors.IntegrityError, match="does not go"):  # by hand neither
                connection.execute(
                    "UPDATE kyc.evidence SET state = %s, number = number + 1 WHERE id = %s", (after, evidence)
                )
            connection.rollback()


def test_what_has_ended_stays_ended(database: Database, enrolled: Any) -> None:
    with database.connection() as connection:
        phone = of_kind(connection, enrolled.person_id, "phone")
        evidence_records.reject(connection, phone.id, actor="clerk-1", reason="not theirs", at=NOW)
        with pytest.raises(InvalidEvidence, match="final"):
            evidence_records.reject(connection, phone.id, actor="clerk-1", reason="again", at=NOW)
        with pytest.raises(UnknownEvidence):
            evidence_records.reject(connection, new_id(), actor="clerk-1", reason="x", at=NOW)


def test_history_is_the_databases_own(owner_url: str, database: Database, enrolled: Any) -> None:
    with database.connection() as connection:
        phone = of_kind(connection, enrolled.person_id, "phone")
    for statement in (
        "INSERT INTO kyc.evidence_state SELECT * FROM kyc.evidence_state",
        "UPDATE kyc.evidence SET person_id = gen_random_uuid()",
    ):
        with database.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    for statement in (
        "DELETE FROM kyc.evidence",
        "DELETE FROM kyc.evidence_state",
        "UPDATE kyc.evidence_state SET state = 'verified'",
    ):
        with (
            psycopg.connect(owner_url) as connection,
            pytest.raises(psycopg.Error, match=r"append-only|a person"),
        ):
            connection.execute(statement)
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.IntegrityError):
        connection.execute("UPDATE kyc.evidence SET state = 'rejected' WHERE id = %s", (phone.id,))
    for state in ("verified", "registry_verified"):  # nobody stands behind it
        with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("UPDATE kyc.evidence SET state = %s, number = number + 1", (state,))


def test_the_tier_follows_what_is_revoked_and_added(database: Database, enrolled: Any) -> None:
    with database.connection() as connection:
        assert tier(connection) == "enhanced"
        proof = of_kind(connection, enrolled.person_id, "address_proof")
        evidence_records.reject(connection, proof.id, actor="clerk-1", reason="forged", at=NOW)
        [moved] = follow(connection, enrolled.person_id, packs=PACKS, at=NOW)
        assert (moved.before, moved.tier, tier(connection)) == ("enhanced", "medium", "medium")
        assert follow(connection, enrolled.person_id, packs=PACKS, at=NOW) == []
        again = NewEvidence(enrolled.person_id, "address_proof", method="utility bill")
        evidence_records.record(connection, [again], actor="clerk-1", reason="new bill", at=NOW)
        [moved] = follow(connection, enrolled.person_id, packs=PACKS, at=NOW)
        assert (moved.tier, moved.no_tier) == ("enhanced", False)


def test_the_tier_follows_what_expires_by_the_job_and_on_the_call(database: Database, enrolled: Any) -> None:
    last_day = datetime(2026, 6, 30, 23, 59, tzinfo=UTC)
    assert expire_evidence(database, last_day, packs=PACKS) == (0, [])
    with database.connection() as connection:
        assert follow(connection, enrolled.person_id, packs=PACKS, at=last_day) == []
        with connection.transaction(force_rollback=True):  # on the call, where the job has not run
            [moved] = follow(connection, enrolled.person_id, packs=PACKS, at=last_day + timedelta(minutes=1))
            assert moved.tier == "minimum"
    persons, [moved] = expire_evidence(database, last_day + timedelta(minutes=1), packs=PACKS)
    assert (persons, moved.before, moved.tier) == (1, "enhanced", "minimum")
    with database.connection() as connection:
        document = of_kind(connection, enrolled.person_id, "id_document")
        assert (document.state, document.recorded_by) == (EvidenceState.EXPIRED, "evidence-expiry")
        assert document.reason == "past its last day, 2026-06-30"
    assert expire_evidence(database, last_day + timedelta(days=9), packs=PACKS) == (0, [])


def test_who_shows_nothing_any_more_is_at_the_least_tier_and_restricted(
    database: Database, enrolled: Any
) -> None:
    with database.connection() as connection:
        phone = of_kind(connection, enrolled.person_id, "phone")
        evidence_records.reject(connection, phone.id, actor="clerk-1", reason="number reassigned", at=NOW)
        [moved] = follow(connection, enrolled.person_id, packs=PACKS, at=NOW)
        assert (moved.tier, moved.no_tier) == ("minimum", True)
        row = connection.execute("SELECT restriction, restriction_cause FROM kyc.wallet").fetchone()
        assert row == ("credits_stopped", "no_tier")
        new = NewEvidence(enrolled.person_id, "phone", method="one-time code")
        evidence_records.record(connection, [new], actor="clerk-1", reason="new number", at=NOW)
        [moved] = follow(connection, enrolled.person_id, packs=PACKS, at=NOW)
        assert (moved.tier, moved.no_tier) == ("enhanced", False)
        assert connection.execute("SELECT restriction FROM kyc.wallet").fetchone() == (None,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": EvidenceState.REJECTED},
        {"state": EvidenceState.VERIFIED},
        {"method": ""},
        {"method": "a\nb"},
        {"expires_on": date(2026, 6, 9)},
    ],
)
def test_evidence_that_cannot_be_is_not_recorded(
    database: Database, enrolled: Any, count: Any, wrong: dict[str, Any]
) -> None:
    before = count("kyc.evidence")
    new = NewEvidence(enrolled.person_id, "selfie", **wrong)
    with database.connection() as connection, pytest.raises(InvalidEvidence):
        evidence_records.record(connection, [new], actor="clerk-1", reason="x", at=NOW)
    assert count("kyc.evidence") == before


@pytest.mark.parametrize("state", [EvidenceState.VERIFIED, EvidenceState.REGISTRY_VERIFIED])
def test_nobody_is_the_provider_of_what_they_record(
    owner_url: str, database: Database, enrolled: Any, state: EvidenceState
) -> None:
    said: dict[str, Any] = {"actor": "clerk-1", "reason": "me", "at": NOW}
    with database.connection() as connection:
        new = NewEvidence(enrolled.person_id, "selfie")
        [selfie] = evidence_records.record(connection, [new], **said)
        for provider in ("clerk-1", "CLERK-1"):
            with pytest.raises(InvalidEvidence, match="takes another"):
                evidence_records.change(connection, selfie, state, **said, provider=provider)
            verified = NewEvidence(enrolled.person_id, "selfie", state)
            with pytest.raises(InvalidEvidence, match="takes another"):
                evidence_records.record(connection, [verified], **said, provider=provider)
    with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.errors.CheckViolation, match="provider"):
        owner.execute(
            "UPDATE kyc.evidence SET number = 2, state = %s, provider = 'Clerk-1' WHERE id = %s",
            (state.value, selfie),
        )
    with database.connection() as connection:
        evidence_records.change(connection, selfie, state, **said, provider="registry")
        evidence_records.reject(connection, selfie, actor="registry", reason="revoked", at=NOW)
        states = [each["state"] for each in evidence_records.history(connection, selfie)]
    assert states == ["captured", state.value, "rejected"]


def test_evidence_of_nobody_is_refused(database: Database) -> None:
    with database.connection() as connection, pytest.raises(UnknownPerson):
        evidence_records.record(
            connection, [NewEvidence(new_id(), "selfie")], actor="clerk-1", reason="x", at=NOW
        )


pieces = st.builds(
    lambda kind, state, expires: Evidence(
        new_id(), new_id(), kind, 1, state, "m", Assurance.LOW, expires, "clerk-1", "x", None, NOW
    ),
    st.sampled_from(["phone", "id_document", "address_proof", "name", "selfie"]),
    st.sampled_from(list(EvidenceState)),
    st.none() | st.dates(date(2026, 6, 1), date(2026, 6, 30)),
)
days = st.dates(date(2026, 6, 1), date(2026, 7, 2))
RANK = {tier.id: place for place, tier in enumerate(GHANA.tiers)}


@given(st.lists(pieces, max_size=8), pieces, days)
def test_more_evidence_never_loses_a_tier(known: list[Evidence], more: Evidence, day: date) -> None:
    before, none_before, _ = reached(GHANA, known, day)
    after, none_after, _ = reached(GHANA, [*known, more], day)
    assert RANK[after.id] >= RANK[before.id]
    assert not (none_after and not none_before)


@given(st.lists(pieces, max_size=8), days)
def test_the_tier_is_what_the_counting_evidence_asks_for(known: list[Evidence], day: date) -> None:
    counting = {
        each.kind
        for each in known
        if each.state not in (EvidenceState.REJECTED, EvidenceState.EXPIRED)
        and not (each.expires_on and each.expires_on < day)
        and (each.state is not EvidenceState.DECLARED or each.kind in BY_WORD)
    }
    tier, no_tier, _ = reached(GHANA, known, day)
    assert no_tier == ("phone" not in counting)
    if {"phone", "id_document", "address_proof"} <= counting:
        assert tier.id == "enhanced"
    elif {"phone", "id_document"} <= counting:
        assert tier.id == "medium"
    else:
        assert tier.id == "minimum"


@given(st.lists(pieces, max_size=8), days, days)
def test_time_alone_never_gains_a_tier(known: list[Evidence], one: date, other: date) -> None:
    early, late = sorted((one, other))
    assert RANK[reached(GHANA, known, late)[0].id] <= RANK[reached(GHANA, known, early)[0].id]


@given(st.lists(pieces, max_size=8), days, st.randoms(use_true_random=False))
def test_the_order_of_evidence_means_nothing(known: list[Evidence], day: date, random: Any) -> None:
    shuffled = random.sample(known, len(known))
    assert reached(GHANA, known, day) == reached(GHANA, shuffled, day)

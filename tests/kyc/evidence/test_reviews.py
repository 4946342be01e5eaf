"""Risk ratings with reasons, reviews on their dates, terms and consent, and a provider's persons."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emoney.kyc import Enrolment
from emoney.kyc.errors import (
    InvalidTerms,
    NoTier,
    ProviderUnavailable,
    UnknownFactor,
    UnknownPerson,
    UnknownReference,
)
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence import refresh
from emoney.kyc.evidence.records import EvidenceState
from emoney.kyc.evidence.risk_rating import rate, risk_policy
from emoney.kyc.life.calendar_days import working_days_after
from emoney.kyc.persons import consents
from emoney.kyc.persons.provider import EnrolmentProvider, FileProvider, enrol_from
from emoney.ledger import Database
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.windows import months_later

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
POLICY = risk_policy()
FACTORS = list(POLICY.factors)


@pytest.mark.parametrize(
    ("factors", "rating", "points"),
    [
        ([], "standard", 0),
        (["salary_only"], "low", -1),
        (["cash_intensive", "not_face_to_face"], "standard", 4),
        (["cash_intensive", "not_face_to_face", "non_resident"], "high", 5),
        (["politically_exposed", "salary_only"], "high", -1),
    ],
)
def test_rated_from_declared_factors_with_reasons(factors: list[str], rating: str, points: int) -> None:
    rated = rate(POLICY, factors)
    assert (rated.rating, rated.points) == (rating, points)
    assert len(rated.reasons) == len(factors)
    assert all(reason.split(":")[0] in factors for reason in rated.reasons)


@given(st.sets(st.sampled_from(FACTORS)), st.sampled_from(FACTORS))
def test_what_raises_the_points_never_lowers_the_rating(declared: set[str], more: str) -> None:
    order = ["low", "standard", "high"]
    before, after = rate(POLICY, declared).rating, rate(POLICY, declared | {more}).rating
    if POLICY.factors[more].always or POLICY.factors[more].points > 0:
        assert order.index(after) >= order.index(before)
    elif not POLICY.factors[more].always:
        assert order.index(after) <= order.index(before)


def test_a_factor_that_is_not_known_is_refused_unseen() -> None:
    with pytest.raises(UnknownFactor, match="1 of the factors are not in the policy") as refused:
        rate(POLICY, ["Ama Serwaa"])
    assert "Serwaa" not in str(refused.value)


@pytest.fixture
def person(desk: Enrolment, ama: dict[str, Any]) -> Any:
    return desk.enrol(ama).person_id


def dues(database: Database, until: date) -> list[tuple[str, date]]:
    with database.connection() as connection:
        return [(each.rating, each.due_on) for each in refresh.due(connection, until)]


def test_reviewed_within_five_years_or_one_at_high_risk(database: Database, person: Any) -> None:
    far = date(2040, 1, 1)
    assert dues(database, far) == [("unrated", date(2031, 6, 10))]
    assert dues(database, date(2031, 6, 9)) == []
    with database.connection() as connection:
        rated = refresh.rate(
            connection, person, ["politically_exposed"], POLICY, actor="clerk-1", reason="declared", at=NOW
        )
        assert rated.rating == "high"
    assert dues(database, far) == [("high", date(2027, 6, 10))]
    with database.connection() as connection:
        next_due = refresh.review(
            connection, person, POLICY.refresh, actor="clerk-1", reason="met", at=NOW + timedelta(days=300)
        )
    assert next_due == date(2028, 4, 6)
    with database.connection() as connection:
        refresh.rate(connection, person, [], POLICY, actor="clerk-1", reason="left office", at=NOW)
    assert dues(database, far) == [("standard", date(2032, 4, 6))]


def test_reminders_are_events_each_once(database: Database, person: Any) -> None:
    def reminded(day: date) -> int:
        with database.connection() as connection:
            return refresh.remind(
                connection, POLICY.refresh, datetime(day.year, day.month, day.day, tzinfo=UTC)
            )

    due = date(2031, 6, 10)
    told = [day for n in range(-90, 30) if reminded(day := due + timedelta(days=n))]
    assert told == [due - timedelta(days=60), due - timedelta(days=14), due]
    with database.connection() as connection:
        payloads = [
            row[0] for row in connection.execute("SELECT payload FROM ledger.event ORDER BY position")
        ]
    assert [payload["days_left"] for payload in payloads] == [60, 14, 0]


def test_what_a_new_rating_puts_into_the_past_is_told_of_at_once(database: Database, person: Any) -> None:
    late = NOW + timedelta(days=800)
    with database.connection() as connection:
        refresh.rate(connection, person, ["suspicion"], POLICY, actor="clerk-1", reason="reported", at=late)
        assert refresh.remind(connection, POLICY.refresh, late) == 1
        assert refresh.remind(connection, POLICY.refresh, late) == 0
    assert dues(database, late.date()) == [("high", date(2027, 6, 10))]


def test_nobody_unknown_is_rated(database: Database) -> None:
    with database.connection() as connection, pytest.raises(UnknownPerson):
        refresh.rate(connection, new_id(), [], POLICY, actor="clerk-1", reason="x", at=NOW)


def test_ratings_and_reviews_are_never_changed(owner_url: str, database: Database, person: Any) -> None:
    with database.connection() as connection:
        refresh.rate(connection, person, [], POLICY, actor="clerk-1", reason="x", at=NOW)
        refresh.review(connection, person, POLICY.refresh, actor="clerk-1", reason="x", at=NOW)
    for table in ("risk_rating", "review_done"):
        with (
            psycopg.connect(owner_url) as connection,
            pytest.raises(psycopg.Error, match=r"append-only|only when a person"),
        ):
            connection.execute(f"DELETE FROM kyc.{table}")  # type: ignore[arg-type]


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(-120, 120))
def test_months_are_calendar_months(day: date, months: int) -> None:
    later = months_later(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and months_later(later, 0).day >= 28)


def test_working_days() -> None:
    friday = datetime(2026, 6, 12, 9, tzinfo=UTC)
    assert working_days_after(friday, 2) == datetime(2026, 6, 16, 9, tzinfo=UTC)
    assert working_days_after(friday, 2, [date(2026, 6, 15)]) == datetime(2026, 6, 17, 9, tzinfo=UTC)
    assert months_later(date(2024, 2, 29), 12) == date(2025, 2, 28)


def published(database: Database, version: str, since: date) -> None:
    with database.connection() as connection:
        consents.publish(
            connection,
            "terms_of_use",
            version,
            "en-GH",
            f"Terms {version}".encode(),
            effective_from=since,
            actor="legal-1",
            at=NOW,
        )


def test_terms_are_rolled_back_with_their_caller(database: Database) -> None:
    about = {"effective_from": date(2026, 1, 1), "actor": "legal-1", "at": NOW}
    with database.connection() as connection:
        consents.publish(connection, "terms_of_use", "9", "en-GH", b"Terms 9", **about)  # type: ignore[arg-type]
        connection.rollback()
    with database.connection() as connection:
        consents.publish(connection, "terms_of_use", "9", "en-GH", b"Terms 9", **about)  # type: ignore[arg-type]


def said(database: Database, person: Any, version: str, given: bool, minutes: int = 0) -> None:
    with database.connection() as connection:
        consents.record(
            connection,
            person,
            "terms_of_use",
            version,
            "en-GH",
            given=given,
            channel="app",
            actor="app-1",
            at=NOW + timedelta(minutes=minutes),
        )


def test_consent_to_a_version_and_its_withdrawal(database: Database, person: Any) -> None:
    published(database, "1", date(2026, 1, 1))
    with database.connection() as connection:
        assert consents.outdated(connection, person, NOW) == ["terms_of_use"]
    said(database, person, "1", True)
    with database.connection() as connection:
        [held] = consents.standing(connection, person)
        assert (held.version, held.given, held.channel) == ("1", True, "app")
        assert consents.outdated(connection, person, NOW) == []
    published(database, "2", date(2026, 7, 1))
    with database.connection() as connection:
        assert consents.outdated(connection, person, NOW) == []
        assert consents.outdated(connection, person, NOW + timedelta(days=30)) == ["terms_of_use"]
    said(database, person, "1", False, 1)
    with database.connection() as connection:
        [held] = consents.standing(connection, person)
        assert not held.given
    with pytest.raises(InvalidTerms, match="no consent to terms_of_use to withdraw"):
        said(database, person, "1", False, 2)


def test_terms_that_cannot_be(database: Database, person: Any) -> None:
    published(database, "1", date(2026, 1, 1))
    with pytest.raises(InvalidTerms, match="published already"):
        published(database, "1", date(2026, 1, 1))
    with pytest.raises(InvalidTerms, match="is not published"):
        said(database, person, "9", True)
    with pytest.raises(InvalidTerms, match="version up to 40"):
        published(database, "x" * 41, date(2026, 1, 1))


KOFI = {
    "reference": "idp-7",
    "details": {"currency": "GHS", "name": "Kofi Mensah", "phone": "+233244771905"},
    "evidence": [
        {"kind": "phone", "state": "verified", "method": "one-time code", "assurance": "substantial"},
        {
            "kind": "id_document",
            "state": "registry_verified",
            "method": "national register",
            "assurance": "high",
            "expires_on": "2031-01-31",
        },
    ],
}


def provider(tmp_path: Path, *persons: Any) -> EnrolmentProvider:
    path = tmp_path / "provider.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in persons) + "\n")
    return FileProvider(path, "acme-id")


def test_a_providers_person_is_enrolled_with_what_it_stands_behind(
    desk: Enrolment, database: Database, tmp_path: Path
) -> None:
    enrolled = enrol_from(desk, provider(tmp_path, KOFI), "idp-7", "P-7")
    assert (enrolled.wallet, enrolled.tier) == ("P-7", "medium")
    with database.connection() as connection:
        known = evidence_records.of_person(connection, enrolled.person_id)
        assert {(each.kind, each.state, each.provider) for each in known} >= {
            ("id_document", EvidenceState.REGISTRY_VERIFIED, "acme-id"),
            ("phone", EvidenceState.VERIFIED, "acme-id"),
        }
        assert connection.execute("SELECT tier FROM kyc.wallet").fetchall() == [("medium",)]


def test_nobody_is_enrolled_without_the_evidence(desk: Enrolment, tmp_path: Path, count: Any) -> None:
    bad = KOFI | {"evidence": [KOFI["evidence"][0] | {"expires_on": "2020-01-01"}]}  # type: ignore[index,operator]
    with pytest.raises(Exception, match="last day has passed"):
        enrol_from(desk, provider(tmp_path, bad), "idp-7", "P-7")
    nobody = KOFI | {"details": {"currency": "GHS"}, "evidence": []}
    with pytest.raises(NoTier):
        enrol_from(desk, provider(tmp_path, nobody), "idp-7", "P-7")
    assert count("kyc.person") == count("kyc.evidence") == 0


def test_a_provider_that_does_not_know_or_cannot_be_read(desk: Enrolment, tmp_path: Path) -> None:
    with pytest.raises(UnknownReference):
        enrol_from(desk, provider(tmp_path, KOFI), "idp-8", "P-7")
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        FileProvider(tmp_path / "missing.jsonl")
    for bad in (
        KOFI | {"evidence": [{"kind": "phone"}]},
        {"reference": 7},
        ["Kofi"],
        KOFI | {"details": None},
    ):
        with pytest.raises(ProviderUnavailable, match="line 2 of the provider's file") as refused:
            provider(tmp_path, KOFI | {"reference": "x"}, bad)
        assert "Kofi" not in str(refused.value)
    with pytest.raises(ProviderUnavailable, match="line 2"):
        provider(tmp_path, KOFI, KOFI)

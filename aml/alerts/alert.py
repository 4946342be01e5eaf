"""Alerts: an episode that a scenario found is stored once, and grows when the episode does.

An alert is known by scenario, subject and the start of its window; its id is derived from these. An episode
that overlaps a stored alert of its scenario and subject is that alert: further evidence is added, the window
gets longer, score and sentence are the present ones. Nothing is ever taken out of an alert, and running the
same monitoring again changes nothing.

Cost: two round trips per 500 subjects, and three per alert that is new or has grown. Locks: one advisory
lock.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from itertools import groupby, islice
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from emoney.aml.alerts.episodes import Episode
from emoney.aml.alerts.tables import AlertAccountRow, AlertRow, AlertTransferRow
from emoney.ledger.base import turns
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import derived_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)
_SUBJECTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert with its evidence. `accounts` and `transfers` are the operator's references, the subject
    first.
    """

    id: UUID
    scenario: str
    scenario_version: str
    subject: str
    currency: str
    window_start: datetime
    window_end: datetime
    score: float
    why: str
    status: str
    detected_at: datetime
    changed_at: datetime
    accounts: tuple[str, ...]
    transfers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The alert as plain values for JSON: times in ISO 8601, `score` from 0 to 1."""
        return {
            "id": str(self.id),
            "scenario": self.scenario,
            "scenario_version": self.scenario_version,
            "subject": self.subject,
            "score": round(self.score, 4),
            "currency": self.currency,
            "window": {"start": self.window_start.isoformat(), "end": self.window_end.isoformat()},
            "why": self.why,
            "status": self.status,
            "detected_at": self.detected_at.isoformat(),
            "accounts": list(self.accounts),
            "transfers": list(self.transfers),
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """How many alerts were raised, have grown, or were there already as they are."""

    new: int = 0
    grown: int = 0
    unchanged: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(self.new + other.new, self.grown + other.grown, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True)
class _Known:
    row: AlertRow
    transfers: frozenset[UUID]


@reads_tuples
def store(
    connection: Connection, scenario: str, version: str, episodes: Iterable[Episode], now: datetime
) -> Stored:
    """Store `episodes` (those of one subject next to each other) of a scenario as alerts."""
    turns.take(connection, "aml.alert")
    subjects = groupby(episodes, key=lambda episode: episode.subject)
    grouped = ((subject, list(found)) for subject, found in subjects)
    total = Stored()
    while chunk := dict(islice(grouped, _SUBJECTS_AT_ONCE)):
        known = _known(connection, scenario, list(chunk))
        for subject, found in chunk.items():
            for alert, episode in _matched(found, known.get(subject, [])):
                total += _store_one(connection, scenario, version, alert, episode, now)
    return total


def list_alerts(
    connection: Connection,
    *,
    scenario: str | None = None,
    subject: str | None = None,
    score_min: float = 0.0,
    limit: int | None = None,
) -> list[Alert]:
    """Alerts by falling score: of one scenario, or on one subject (an external reference), or all.

    Raises InvalidInput for a limit below 1 or a score outside 0 to 1.
    """
    if limit is not None and limit < 1:
        raise InvalidInput(f"limit is {limit}; give 1 or more, or none for all")
    if not 0 <= score_min <= 1:
        raise InvalidInput(f"score_min is {score_min}; scores are from 0 to 1")
    subject_first = (col(AlertAccountRow.part) == "subject").desc()
    accounts = select(AlertAccountRow.account_ref).where(AlertAccountRow.alert_id == AlertRow.id)
    reference = func.coalesce(AlertTransferRow.reference, cast(AlertTransferRow.transfer_id, Text))
    transfers = select(reference).where(AlertTransferRow.alert_id == AlertRow.id)
    found = select(
        AlertRow,
        _array(accounts.order_by(subject_first, col(AlertAccountRow.account_ref))),
        _array(transfers.order_by(col(AlertTransferRow.at), col(AlertTransferRow.transfer_id))),
    ).where(AlertRow.score >= score_min)
    if scenario is not None:
        found = found.where(AlertRow.scenario == scenario)
    if subject is not None:
        found = found.where(AlertRow.subject_ref == subject)
    by_score = (
        col(AlertRow.score).desc(),
        col(AlertRow.window_start),
        col(AlertRow.scenario),
        col(AlertRow.id),
    )
    return [_alert(*row) for row in read(connection, found.order_by(*by_score).limit(limit))]


@reads_tuples
def alerts_per_day(connection: Connection) -> list[tuple[date, str, int]]:
    """How many alerts of each scenario end on each UTC day: (day, scenario, alerts)."""
    return connection.execute(_queries.per_day.sql).fetchall()


@reads_tuples
def alerts_per_scenario(connection: Connection) -> dict[str, tuple[int, int, float]]:
    """Per scenario: alerts, distinct subjects, greatest score."""
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(_queries.per_scenario.sql)}


def _array(of: SelectOfScalar[str]) -> Any:
    return func.array(of.scalar_subquery(), type_=ARRAY(Text))


def _alert(row: AlertRow, accounts: list[str], transfers: list[str]) -> Alert:
    return Alert(
        row.id,
        row.scenario,
        row.scenario_version,
        row.subject_ref,
        row.currency,
        row.window_start,
        row.window_end,
        row.score,
        row.why,
        row.status,
        row.detected_at,
        row.changed_at,
        tuple(accounts),
        tuple(transfers),
    )


def _known(connection: Connection, scenario: str, subjects: list[UUID]) -> dict[UUID, list[_Known]]:
    """The stored alerts of a scenario on these subjects, oldest window first."""
    raised = select(AlertRow).where(AlertRow.scenario == scenario, col(AlertRow.subject).in_(subjects))
    rows = read(connection, raised.order_by(col(AlertRow.window_start), col(AlertRow.id)))
    evidence: dict[UUID, set[UUID]] = {row.id: set() for row in rows}
    of = select(AlertTransferRow.alert_id, AlertTransferRow.transfer_id)
    for alert, transfer in read(connection, of.where(col(AlertTransferRow.alert_id).in_(evidence))):
        evidence[alert].add(transfer)
    known: dict[UUID, list[_Known]] = {}
    for row in rows:
        known.setdefault(row.subject, []).append(_Known(row, frozenset(evidence[row.id])))
    return known


def _matched(found: Sequence[Episode], known: Sequence[_Known]) -> Iterator[tuple[_Known | None, Episode]]:
    """Each episode of a subject with the oldest alert it overlaps; those of one alert joined into one."""
    of_alert: dict[UUID, list[Episode]] = {}
    for episode in found:
        alert = next((each for each in known if _overlap(each.row, episode)), None)
        if alert is None:
            yield None, episode
        else:
            of_alert.setdefault(alert.row.id, []).append(episode)
    for alert in known:
        if alert.row.id in of_alert:
            yield alert, reduce(Episode.joined, of_alert[alert.row.id])


def _overlap(alert: AlertRow, episode: Episode) -> bool:
    return alert.window_start <= episode.window_end and episode.window_start <= alert.window_end


def _store_one(
    connection: Connection,
    scenario: str,
    version: str,
    alert: _Known | None,
    episode: Episode,
    now: datetime,
) -> Stored:
    start, end = episode.window_start, episode.window_end
    if alert is None:
        row = AlertRow(
            id=derived_id(start, "aml.alert", scenario, str(episode.subject), start.isoformat()),
            scenario=scenario,
            scenario_version=version,
            subject=episode.subject,
            subject_ref=episode.subject_ref,
            currency=episode.currency,
            window_start=start,
            window_end=end,
            score=episode.score,
            why=episode.why,
            detected_at=now,
            changed_at=now,
        )
    else:
        row = alert.row
        start, end = min(start, row.window_start), max(end, row.window_end)
        present = (start, end, episode.score, episode.why, version)
        as_stored = (row.window_start, row.window_end, row.score, row.why, row.scenario_version)
        if present == as_stored and alert.transfers >= {each.transfer_id for each in episode.evidence}:
            return Stored(unchanged=1)
        row.window_start, row.window_end, row.score, row.why, row.scenario_version = present
        row.changed_at = now
    add(connection, row)
    _add_evidence(connection, row.id, episode)
    return Stored(grown=1) if alert else Stored(new=1)


def _add_evidence(connection: Connection, alert_id: UUID, episode: Episode) -> None:
    connection.execute(
        _queries.add_transfers.sql,
        {
            "id": alert_id,
            "transfers": [each.transfer_id for each in episode.evidence],
            "references": [each.reference for each in episode.evidence],
            "parts": [each.part for each in episode.evidence],
            "ats": [each.at for each in episode.evidence],
        },
    )
    accounts = [(episode.subject, episode.subject_ref, "subject")]
    accounts += [(account, ref, "counterparty") for account, ref in episode.accounts]
    ids, refs, parts = zip(*accounts, strict=True)
    connection.execute(
        _queries.add_accounts.sql,
        {"id": alert_id, "accounts": list(ids), "refs": list(refs), "parts": list(parts)},
    )

"""What a scenario found, one value per subject and window: the answer of its expression, read row by row."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import ibis.expr.types as ir

from emoney.aml.scenarios import Scenario

HOLDERS = ("customer", "merchant")
"""Kinds of accounts that are named in an alert; agents and the issuer's own accounts appear as transfers
only.
"""
_CHUNK_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """A transfer of an episode. `part`: what it is in it, such as "payment" or "funding"."""

    transfer_id: UUID
    reference: str | None
    part: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """The window in which a subject matched a scenario. `score` from 0 to 1, `accounts` without the
    subject.
    """

    subject: UUID
    subject_ref: str
    currency: str
    window_start: datetime
    window_end: datetime
    score: float
    why: str
    evidence: tuple[Evidence, ...]
    accounts: tuple[tuple[UUID, str], ...]

    def joined(self, other: "Episode") -> "Episode":
        """Both as one: the longer window, all the evidence, and the sentence of the one that scores
        higher.
        """
        strongest = max(self, other, key=lambda each: (each.score, -each.window_start.timestamp()))
        known = {each.transfer_id: each for each in (*self.evidence, *other.evidence)}
        return replace(
            strongest,
            window_start=min(self.window_start, other.window_start),
            window_end=max(self.window_end, other.window_end),
            evidence=tuple(sorted(known.values(), key=lambda each: (each.at, each.transfer_id))),
            accounts=tuple(sorted({*self.accounts, *other.accounts}, key=itemgetter(1))),
        )


def find(scenario: Scenario, engine: Any, transfers: ir.Table) -> Iterator[Episode]:
    """Run `scenario` over `transfers` on `engine` (an Ibis backend) and give its episodes, ordered by
    subject.
    """
    found = scenario.alerts(transfers)
    ordered = found.order_by(["subject", "window_start", "at", "transfer_id"])
    batches = engine.to_pyarrow_batches(ordered, chunk_size=_CHUNK_ROWS)
    rows = (row for batch in batches for row in batch.to_pylist())
    for _, group in groupby(rows, key=itemgetter("subject", "window_start")):
        yield _episode(scenario, list(group))


def _episode(scenario: Scenario, rows: list[dict[str, Any]]) -> Episode:
    first = rows[0]
    others = {
        (row[f"{side}_account"], row[f"{side}_ref"])
        for row in rows
        for side in ("debit", "credit")
        if row[f"{side}_kind"] in HOLDERS and row[f"{side}_account"] != first["subject"]
    }
    return Episode(
        subject=UUID(first["subject"]),
        subject_ref=first["subject_ref"],
        currency=first["currency"],
        window_start=_utc(first["window_start"]),
        window_end=_utc(first["window_end"]),
        score=first["score"],
        why=scenario.why(first),
        evidence=tuple(
            Evidence(UUID(row["transfer_id"]), row["reference"], row["part"], _utc(row["at"])) for row in rows
        ),
        accounts=tuple(sorted(((UUID(account), ref) for account, ref in others), key=itemgetter(1))),
    )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)

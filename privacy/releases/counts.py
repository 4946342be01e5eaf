"""Counts for publication: each with noise, and all of one purpose within a budget that only shrinks.

Neighbouring databases differ in one person. A question counts each person in at most one of its cells, which
are named beforehand and not found in the data; so one person more or less changes all cells together by at
most 1, and discrete Laplace noise of scale 1/epsilon on each gives epsilon-differential privacy for the whole
answer (Dwork et al. 2006; Ghosh et al. 2009). Answers of one budget add up their epsilon, as do budgets.

The noise is OpenDP's: sampled exactly in integers and rationals (Canonne et al. 2020), so that it leaks
nothing through floating point (Mironov 2012), from a cryptographic generator that needs no seed of ours.

The count is read, its epsilon spent and the noisy answer recorded in one transaction of its own, and the
answer is told once that is committed: nobody learns it and rolls back.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from psycopg.errors import CheckViolation, UniqueViolation
from psycopg.types.json import Jsonb
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.extras import demanded
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import read
from emoney.privacy.pseudonyms.domains import checked_name, checked_purpose
from emoney.privacy.releases.errors import BudgetSpent, InvalidBudget, InvalidCount
from emoney.privacy.releases.tables import CountBudgetRow, CountSpentRow, PublishedCountRow

EPSILON_MAX, EPSILON_STEP = Decimal(10), Decimal("0.000001")
CELLS_MAX, QUESTION_MAX = 1000, 200
COUNT_MAX = 1 << 53
LISTED_MAX = 1000
ACCURACY_ALPHA = 0.05

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget: `epsilon` in all, `spent` of it."""

    name: str
    purpose: str
    epsilon: Decimal
    spent: Decimal
    answers: int
    opened_by: str
    opened_at: datetime

    @property
    def left(self) -> Decimal:
        """What is left of it."""
        return self.epsilon - self.spent


@dataclass(frozen=True, slots=True)
class Published:
    """An answer as it was told. `cells`: the noisy counts, which may be below zero; they add up unbiased.

    `within`: each true count is nearer to its cell than this in 95 of 100 answers.
    """

    id: UUID
    budget: str
    question: str
    epsilon: Decimal
    cells: dict[str, int]
    within: int
    published_by: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What is counted: persons, each in at most one of `cells`. `count` reads the true numbers.

    `cells` must follow from the question alone: a cell that is there because someone is in it tells that.
    Whose processing is restricted is not to be counted: `privacy.restricted_v1()` has them.
    """

    text: str
    cells: Sequence[str]
    count: Callable[[Connection], Mapping[str, int]]


@all_or_nothing
def open_budget(
    connection: Connection, name: str, *, purpose: str, epsilon: Decimal | str, actor: str, at: datetime
) -> None:
    """Open a budget for one purpose of publication; it can be spent, and never raised or refilled.

    `epsilon`: 0.000001 to 10, in steps of 0.000001. Raises InvalidBudget, InvalidRequest.
    """
    values = {"id": new_id(), "name": checked_name(name), "purpose": checked_purpose(purpose)}
    values |= {"epsilon": _epsilon(epsilon, InvalidBudget), "actor": Actor(actor), "at": at}
    if read(connection, _spent_of(name)):
        raise InvalidBudget(f"there is a budget {name} already, and a budget is not raised: open another")
    try:
        connection.execute(_queries.open_budget.sql, values)
    except UniqueViolation:
        raise InvalidBudget(f"there is a budget {name} already, and a budget is not raised") from None


def publish(
    database: Database,
    budget: str,
    question: Question,
    *,
    epsilon: Decimal | str,
    actor: str,
    clock: Clock = system_clock,
) -> Published:
    """Count, add noise, spend `epsilon` of the budget, record, and tell: see the module's header.

    Raises BudgetSpent when what is left does not cover it, InvalidCount, InvalidBudget for an unknown one,
    and MissingExtra without `emoney[release]`.
    """
    spend = _epsilon(epsilon, InvalidCount)
    noise = _Noise(spend)
    cells = _checked_cells(question)
    published_by, at, answer_id = Actor(actor), clock(), new_id()
    with database.connection() as connection:
        found = read(connection, _spent_of(budget))
        if not found:
            raise InvalidBudget("there is no such budget; see `emoney privacy count budgets`")
        _demand_left(budget, found[0].epsilon - found[0].spent, spend)
        true = question.count(connection)
        if not true.keys() <= set(cells) or not all(0 <= number < COUNT_MAX for number in true.values()):
            raise InvalidCount("the count has a cell that its question does not name, or is out of bounds")
        told = dict(zip(cells, noise.on([true.get(cell, 0) for cell in cells]), strict=True))
        values = {"id": answer_id, "budget": budget, "question": question.text, "epsilon": spend}
        values |= {"scale": noise.scale, "cells": Jsonb(told), "actor": published_by, "at": at}
        try:
            connection.execute(_queries.publish.sql, values)
        except CheckViolation as error:
            if error.diag.constraint_name != "within_budget":
                raise
            raise _spent(budget, spend) from None
    return Published(answer_id, budget, question.text, spend, told, noise.within, published_by, at)


def budgets(connection: Connection) -> list[Budget]:
    """All budgets, by name; at most 1,000."""
    name = col(CountBudgetRow.name)
    answers = select(func.count()).where(PublishedCountRow.budget == name).scalar_subquery()
    of = select(CountBudgetRow, col(CountSpentRow.spent), answers)
    of = of.join(CountSpentRow, col(CountSpentRow.budget) == name).order_by(name).limit(LISTED_MAX)
    return [
        Budget(row.name, row.purpose, row.epsilon, spent, count, row.opened_by, row.opened_at)
        for row, spent, count in read(connection, of)
    ]


def every(connection: Connection) -> list[Published]:
    """All answers, the newest first; at most 1,000."""
    newest_first = select(PublishedCountRow).order_by(
        col(PublishedCountRow.published_at).desc(), col(PublishedCountRow.id)
    )
    return [
        Published(
            row.id,
            row.budget,
            row.question,
            row.epsilon,
            row.cells,
            _within(row.scale),
            row.published_by,
            row.published_at,
        )
        for row in read(connection, newest_first.limit(LISTED_MAX))
    ]


class _Noise:
    """Discrete Laplace noise for an answer whose cells change together by at most 1."""

    def __init__(self, epsilon: Decimal) -> None:
        dp = _opendp()
        space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
        limit, self.scale = float(epsilon), 1 / float(epsilon)
        while True:
            self._measurement = dp.m.make_laplace(*space, scale=self.scale)
            if self._measurement.map(1) <= limit:
                break
            self.scale = math.nextafter(self.scale, math.inf)  # 1/epsilon was rounded down
        self.within = _within(self.scale)

    def on(self, counts: list[int]) -> list[int]:
        """The counts with noise."""
        return list(self._measurement(counts))


def _within(scale: float) -> int:
    """The smallest w such that noise of this scale is w or more, either way, in at most 5 of 100 draws.

    P(|noise| >= w) = 2 q^w / (1 + q) with q = exp(-1/scale).
    """
    q = math.exp(-1 / scale)
    return max(1, math.ceil(math.log(ACCURACY_ALPHA * (1 + q) / 2) * -scale))


def _epsilon(value: Decimal | str, error: type[InvalidBudget] | type[InvalidCount]) -> Decimal:
    try:
        epsilon = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        epsilon = Decimal("nan")
    if not epsilon.is_finite() or not EPSILON_STEP <= epsilon <= EPSILON_MAX or epsilon % EPSILON_STEP:
        raise error(f"an epsilon is {EPSILON_STEP} to {EPSILON_MAX}, in steps of {EPSILON_STEP}")
    return epsilon


def _checked_cells(question: Question) -> list[str]:
    cells = list(question.cells)
    if not 1 <= len(cells) <= CELLS_MAX or len(set(cells)) < len(cells):
        raise InvalidCount(f"a question has 1 to {CELLS_MAX} different cells")
    if not 1 <= len(question.text) <= QUESTION_MAX or not question.text.isprintable():
        raise InvalidCount(f"a question is 1 to {QUESTION_MAX} printable characters")
    return cells


def _spent_of(budget: str) -> SelectOfScalar[CountSpentRow]:
    return select(CountSpentRow).where(CountSpentRow.budget == budget)


def _demand_left(budget: str, left: Decimal, spend: Decimal) -> None:
    if spend > left:
        raise _spent(budget, spend, left)


def _spent(budget: str, spend: Decimal, left: Decimal | None = None) -> BudgetSpent:
    rest = f", and {left.normalize():f} is left" if left is not None else ""
    return BudgetSpent(
        f"the budget {budget} does not cover an epsilon of {spend.normalize():f}{rest}: ask with less, or "
        "use what was published before (`emoney privacy count list`)"
    )


def _opendp() -> Any:
    with demanded("release"):
        import opendp.prelude as dp
    dp.enable_features("contrib")  # where OpenDP keeps the Laplace mechanism, proofs included
    return dp

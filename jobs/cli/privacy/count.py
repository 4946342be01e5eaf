"""`emoney privacy count`: counts for publication, with noise, within budgets."""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from emoney.jobs.cli.options import Actor
from emoney.jobs.cli.output import AsJson, fail, print_json, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.installation import policy_packs
from emoney.kyc.persons import population
from emoney.privacy.releases import counts

count = group("Counts for publication: with noise (differential privacy), within a budget.")
Epsilon = Annotated[str, typer.Option(help="Privacy loss: 0.000001 to 10; less is more noise.")]


class Asked(StrEnum):
    """The questions there are."""

    HOLDERS = "holders"
    BY_TIER = "holders-by-tier"
    ACTIVE = "holders-active"


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.add_typer(count, name="count")


@count.command("open-budget")
def open_budget(
    name: Annotated[str, typer.Argument(help="The budget's name, such as annual-report-2026.")],
    purpose: Annotated[str, typer.Option(help="What the counts are published for.")],
    epsilon: Epsilon,
    actor: Actor,
    as_json: AsJson = False,
) -> None:
    """Open a budget: what all counts published under it may add up to."""
    with opened_connection() as (emoney, connection):
        counts.open_budget(connection, name, purpose=purpose, epsilon=epsilon, actor=actor, at=emoney.clock())
    if as_json:
        print_json({"budget": name, "epsilon": epsilon})
    else:
        screen.print(f"budget {name}: epsilon {epsilon}", highlight=False)


@count.command()
def publish(
    question: Annotated[Asked, typer.Argument(help="What is counted: natural persons with an open wallet.")],
    budget: Annotated[str, typer.Option(help="The budget to spend from.")],
    epsilon: Epsilon,
    actor: Actor,
    pack: Annotated[str | None, typer.Option(help="The policy pack, for holders-by-tier.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day, for holders-active.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count, with noise, and spend from the budget. The true count is told to nobody."""
    asked = _question(question, pack, since)
    with opened() as emoney:
        told = counts.publish(
            emoney.database, budget, asked, epsilon=epsilon, actor=actor, clock=emoney.clock
        )
        with emoney.database.connection() as connection:
            left = next(each.left for each in counts.budgets(connection) if each.name == budget)
    if as_json:
        print_json(asdict(told) | {"left": left})
        return
    rows = [(cell, number, f"±{told.within}") for cell, number in told.cells.items()]
    table(told.question, ("cell", "count", "in 95 of 100"), rows, right=("count", "in 95 of 100"))
    screen.print(f"epsilon {_plain(told.epsilon)} spent, {_plain(left)} of {budget} is left", highlight=False)


@count.command("list")
def list_counts(as_json: AsJson = False) -> None:
    """What was published, as it was told: asking again is not needed, and would cost again."""
    with opened_connection() as (_, connection):
        found = counts.every(connection)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            f"{each.published_at:%Y-%m-%d %H:%M}",
            each.question,
            ", ".join(f"{cell} {number}" for cell, number in each.cells.items()),
            f"±{each.within}",
            _plain(each.epsilon),
        )
        for each in found
    ]
    table(
        "Published counts", ("at", "question", "counts", "95 %", "epsilon"), rows, right=("95 %", "epsilon")
    )


@count.command()
def budgets(as_json: AsJson = False) -> None:
    """The budgets, and what is left of each."""
    with opened_connection() as (_, connection):
        found = counts.budgets(connection)
    if as_json:
        print_json([asdict(each) | {"left": each.left} for each in found])
        return
    rows = [
        (each.name, _plain(each.epsilon), _plain(each.spent), _plain(each.left), each.answers, each.purpose)
        for each in found
    ]
    table(
        "Budgets",
        ("budget", "epsilon", "spent", "left", "answers", "purpose"),
        rows,
        right=("epsilon", "spent", "left", "answers"),
    )
    if found:
        total = sum(each.spent for each in found)
        screen.print(
            f"{_plain(total)} over all budgets: what one person's losses can add up to", highlight=False
        )


def _question(asked: Asked, pack: str | None, since: datetime | None) -> counts.Question:
    if asked is Asked.BY_TIER:
        if pack is None:
            fail("holders-by-tier needs --pack, such as --pack gh-bog-2024", 2)
        return population.holders_by_tier(policy_packs(), pack)
    if asked is Asked.ACTIVE:
        if since is None:
            fail("holders-active needs --since, such as --since 2026-01-01", 2)
        return population.holders_active_since(since.date())
    return population.holders()


def _plain(epsilon: object) -> str:
    text = f"{epsilon:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

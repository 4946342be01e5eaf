"""`emoney privacy breach` and `emoney privacy exposure`: openings, what a loss exposes, the register."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from emoney.jobs.cli.options import ActorOrAnybody
from emoney.jobs.cli.output import AsJson, fail, print_json, screen, table, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.jobs.tables import metadata
from emoney.privacy.breaches import exposure
from emoney.privacy.breaches import register as breaches
from emoney.privacy.breaches.exposure import Exposure, Held
from emoney.privacy.breaches.register import Breach, BreachChange, BreachStanding

app = group(
    "Breaches: what was opened in a period; the register and its 72-hour clock.", no_args_is_help=False
)

Id = Annotated[UUID, typer.Argument(help="The breach, as `list` names it.")]
NotifiedAt = Annotated[
    datetime | None, typer.Option(help="When the supervisory authority was notified, UTC.")
]
LateReason = Annotated[
    str | None, typer.Option(help="The reasons for a notification after the due time (GDPR art. 33(1)).")
]
NoRiskReason = Annotated[
    str | None, typer.Option(help="Why a risk to persons is unlikely, so that no notification is due.")
]
_COUNTED = ("category", "columns", "fields", "subjects")


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.add_typer(app, name="breach")
    privacy.command("exposure")(exposure_)


@app.callback(invoke_without_command=True)
def opened(
    context: typer.Context,
    start: Annotated[datetime | None, typer.Option("--from", help="From this moment on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Before this moment, UTC.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this actor opened.")] = None,
    as_json: AsJson = False,
) -> None:
    """Which fields of which subjects were opened in a period, by whom and for what purpose."""
    if context.invoked_subcommand is not None:
        return
    if start is None or until is None:
        fail("give the period with --from and --to, or one of the commands register, amend and list", 2)
    with opened_connection() as (_, connection):
        found = exposure.opened(connection, _moment(start), _moment(until), actor=actor)
    subjects = len({each.subject for each in found})
    times = sum(each.times for each in found)
    if as_json:
        print_json(
            {
                "from": _moment(start),
                "to": _moment(until),
                "subjects": subjects,
                "openings": times,
                "opened": [asdict(each) for each in found],
            }
        )
        return
    rows = [
        (each.actor, each.purpose, each.field, each.subject, each.times, utc(each.last_at)) for each in found
    ]
    columns = ("actor", "purpose", "field", "subject", "times", "last")
    table(f"{times} openings of fields of {subjects} subjects", columns, rows, right=("times",))


@app.command("register")
def register_(
    noticed_at: Annotated[datetime, typer.Option(help="When it was noticed, UTC: the clock runs from here.")],
    what: Annotated[str, typer.Option(help="What happened. No person's name or data.")],
    category: Annotated[list[str], typer.Option(help="A category of data concerned; may be repeated.")],
    subjects: Annotated[int, typer.Option(help="How many persons, as far as known.")],
    measures: Annotated[str, typer.Option(help="What was done about it. No person's name or data.")],
    notified_at: NotifiedAt = None,
    late_reason: LateReason = None,
    no_risk_reason: NoRiskReason = None,
    *,
    actor: ActorOrAnybody,
    as_json: AsJson = False,
) -> None:
    """Enter a breach in the register."""
    with opened_connection() as (emoney, connection):
        entered = breaches.register(
            connection,
            noticed_at=_moment(noticed_at),
            what=what,
            categories=tuple(category),
            subjects=subjects,
            measures=measures,
            notified_at=_maybe(notified_at),
            late_reason=late_reason,
            no_risk_reason=no_risk_reason,
            actor=actor,
            clock=emoney.clock,
        )
        now = emoney.clock()
    _tell(entered, now, as_json)


@app.command()
def amend(
    breach: Id,
    what: Annotated[str | None, typer.Option(help="What happened, as it is known now.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="All categories, as known now.")] = None,
    subjects: Annotated[int | None, typer.Option(help="How many persons, as known now.")] = None,
    measures: Annotated[str | None, typer.Option(help="What was done about it until now.")] = None,
    notified_at: NotifiedAt = None,
    late_reason: LateReason = None,
    no_risk_reason: NoRiskReason = None,
    risk_found: Annotated[bool, typer.Option("--risk-found", help="A risk is likely after all.")] = False,
    *,
    actor: ActorOrAnybody,
    as_json: AsJson = False,
) -> None:
    """Add what has become known of a breach, or that the authority was notified. Earlier entries stay."""
    change = BreachChange(
        what=what,
        categories=tuple(category) if category else None,
        subjects=subjects,
        measures=measures,
        notified_at=_maybe(notified_at),
        late_reason=late_reason,
        no_risk_reason=no_risk_reason,
        risk_found=risk_found,
    )
    with opened_connection() as (emoney, connection):
        entered = breaches.amend(connection, breach, change, actor=actor, clock=emoney.clock)
        now = emoney.clock()
    _tell(entered, now, as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """The register, with the hours left to notify. Exit code 1 when a notification is overdue."""
    with opened_connection() as (emoney, connection):
        found = breaches.registered(connection)
        now = emoney.clock()
    if as_json:
        print_json([_json(each, now) for each in found])
    else:
        rows = [
            (
                each.breach_id,
                utc(each.noticed_at),
                each.standing(now),
                _hours(each.hours_left(now)),
                each.subjects,
                ", ".join(each.categories),
                each.what,
            )
            for each in found
        ]
        columns = ("breach", "noticed", "standing", "hours left", "subjects", "categories", "what")
        table("Breaches", columns, rows, right=("hours left", "subjects"))
    if any(each.standing(now) is BreachStanding.OVERDUE for each in found):
        raise typer.Exit(1)


def exposure_(
    lost_key: Annotated[
        str | None, typer.Option(help="A key-encryption key that others may have, beside the database.")
    ] = None,
    stolen_dump: Annotated[
        bool, typer.Option("--stolen-dump", help="A copy of the database, without any key-encryption key.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What a lost key or a stolen copy of the database would expose, and what stays sealed."""
    if (lost_key is None) != stolen_dump:
        fail("give either --lost-key ID or --stolen-dump", 2)
    with opened_connection() as (emoney, connection):
        if lost_key is not None:
            found = exposure.of_lost_key(connection, metadata(), lost_key)
        else:
            found = exposure.of_stolen_dump(connection, metadata(), emoney.clock)
    if as_json:
        print_json(found)
        return
    _show(found, "Can be opened with the key" if lost_key is not None else "Can be read in the copy")


def _show(found: Exposure, title: str) -> None:
    table(title, _COUNTED, _rows(found.exposed), right=_COUNTED[1:])
    table("Stays sealed", _COUNTED, _rows(found.stays_sealed), right=_COUNTED[1:])
    if found.wrapped_keys:
        told = f"The key wraps {found.wrapped_keys} keys of {found.subjects_of_keys} subjects."
        screen.print(told, highlight=False)
    if found.indexes:
        told = f"It opens the indexes {', '.join(found.indexes)}: values could be guessed and confirmed."
        screen.print(told, highlight=False)


def _rows(held: tuple[Held, ...]) -> list[tuple[Any, ...]]:
    return [
        (each.category, each.columns, f"{'' if each.exact else 'about '}{each.fields}", each.subjects)
        for each in held
    ]


def _tell(breach: Breach, now: datetime, as_json: bool) -> None:
    if as_json:
        print_json(_json(breach, now))
        return
    left = breach.hours_left(now)
    told = f"{breach.breach_id}: {breach.standing(now)}"
    if left is not None and left >= 0:
        told += f", {_hours(left)} hours left; notify the authority by {utc(breach.due_at)}"
    elif left is not None:
        told += f" by {_hours(-left)} hours; notify the authority now, with the reasons for the delay"
    screen.print(told, highlight=False, soft_wrap=True)


def _json(breach: Breach, now: datetime) -> dict[str, Any]:
    return asdict(breach) | {
        "due_at": breach.due_at,
        "standing": breach.standing(now),
        "hours_left": breach.hours_left(now),
    }


def _hours(left: float | None) -> str:
    return "" if left is None else f"{left:.1f}"


def _moment(given: datetime) -> datetime:
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given


def _maybe(given: datetime | None) -> datetime | None:
    return None if given is None else _moment(given)

"""`emoney clock`: how far clocks may be apart, and how late a transfer may come."""

import re
from datetime import timedelta
from typing import Annotated, Any

import typer

from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, fail, print_json, screen, table, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.ledger import clock_policy
from emoney.ledger.clock_policy import ClockPolicy, ClockPolicyChange
from emoney.ledger.transfers.operations import Operation

ANY = "any"
"""What is not bounded."""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

app = group("The clock: how far others may be from the database's, and how late a transfer may come.")


@app.command()
def show(as_json: AsJson = False) -> None:
    """The policy on clocks and lateness, and every change of it."""
    with opened_connection() as (_, connection):
        policy, changes = clock_policy.current(connection), clock_policy.history(connection)
    _tell(policy, changes, as_json=as_json)


@app.command("set")
def set_(
    ahead: Annotated[
        str | None, typer.Option(help="How far a clock may be ahead of the database's: 5s, 1m, any.")
    ] = None,
    behind: Annotated[str | None, typer.Option(help="How far it may be behind.")] = None,
    late: Annotated[
        str | None, typer.Option(help="How long before its posting a transfer may count: 15m, 2h, any.")
    ] = None,
    late_of: Annotated[
        list[str] | None,
        typer.Option(metavar="OPERATION=TIME", help="The same of one operation, such as cash_in=2d."),
    ] = None,
    *,
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Set what is given of the policy, from the next posting on, as the owner of the database.

    OPERATION= without a time takes that operation back to what holds for all.
    """
    with opened() as emoney:
        with emoney.sole_connection() as connection:
            before = clock_policy.current(connection)
        policy = ClockPolicy(
            before.ahead if ahead is None else _time(ahead),
            before.behind if behind is None else _time(behind),
            before.late if late is None else _time(late),
            _by_operation(before, late_of or []),
        )
        changes = clock_policy.set_policy(
            emoney.url,
            policy,
            actor=actor,
            reason=reason,
            clock=emoney.clock,
            pool=emoney.settings.database.pool,
        )
    _tell(policy, changes, as_json=as_json)


def _by_operation(before: ClockPolicy, pairs: list[str]) -> dict[Operation, timedelta | None]:
    found = dict(before.late_by_operation)
    for pair in pairs:
        name, equals, time = pair.partition("=")
        if not equals or name not in set(Operation):
            fail(f"--late-of {pair}: write an operation and a time, such as cash_in=2d", 2)
        if time:
            found[Operation(name)] = _time(time)
        else:
            found.pop(Operation(name), None)
    return found


def _time(given: str) -> timedelta | None:
    if given == ANY:
        return None
    parts = re.fullmatch(r"([0-9]{1,9})([smhd])", given)
    if parts is None:
        fail(f"{given!r} is no time: write 30s, 15m, 2h, 3d, or {ANY}", 2)
    return timedelta(seconds=int(parts[1]) * _UNITS[parts[2]])


def _told(time: timedelta | None) -> str:
    if time is None:
        return ANY
    seconds = int(time.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}" if seconds else "0s"


def _rows(policy: ClockPolicy) -> list[tuple[str, str]]:
    return [
        ("ahead of the database", _told(policy.ahead)),
        ("behind it", _told(policy.behind)),
        ("late", _told(policy.late)),
        *((f"late, {operation}", _told(late)) for operation, late in policy.late_by_operation.items()),
    ]


def _tell(policy: ClockPolicy, changes: list[ClockPolicyChange], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "policy": _json(policy),
                "bounded": policy.bounded,
                "changes": [
                    {"id": each.id, "policy": _json(each.policy), "actor": each.actor}
                    | {"reason": each.reason, "at": each.at}
                    for each in changes
                ],
            }
        )
        return
    table("Clocks may be", ("", "by"), _rows(policy))
    if not policy.bounded:
        screen.print("[bold red]not bounded[/]: this is not for production", highlight=False)
    if changes:
        rows = [(_summary(each.policy), each.actor, each.reason, utc(each.at)) for each in changes]
        table("Changes", ("policy", "actor", "reason", "at"), rows)


def _summary(policy: ClockPolicy) -> str:
    return " ".join(time for _, time in _rows(policy))


def _json(policy: ClockPolicy) -> dict[str, Any]:
    return {
        "ahead_s": _seconds(policy.ahead),
        "behind_s": _seconds(policy.behind),
        "late_s": _seconds(policy.late),
        "late_by_operation": {
            str(operation): _seconds(late) for operation, late in policy.late_by_operation.items()
        },
    }


def _seconds(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds())

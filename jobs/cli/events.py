"""`emoney events`: follow what happens, send it to a webhook, see to what could not be delivered."""

import json
import sys
import time
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from emoney.jobs import webhooks
from emoney.jobs.cli.output import AsJson, Cell, fail, json_of, listing, named, print_json, screen
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.ledger.outbox import Consumer, Event, Start
from emoney.ledger.outbox import consumers as all_consumers
from emoney.ledger.outbox import dead_letters as letters

POLL_S = 0.5

Url = Annotated[str | None, typer.Option(help="Where to, https; otherwise the setting webhook.url.")]

app = group("Events: every posted and refused transfer, at least once, in order per account.")


@app.command()
def follow(
    consumer: Annotated[str, typer.Option(help="The consumer's name; it resumes where it was.")],
    start: Annotated[Start, typer.Option(help="Where a new consumer begins.")] = Start.BEGINNING,
    once: Annotated[bool, typer.Option(help="End when there is nothing new.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print events as they come, one per line, and acknowledge them once printed."""
    with opened() as emoney:
        place = Consumer(emoney.database, consumer, start=start, clock=emoney.clock)
        left = limit
        while left is None or left > 0:
            events = place.read(100 if left is None else min(left, 100))
            for event in events:
                _print(event, as_json)
            if events:
                sys.stdout.flush()  # printed, and only then acknowledged
                place.acknowledge(events[-1])
                left = None if left is None else left - len(events)
            elif once:
                return
            else:
                time.sleep(POLL_S)


def _print(event: Event, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(event.to_json(), ensure_ascii=False) + "\n")
        return
    data = event.data
    if "amount" in data:
        text = (
            f"{data['operation']} {data['amount']['decimal']} {data['amount']['currency']} "
            f"{data['debit']['account']} -> {data['credit']['account']}"
        )
        if "refusal" in data:
            text += f" ({data['refusal']['rule']})"
    else:
        text = f"{data['subject']} {json.dumps(data['payload'], ensure_ascii=False)}"
    sys.stdout.write(f"{_utc(event.at)}Z {event.type} {text}\n")


@app.command()
def send(
    url: Url = None,
    consumer: Annotated[str, typer.Option(help="The consumer whose place is kept.")] = webhooks.CONSUMER,
    keep_on: Annotated[bool, typer.Option("--follow", help="Go on until stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send what is new to a webhook, signed with the secret that is set or in the file that is.

    Exit code 1 when an event is left waiting for its next attempt, or was given up.
    """
    with opened() as emoney:
        set_ = emoney.settings.webhook
        send_new = partial(
            webhooks.deliver,
            emoney.database,
            set_.target(url),
            consumer=consumer,
            policy=set_.policy,
            clock=emoney.clock,
        )
        sent = send_new()
        while keep_on:
            time.sleep(POLL_S)
            sent = send_new()
    if as_json:
        print_json(json_of(sent, delivered="delivered", dead_letters="dead", retry_at="retry_at"))
    else:
        screen.print(f"{sent.delivered:,} delivered, {sent.dead:,} given up.", highlight=False)
        if sent.retry_at is not None:
            screen.print(f"The next attempt is due at {_utc(sent.retry_at)}Z.", highlight=False)
    if sent.dead or sent.retry_at is not None:
        raise typer.Exit(1)


@app.command()
def consumers(as_json: AsJson = False) -> None:
    """The consumers: when each last acknowledged, and what holds it up."""
    with opened_connection() as (_, connection):
        found = all_consumers(connection)
    columns: dict[str, Cell] = {
        "name": "name",
        "acknowledged (UTC)": lambda each: _utc(each.acknowledged_at) if each.acknowledged_at else "",
        "failing event": "failing",
        "attempts": lambda each: each.attempts or "",
        "reason": "reason",
        "due again (UTC)": lambda each: _utc(each.retry_at) if each.retry_at else "",
    }
    listing(f"{len(found)} consumers", found, columns, as_json, right=("attempts",))


@app.command("dead-letters")
def dead_letters(
    redelivered: Annotated[bool, typer.Option("--all", help="Also those delivered after all.")] = False,
    as_json: AsJson = False,
) -> None:
    """The events that could not be delivered."""
    with opened_connection() as (_, connection):
        found = letters(connection, redelivered=redelivered)
    columns: dict[str, Cell] = {
        "id": "id",
        "consumer": "consumer",
        "event": "event_id",
        "type": "event_type",
        "attempts": "attempts",
        "reason": "reason",
        "given up (UTC)": lambda letter: _utc(letter.failed_at),
    }
    printed = named(
        "id",
        "consumer",
        "attempts",
        "reason",
        "failed_at",
        "redelivered_at",
        event="event_id",
        type="event_type",
    )
    listing(f"{len(found)} dead letters", found, columns, as_json, right=("attempts",), printed=printed)


@app.command()
def redeliver(
    letter: Annotated[UUID, typer.Argument(help="A dead letter's id, from `emoney events dead-letters`.")],
    url: Url = None,
) -> None:
    """Try once more to deliver a dead letter."""
    with opened() as emoney:
        set_ = emoney.settings.webhook
        failure = webhooks.redeliver(
            emoney.database, set_.target(url), letter, policy=set_.policy, clock=emoney.clock
        )
    if failure is not None:
        fail(f"not delivered: {failure.reason}")
    screen.print("delivered")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

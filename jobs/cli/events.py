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
from emoney.jobs.cli.output import AsJson, fail, print_json, screen, table
from emoney.jobs.installation import Emoney
from emoney.ledger.outbox import Consumer, Event, Start
from emoney.ledger.outbox import consumers as all_consumers
from emoney.ledger.outbox import dead_letters as letters

POLL_S = 0.5

Url = Annotated[str | None, typer.Option(help="Where to, https; otherwise the setting webhook.url.")]

app = typer.Typer(
    help="Events: every posted and refused transfer, at least once, in order per account.",
    no_args_is_help=True,
)


@app.command()
def follow(
    consumer: Annotated[str, typer.Option(help="The consumer's name; it resumes where it was.")],
    start: Annotated[Start, typer.Option(help="Where a new consumer begins.")] = Start.BEGINNING,
    once: Annotated[bool, typer.Option(help="End when there is nothing new.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print events as they come, one per line, and acknowledge them once printed."""
    with Emoney.open() as emoney:
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
    with Emoney.open() as emoney:
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
        print_json({"delivered": sent.delivered, "dead_letters": sent.dead, "retry_at": sent.retry_at})
    else:
        screen.print(f"{sent.delivered:,} delivered, {sent.dead:,} given up.", highlight=False)
        if sent.retry_at is not None:
            screen.print(f"The next attempt is due at {_utc(sent.retry_at)}Z.", highlight=False)
    if sent.dead or sent.retry_at is not None:
        raise typer.Exit(1)


@app.command()
def consumers(as_json: AsJson = False) -> None:
    """The consumers: when each last acknowledged, and what holds it up."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = all_consumers(connection)
    if as_json:
        print_json([each.to_json() for each in found])
        return
    rows = [
        (
            each.name,
            _utc(each.acknowledged_at) if each.acknowledged_at else "",
            each.failing or "",
            each.attempts or "",
            each.reason or "",
            _utc(each.retry_at) if each.retry_at else "",
        )
        for each in found
    ]
    columns = ("name", "acknowledged (UTC)", "failing event", "attempts", "reason", "due again (UTC)")
    table(f"{len(found)} consumers", columns, rows, right=("attempts",))


@app.command("dead-letters")
def dead_letters(
    redelivered: Annotated[bool, typer.Option("--all", help="Also those delivered after all.")] = False,
    as_json: AsJson = False,
) -> None:
    """The events that could not be delivered."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = letters(connection, redelivered=redelivered)
    if as_json:
        print_json([letter.to_json() for letter in found])
        return
    columns = ("id", "consumer", "event", "type", "attempts", "reason", "given up (UTC)")
    rows = [
        (
            letter.id,
            letter.consumer,
            letter.event_id,
            letter.event_type,
            letter.attempts,
            letter.reason,
            _utc(letter.failed_at),
        )
        for letter in found
    ]
    table(f"{len(found)} dead letters", columns, rows, right=("attempts",))


@app.command()
def redeliver(
    letter: Annotated[UUID, typer.Argument(help="A dead letter's id, from `emoney events dead-letters`.")],
    url: Url = None,
) -> None:
    """Try once more to deliver a dead letter."""
    with Emoney.open() as emoney:
        set_ = emoney.settings.webhook
        failure = webhooks.redeliver(
            emoney.database, set_.target(url), letter, policy=set_.policy, clock=emoney.clock
        )
    if failure is not None:
        fail(f"not delivered: {failure.reason}")
    screen.print("delivered")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

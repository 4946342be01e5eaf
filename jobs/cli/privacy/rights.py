"""`emoney privacy rights` and `emoney privacy hold`: what persons ask for, and what a court has kept."""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from emoney.jobs.cli.kyc.approvals import tell_request
from emoney.jobs.cli.options import Actor, Reason
from emoney.jobs.cli.output import AsJson, print_json, screen, table, utc
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.jobs.installation import Emoney
from emoney.jobs.tables import metadata
from emoney.kyc.evidence import person as persons
from emoney.kyc.persons import erasure as erasing
from emoney.kyc.persons import rectification
from emoney.kyc.persons.rectification import Rectification
from emoney.ledger.base.files import replace_file
from emoney.ledger.base.postgres.database import Connection
from emoney.privacy.erasure import access
from emoney.privacy.rights import requests as rights
from emoney.privacy.rights.requests import DUTY_PURPOSES, DataRequest, Kind, RequestState

app = group(
    "What persons ask for: access, correction, restriction, objection, erasure.", no_args_is_help=False
)
holds = group("Legal holds: what is kept whatever expires.")

PersonName = Annotated[str, typer.Argument(help="The person's reference, or the id of a record.")]
Request = Annotated[UUID, typer.Argument(help="The request, as `emoney privacy rights` lists it.")]
Ground = Annotated[str, typer.Option(help="Why, in a few words, without personal data.")]
Source = Annotated[str, typer.Option(help="The law it rests on, such as: GDPR art. 21(1).")]
VALUE_BYTES_MAX = 4_096


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.add_typer(app, name="rights")
    privacy.add_typer(holds, name="hold")


@app.callback(invoke_without_command=True)
def waiting(context: typer.Context, as_json: AsJson = False) -> None:
    """Requests that wait for an answer, and erasures that are put off. Exit code 1 when an answer is late."""
    if context.invoked_subcommand is not None:
        return
    with opened_connection() as (emoney, connection):
        found = rights.waiting(connection)
        today = emoney.clock().date()
    if as_json:
        print_json(found)
    else:
        rows = [
            (each.id, each.kind, each.state, each.due_on, each.keep_until or "", each.ground)
            for each in found
        ]
        table("Requests", ("request", "to", "state", "due", "kept until", "ground"), rows)
    if any(each.state is RequestState.RECEIVED and each.due_on < today for each in found):
        raise typer.Exit(1)


@app.command("access")
def access_(
    person: PersonName,
    out: Annotated[Path, typer.Option(help="The directory to write access.html and access.json to.")],
    actor: Actor,
) -> None:
    """Write everything that is held on a person, to be read and as JSON, and record that it was asked for.

    The files hold personal data in clear: only their owner can read them. Hand them over and delete them.
    """
    with opened_connection() as (emoney, connection):
        request, tie = _received(emoney, connection, Kind.ACCESS, person, actor)
        held = access.collect(
            connection,
            emoney.vault,
            metadata(),
            tie.subjects,
            [each.id for each in tie.accounts],
            actor=actor,
            related=tie.evidence,
        )
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        page, content = (
            access.as_page(held),
            json.dumps(asdict(held), indent=2, default=str, ensure_ascii=False),
        )
        for name, text in (("access.html", page), ("access.json", content)):
            replace_file(out / name, partial(Path.write_text, data=text, encoding="utf-8"))
        _decided(emoney, connection, request, RequestState.FULFILLED, "access given", actor)
    screen.print(
        f"request {request.id}: wrote access.html and access.json to {out}", highlight=False, soft_wrap=True
    )


@app.command()
def rectify(
    person: PersonName,
    field: Annotated[str, typer.Argument(help=f"One of {', '.join(rectification.FIELDS)}.")],
    actor: Actor,
    as_json: AsJson = False,
) -> None:
    """Correct a detail of a person. The right value is read from standard input, so that no list of processes
    and no shell history shows it. Where something of the person is verified it waits for a second person."""
    value = sys.stdin.buffer.read(VALUE_BYTES_MAX + 2).decode(errors="replace").removesuffix("\n")
    with opened_connection() as (emoney, connection):
        request, _ = _received(emoney, connection, Kind.RECTIFICATION, person, actor)
        found = persons.find(connection, person)
        asked = Rectification.of(emoney).ask(
            connection,
            found,
            {field: value},
            actor=actor,
            reason="asked for by the person",
            at=emoney.clock(),
        )
        answered = rights.find(connection, request.id)
    if asked.request is not None and not as_json:
        tell_request(asked.request, as_json)
    _tell(answered, as_json)


@app.command()
def restrict(
    person: PersonName,
    ground: Ground,
    actor: Actor,
    purpose: Annotated[
        list[str] | None, typer.Option("--for", help="A purpose that is left; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open a person's fields for some purposes only; by default for reporting, authorities and the person."""
    with opened_connection() as (emoney, connection):
        request, tie = _received(emoney, connection, Kind.RESTRICTION, person, actor)
        rights.restrict(
            connection,
            tie.subjects,
            purpose or list(DUTY_PURPOSES),
            ground=ground,
            actor=actor,
            at=emoney.clock(),
            request=request.id,
        )
        _tell(_decided(emoney, connection, request, RequestState.FULFILLED, ground, actor), as_json)


@app.command()
def lift(person: PersonName, ground: Ground, actor: Actor) -> None:
    """Take a restriction back. Tell the person before (GDPR art. 18(3))."""
    with opened_connection() as (emoney, connection):
        tie = erasing.relationship(connection, persons.find(connection, person), emoney.packs)
        rights.lift(connection, tie.subjects, ground=ground, actor=actor, at=emoney.clock())
    screen.print("not restricted any more", highlight=False)


@app.command("object")
def object_(
    person: PersonName,
    ground: Ground,
    actor: Actor,
    refused_by: Annotated[
        str | None,
        typer.Option(
            help="Refuse it by this law: against a legal obligation nobody objects (GDPR art. 21(1))."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record an objection: upheld, what is held opens for reporting, authorities and the person only."""
    with opened_connection() as (emoney, connection):
        request, tie = _received(emoney, connection, Kind.OBJECTION, person, actor)
        if refused_by is None:
            rights.restrict(
                connection,
                tie.subjects,
                DUTY_PURPOSES,
                ground=ground,
                actor=actor,
                at=emoney.clock(),
                request=request.id,
            )
        state = RequestState.FULFILLED if refused_by is None else RequestState.REFUSED
        _tell(_decided(emoney, connection, request, state, ground, actor, refused_by), as_json)


@app.command()
def erase(person: PersonName, actor: Actor, as_json: AsJson = False) -> None:
    """Record that a person asks to be erased, and say until when the law keeps what is held, and why."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        answered = erasing.ask_for_erasure(
            connection, emoney.vault, found, packs=emoney.packs, actor=actor, at=emoney.clock()
        )
    _tell(answered, as_json)


@app.command()
def withdraw(request: Request, ground: Ground, actor: Actor, as_json: AsJson = False) -> None:
    """Take a request to erase back, for the person."""
    with opened_connection() as (emoney, connection):
        found = erasing.withdraw_erasure(
            connection, emoney.vault, request, ground=ground, actor=actor, at=emoney.clock()
        )
    _tell(found, as_json)


@holds.command("place")
def place(
    person: PersonName,
    reference: Annotated[str, typer.Option(help="Of the order, such as a court's file number.")],
    actor: Actor,
    as_json: AsJson = False,
) -> None:
    """Keep everything on a person, whatever expires, until another person releases the hold."""
    with opened_connection() as (emoney, connection):
        tie = erasing.relationship(connection, persons.find(connection, person), emoney.packs)
        placed = [
            rights.place_hold(connection, subject, reference=reference, actor=actor, at=emoney.clock())
            for subject in tie.subjects
        ]
    if as_json:
        print_json({"holds": placed})
    else:
        screen.print("\n".join(f"hold {each}" for each in placed), highlight=False)


@holds.command("ask")
def ask(
    hold: Annotated[UUID, typer.Argument(help="The hold, as `list` names it.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Ask that a hold be released. Another person does so, within seven days."""
    with opened_connection() as (emoney, connection):
        asked = rights.ask_release(connection, hold, actor=actor, reason=reason, at=emoney.clock())
    if as_json:
        print_json({"request": asked})
        return
    screen.print("another person, who did not place it, releases it:", highlight=False)
    screen.print(f"  emoney privacy hold release {hold}", highlight=False, soft_wrap=True)


@holds.command("release")
def release(
    hold: Annotated[UUID, typer.Argument(help="The hold, as `list` names it.")], actor: Actor
) -> None:
    """Release a hold. Another person does so than placed it, and than asked for it."""
    with opened_connection() as (emoney, connection):
        rights.release_hold(connection, hold, actor=actor, at=emoney.clock())
    screen.print("released", highlight=False)


@holds.command("list")
def list_(as_json: AsJson = False) -> None:
    """The holds that stand."""
    with opened_connection() as (_, connection):
        found = rights.holds(connection)
    if as_json:
        print_json(found)
        return
    rows = [(each.id, each.subject, each.reference, each.placed_by, utc(each.placed_at)) for each in found]
    table("Legal holds", ("hold", "subject", "reference", "placed by", "at"), rows)


def _received(
    emoney: Emoney, connection: Connection, kind: Kind, person: str, actor: str
) -> tuple[DataRequest, erasing.Relationship]:
    tie = erasing.relationship(connection, persons.find(connection, person), emoney.packs)
    request = rights.receive(connection, kind, tie.subject, tie.subjects, actor=actor, at=emoney.clock())
    return request, tie


def _decided(
    emoney: Emoney,
    connection: Connection,
    request: DataRequest,
    state: RequestState,
    ground: str,
    actor: str,
    source: str | None = None,
) -> DataRequest:
    return rights.decide(
        connection, request.id, state, ground=ground, source=source, actor=actor, at=emoney.clock()
    )


def _tell(request: DataRequest, as_json: bool) -> None:
    if as_json:
        print_json(request)
        return
    until = f" until {request.keep_until}" if request.keep_until else ""
    source = f" ({request.source})" if request.source else ""
    told = f"request {request.id} to {request.kind}: {request.state}{until}. {request.ground}{source}"
    screen.print(told, highlight=False, soft_wrap=True, markup=False)

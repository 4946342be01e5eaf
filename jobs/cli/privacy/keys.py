"""`emoney privacy rotate`, and what there is of keys, algorithms, indexes and purposes."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from emoney.jobs import rotation as rotating
from emoney.jobs.cli.options import Actor
from emoney.jobs.cli.output import AsJson, print_json, progress, screen, table
from emoney.jobs.cli.privacy import key_destruction
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.privacy.keys import algorithms, keks
from emoney.privacy.keys import inventory as key_inventory
from emoney.privacy.rotation import rewrapping
from emoney.privacy.search import leakage
from emoney.privacy.vault import purposes

keys = group(
    "The key inventory: key-encryption keys, what is under them, and the states of all others.",
    no_args_is_help=False,
)
keys.add_typer(key_destruction.app, name="destroy")


class What(StrEnum):
    """What is rotated."""

    WRAPS = "wraps"
    FIELDS = "fields"
    INDEXES = "indexes"


def register(privacy: typer.Typer) -> None:
    """Add the commands to `emoney privacy`."""
    privacy.add_typer(keys, name="keys")
    for command in (rotate, algorithms_, indexes, purposes_):
        privacy.command(command.__name__.rstrip("_"))(command)


def rotate(
    actor: Actor,
    what: Annotated[
        What,
        typer.Argument(
            help="wraps: subject keys move under a new key-encryption key. fields: every subject gets a "
            "new key and every field is sealed anew. indexes: blind indexes are filled anew under new keys."
        ),
    ] = What.WRAPS,
    as_json: AsJson = False,
) -> None:
    """Replace keys while everybody reads and writes. What was interrupted is gone on with.

    Ends with a proof: how much is left under an old key, by table, which is nothing.
    """
    with opened() as emoney, progress() as observe:
        if what is What.INDEXES:
            done = rotating.reindex(emoney, actor=actor, progress=observe)
        elif what is What.FIELDS:
            done = rotating.rotation(emoney).reencrypt(actor=actor, progress=observe)
        else:
            done = rotating.rotation(emoney).rewrap(actor=actor, progress=observe)
    if as_json:
        print_json(done)
        return
    screen.print(
        f"{'gone on with; ' if done.resumed else ''}keys: {done.keys:,}, fields: {done.fields:,}",
        highlight=False,
    )
    left = ", ".join(f"{count:,} in {name}" for name, count in done.left.items())
    screen.print(f"left under old keys: {left}", highlight=False, soft_wrap=True)


@keys.callback(invoke_without_command=True)
def inventory(context: typer.Context, as_json: AsJson = False) -> None:
    """The inventory, with what was asked for and waits."""
    if context.invoked_subcommand is not None:
        return
    with opened_connection() as (emoney, connection):
        now = emoney.clock()
        found, states = keks.listed(connection), key_inventory.states(connection, now)
        waiting = emoney.vault.control.requests(connection)
    if as_json:
        print_json(
            {
                "key_encryption_keys": [asdict(each) | {"due": each.due(now)} for each in found],
                "keys": [each._asdict() for each in states],
                "requests": [asdict(each) for each in waiting],
            }
        )
        return
    rows = [
        (
            each.id,
            each.provider,
            each.use,
            each.state + (", due" if each.due(now) else ""),
            f"{each.wraps:,}",
            f"{each.seal_until:%Y-%m-%d}",
            f"{each.open_until:%Y-%m-%d}",
        )
        for each in found
    ]
    columns = ("key-encryption key", "provider", "use", "state", "keys", "protects until", "opens until")
    table("Key-encryption keys", columns, rows, right=("keys",))
    rows_ = [(each.kind, each.state, f"{each.keys:,}", f"{each.due:,}") for each in states]
    table(
        f"Keys below them, at {now:%Y-%m-%d}", ("kind", "state", "keys", "due"), rows_, right=("keys", "due")
    )
    for request in waiting:
        state = "approved" if request.decided_by else "waits for a second person"
        what = f"{request.action.replace('_', ' ')}: {request.details['kind']} {request.about}"
        screen.print(f"{request.id}  {what}: {state}", highlight=False)


@keys.command("verify")
def verify(
    every: Annotated[
        bool, typer.Option("--all", help="Compare keys at once, and not only those about to be let go of.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare keys that were wrapped anew with what they were, and put back what was written over.

    For every day: lets go of former wrappings that are 30 days old and compared. Exit code 1 when a key was
    put back, or could not be compared.
    """
    with opened_connection() as (emoney, connection):
        found = rewrapping.verify(connection, emoney.vault.providers, every=every)
    if as_json:
        print_json(found)
    else:
        screen.print(
            f"keys compared: {found.keys:,}; former wrappings let go: {found.dropped:,}", highlight=False
        )
        for told in found.put_back:
            screen.print(f"put back: {told}", highlight=False, soft_wrap=True)
        for told in found.unknown:
            screen.print(f"not compared: {told}", highlight=False, soft_wrap=True)
    if found.put_back or found.unknown:
        raise typer.Exit(1)


def algorithms_(as_json: AsJson = False) -> None:
    """The algorithm registry: each suite with its reference and whether it may be used."""
    found = algorithms.registry()
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    rows = [(each.id, each.state, each.strength_bits, "; ".join(each.references)) for each in found]
    table("Algorithms", ("suite", "state", "bits", "references"), rows, right=("bits",))


def indexes(
    measure: Annotated[bool, typer.Option(help="Measure anew what each index tells, and record it.")] = False,
    as_json: AsJson = False,
) -> None:
    """The blind indexes, and what each tells one who has it but not its key."""
    with opened_connection() as (emoney, connection):
        if measure:
            for index in rotating.INDEXES:
                leakage.measure(connection, index, emoney.clock)
        measured = {each.index: each for each in leakage.newest(connection)}
    rows = [
        _index(index.name, index.columns, index.bits, measured.get(index.name)) for index in rotating.INDEXES
    ]
    if as_json:
        print_json(rows)
        return
    shown = [
        (
            row["index"],
            ", ".join(row["columns"]),
            row["bits"],
            "" if row["entries"] is None else f"{row['entries']:,}",
            "not measured" if row["rank_matched"] is None else f"{row['rank_matched']:.4%}",
            _state(row),
        )
        for row in rows
    ]
    columns = ("index", "columns", "bits", "entries", "named right", "state")
    table("Blind indexes", columns, shown, right=("bits", "entries", "named right"))
    screen.print(
        "named right: rows that one who knows how often each value occurs would name by matching ranks",
        highlight=False,
        soft_wrap=True,
    )


def purposes_(as_json: AsJson = False) -> None:
    """What fields are opened for now, by the approved assessment."""
    with opened_connection() as (_, connection):
        found = purposes.in_force(connection)
    if as_json:
        print_json(found)
        return
    listed = set(found.purposes)
    table(
        "Purposes",
        ("purpose", "fields are opened for it"),
        [(each.value, "yes" if each.value in listed else "no") for each in purposes.Purpose],
    )
    if found.approved_at is None:
        screen.print("no assessment was approved yet: all that are known hold", highlight=False)
    else:
        screen.print(
            f"assessment {found.assessment}, approved by {found.approved_by} on {found.approved_at:%Y-%m-%d}",
            highlight=False,
            soft_wrap=True,
        )


def _state(row: dict[str, Any]) -> str:
    if row["refused"]:
        return "refused"
    few = row["entries"] is not None and row["entries"] < leakage.MEASURABLE
    return "in use; too few entries to judge" if few else "in use"


def _index(
    name: str, columns: tuple[str, ...], bits: int, measured: leakage.Leakage | None
) -> dict[str, Any]:
    told = ("measured_at", "entries", "distinct", "most_frequent", "rank_matched", "refused")
    return {"index": name, "columns": columns, "bits": bits} | {
        field: None if measured is None else getattr(measured, field) for field in told
    }

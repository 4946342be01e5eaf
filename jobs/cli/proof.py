"""`emoney proof`: seal the log, prove transfers, verify proofs offline and the database against its log."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from emoney.jobs.cli.output import AsJson, amount, fail, json_of, notices, print_json, progress, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.cli.witness import text_of
from emoney.ledger import proofs
from emoney.ledger.proofs import ProofInvalid, PublicKey, SigningKey, WitnessKey, checkpoints

PROOF_BYTES_MAX = 256 << 20

PARTS: dict[str, dict[str, str]] = {
    "witness": {
        "witness": "A witness of others' logs: cosign what continues the last checkpoint, and nothing else.",
    },
}

app = group("Proofs that nothing was changed: a signed log of all that happened.", parts=PARTS)


@app.command()
def seal(
    origin: Annotated[
        str | None,
        typer.Option(help="The log's name, such as wallet.example/ledger; given once, at the first seal."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add what was written since the last time to the log, and sign it."""
    with opened() as emoney, progress() as observe:
        with emoney.database.connection() as connection:
            key = proofs.signing_key(connection, emoney.home, origin)
        sealed = proofs.seal(emoney.database, key, clock=emoney.clock, progress=observe)
    if as_json:
        print_json(sealed)
    else:
        screen.print(f"{sealed.added:,} leaves added; the log has {sealed.size:,}", highlight=False)
    if sealed.behind is not None:
        notices.print(sealed.behind.told, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The id of a row of the log, or the operator's reference.")],
    undisclosed: Annotated[
        bool,
        typer.Option("--undisclosed", help="Leave out what records say; only their commitments are shown."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that what has this id or reference is in the log. With --json: the proof to hand over."""
    with opened_connection() as (_, connection):
        found = proofs.proofs_of(connection, proofs.ids_of(connection, name))
    if found.unsealed:
        fail(f"{found.unsealed[0]} is not in the log yet: run `emoney proof seal`")
    if undisclosed:
        found = found.undisclosed()
    if as_json:
        print_json(found.to_json())
        return
    for leaf in found.leaves:
        fields = [
            *leaf["content"].items(),
            *((each["field"], each["value"]) for each in leaf.get("record", [])),
        ]
        rows = [(field, "" if value is None else value) for field, value in fields]
        rows.append(("path", f"{len(leaf['path'])} hashes"))
        table(f"Leaf {leaf['index']}: {leaf['kind']}, version {leaf['version']}", ("field", "value"), rows)
    screen.print(found.checkpoint, markup=False, highlight=False, soft_wrap=True)


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="A proof; without one, the whole database is verified.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The log's public key, or a file that holds it; for the database, else its own."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint kept elsewhere, which must hold too; repeatable.")
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(help="A witness's public key, or a file that holds it; repeatable."),
    ] = None,
    quorum: Annotated[
        int | None,
        typer.Option(min=1, help="How many of the witnesses must have cosigned; by default all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a proof offline, or every sealed row of the database. Exit code 1 when anything is wrong."""
    if quorum is not None and quorum > len(witness or []):
        fail("--quorum is at most the number of witnesses that --witness names", 2)
    if file is None:
        if witness:
            fail("--witness is for verifying a proof", 2)
        _verify_database(key, checkpoint or [], as_json)
        return
    if key is None:
        fail("name the log's public key: emoney proof verify FILE --key KEY", 2)
    if checkpoint:
        fail("--checkpoint is for verifying the database", 2)
    try:
        witnesses = [WitnessKey.parse(text_of(each)) for each in witness or []]
        enough = len(witnesses) if quorum is None else quorum
        proved = proofs.verify(json.loads(_read(file)), _public_key(key), witnesses, enough)
    except (ProofInvalid, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        what = error if isinstance(error, ProofInvalid) else f"{file} is not JSON"
        if as_json:
            print_json({"valid": False, "reason": str(what)})
            raise typer.Exit(1) from None
        fail(f"NOT proved: {what}")
    if as_json:
        print_json({"valid": True, **proved})
    elif "proved" in proved:
        for each in proved["proved"]:
            screen.print(_told(each), markup=False, highlight=False, soft_wrap=True)
        if "statement" in proved:
            _tell_statement(proved["statement"], len(proved["proved"]), proved["complete"])
        screen.print(f"{proved['origin']}, {proved['size']:,} leaves", highlight=False)
    else:
        screen.print(
            f"{proved['origin']}: the log of {proved['new_size']:,} leaves continues that of "
            f"{proved['old_size']:,}",
            highlight=False,
        )
    if not as_json:
        for name, at in proved.get("cosigned", {}).items():
            screen.print(f"cosigned by {name} at {at}", markup=False, highlight=False, soft_wrap=True)


def _told(proved: dict[str, Any]) -> str:
    """What one leaf of a proof proves."""
    if "entry" in proved:
        moved, balance = (amount(proved[name], proved["currency"]) for name in ("amount", "balance"))
        return (
            f"entry {proved['entry']}: {proved['direction']} of {moved} at "
            f"{proved['posted_at']}, balance {balance}: transfer {proved['id']} is in the log"
        )
    hidden = "; what it says is not shown" if proved.get("disclosed") is False else ""
    return f"{proved['kind']} {proved['id']} is in the log{hidden}"


def _tell_statement(statement: dict[str, Any], entries: int, complete: dict[str, bool]) -> None:
    """What the entries of a statement prove together, and whether the period can have others."""
    currency = statement["currency"]
    opening, closing = (amount(statement[name]["balance"], currency) for name in ("opening", "closing"))
    said = (
        f"{entries:,} entries lead from {opening} to {closing}, and none between is missing"
        if entries
        else "there are no entries"
    )
    open_ends = [when for end, when in (("opening", "before"), ("closing", "after")) if not complete[end]]
    if not open_ends:
        said += "; the period has no others"
    elif entries or len(open_ends) == 1:
        said += f"; whether the period has any {' or '.join(open_ends)} these is not shown"
    else:
        said += ", and so nothing is proved"
    screen.print(
        f"account {statement['account']}, {statement['from']} to {statement['to']}: {said}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _verify_database(key: str | None, kept: list[Path], as_json: bool) -> None:
    notes = []
    for path in kept:
        try:
            notes.append(_read(path).decode())
        except UnicodeDecodeError:
            fail(f"{path} is not a checkpoint")
    with opened_connection() as (emoney, connection), progress() as observe:
        try:
            public = SigningKey.load(emoney.home).public if key is None else _public_key(key)
        except ProofInvalid as error:
            fail(str(error), 2)
        found = proofs.audit(connection, public, kept=notes, progress=observe)
    if as_json:
        print_json(json_of(found) | {"sound": found.sound})
    else:
        for finding in found.findings:
            screen.print(str(finding), style="red", markup=False, highlight=False, soft_wrap=True)
        if found.unnamed:
            screen.print(f"and {found.unnamed:,} more", style="red", highlight=False)
        for kind, count in found.kinds.items():
            screen.print(f"{count:>12,}  {kind}", highlight=False)
        screen.print(
            f"{found.rows:,} rows held against {found.size:,} leaves and {found.checkpoints:,} checkpoints; "
            f"{found.unsealed:,} rows are not sealed yet",
            highlight=False,
        )
        for relation, what in found.uncovered.items():
            screen.print(f"not covered: {relation}: {what}", markup=False, highlight=False, soft_wrap=True)
        screen.print("[green]nothing was changed[/]" if found.sound else "[bold red]CHANGED[/]")
    if not found.sound:
        raise typer.Exit(1)


@app.command()
def consistency(
    old: Annotated[int, typer.Argument(min=1, help="The size of an earlier checkpoint.")],
    new: Annotated[int | None, typer.Option(help="The size of a later one; by default the last.")] = None,
) -> None:
    """Prove, as JSON, that the log only grew between two checkpoints."""
    with opened_connection() as (_, connection):
        print_json(proofs.consistency(connection, old, new))


@app.command()
def checkpoint() -> None:
    """The last checkpoint, cosigned, to be kept where nobody who runs the ledger can change it."""
    with opened_connection() as (_, connection):
        last = checkpoints.latest(connection)
    if last is None:
        fail("nothing is sealed yet: run `emoney proof seal`")
    typer.echo(last.cosigned, nl=False)


@app.command()
def cosign(
    witness: Annotated[
        list[str],
        typer.Option(help="A witness's URL, or its URL and its key in one: 'URL KEY'; repeatable."),
    ],
    as_json: AsJson = False,
) -> None:
    """Have witnesses cosign the last checkpoint, and keep what they say. Exit code 1 if one fails."""
    from emoney.jobs import cosigning

    try:
        addresses = [cosigning.Address.parse(each) for each in witness]
    except ProofInvalid as error:
        fail(str(error), 2)
    with opened() as emoney:
        done = cosigning.cosign(emoney.database, addresses, clock=emoney.clock)
    if as_json:
        print_json(done)
    else:
        for each in done:
            said = f"failed: {each.failure}" if each.failure else f"cosigned {each.size:,} leaves"
            screen.print(f"{each.witness or each.url}: {said}", markup=False, highlight=False, soft_wrap=True)
    if any(each.failure for each in done):
        raise typer.Exit(1)


@app.command("key")
def key_() -> None:
    """The log's public key, for everyone who verifies."""
    with opened_connection() as (emoney, connection):
        public = proofs.signing_key(connection, emoney.home).public
    typer.echo(str(public))


def _public_key(given: str) -> PublicKey:
    return PublicKey.parse(text_of(given))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            raw = opened.read(PROOF_BYTES_MAX + 1)
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", 2)
    if len(raw) > PROOF_BYTES_MAX:
        fail(f"{path} is larger than {PROOF_BYTES_MAX >> 20} MiB")
    return raw

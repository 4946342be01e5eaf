"""`emoney proof witness`: cosign the checkpoints of others' logs."""

from pathlib import Path
from typing import Annotated

import typer

from emoney.jobs.cli.output import fail
from emoney.jobs.cli.terminal.groups import group
from emoney.ledger.proofs import ProofInvalid, PublicKey, Witness

Home = Annotated[Path, typer.Option(help="The witness's own directory, made if it is not there.")]
Name = Annotated[
    str | None, typer.Option(help="The witness's name, such as witness.example; given once, at first.")
]

app = group("A witness of others' logs: cosign what continues the last checkpoint, and nothing else.")


@app.command()
def serve(
    home: Home,
    log: Annotated[list[str], typer.Option(help="A log's public key, or a file that holds it; repeatable.")],
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen at.")] = "127.0.0.1:7480",
    name: Name = None,
) -> None:
    """Serve a witness until stopped: POST /add-checkpoint, and GET / for its key."""
    from emoney.jobs.witness_server import WitnessServer

    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        fail("--listen is HOST:PORT", 2)
    try:
        logs = [PublicKey.parse(text_of(each)) for each in log]
    except ProofInvalid as error:
        fail(str(error), 2)
    witness = Witness.open(home, logs, name=name)
    with WitnessServer(witness, host.strip("[]"), int(port)) as server:
        typer.echo(f"{witness.public.name} listens at {server.url}")
        server.serve_forever()


@app.command("key")
def key_(home: Home, name: Name = None) -> None:
    """The witness's public key, for everyone who demands its cosignature."""
    typer.echo(str(Witness.open(home, name=name).public))


def text_of(given: str) -> str:
    """A public key as it is given: itself, or a file that holds it."""
    path = Path(given)
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else given
    except (OSError, UnicodeDecodeError):
        fail(f"the public key in {given} cannot be read", 2)

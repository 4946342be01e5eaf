"""`emoney kyc`: enrolment and policy packs."""

import json
import sys
from typing import Annotated, Any

import typer

from jobs.cli import explain, kyc_approvals, kyc_persons, kyc_terms, kyc_wallets, packs
from jobs.cli.output import AsJson, fail, print_json, screen
from jobs.emoney import Emoney

PERSON_BYTES_MAX = 65_536

app = typer.Typer(help="Persons, tiers and policy packs.", no_args_is_help=True)
app.command()(packs.packs)
app.add_typer(packs.app, name="pack")
app.command()(explain.explain)
app.command()(explain.headroom)
for part in (kyc_persons, kyc_wallets, kyc_approvals):
    part.register(app)
app.add_typer(kyc_approvals.death, name="death")
app.add_typer(kyc_terms.app, name="terms")


@app.command()
def enrol(
    person: Annotated[str, typer.Argument(help="- : the person's details come as JSON on standard input.")],
    pack: Annotated[str | None, typer.Option(help="Policy pack; by default the one of the currency.")] = None,
    as_json: AsJson = False,
) -> None:
    """Enrol one person and open a wallet at the tier that the details reach.

    Reads one JSON object: external_ref and currency, and what is known of name, birth_date, phone, id_kind,
    id_number, address. Never from arguments, which other users of the machine can see.
    """
    if person != "-":
        fail("personal details are read from standard input only: emoney kyc enrol - < person.json", 2)
    with Emoney.open() as emoney:
        enrolled = emoney.kyc.enrol(_read_person(), pack_id=pack)
    if as_json:
        print_json(
            {
                "wallet": enrolled.wallet,
                "tier": enrolled.tier,
                "pack": enrolled.pack,
                "account": enrolled.account_id,
            }
        )
    else:
        screen.print(f"wallet {enrolled.wallet}, tier {enrolled.tier} of {enrolled.pack}", highlight=False)


def _read_person() -> Any:
    raw = sys.stdin.buffer.read(PERSON_BYTES_MAX + 1)
    if len(raw) > PERSON_BYTES_MAX:
        fail(f"the input is longer than {PERSON_BYTES_MAX} bytes; one person is one JSON object")
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_each_once)
    except UnicodeDecodeError:
        fail("the input is not UTF-8")
    except (json.JSONDecodeError, RecursionError) as error:
        where = (
            f" at line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        fail(f"the input is not one JSON object{where}")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names differ: of two values for one name, neither is known to be meant."""
    if len({name for name, _ in pairs}) < len(pairs):
        fail("the input gives a field twice")
    return dict(pairs)

"""`emoney kyc`: enrolment and policy packs."""

import typer

from emoney.jobs.cli.json_input import JsonInput, read_object
from emoney.jobs.cli.kyc import approvals as kyc_approvals
from emoney.jobs.cli.kyc import deaths as kyc_deaths
from emoney.jobs.cli.kyc import explain, packs
from emoney.jobs.cli.kyc import parties as kyc_parties
from emoney.jobs.cli.kyc import persons as kyc_persons
from emoney.jobs.cli.kyc import terms as kyc_terms
from emoney.jobs.cli.kyc import wallets as kyc_wallets
from emoney.jobs.cli.options import PackOption
from emoney.jobs.cli.output import AsJson, print_json, screen
from emoney.jobs.installation import Emoney

app = typer.Typer(help="Persons, tiers and policy packs.", no_args_is_help=True)
app.command()(packs.packs)
app.add_typer(packs.app, name="pack")
app.command()(explain.explain)
app.command()(explain.headroom)
for part in (kyc_persons, kyc_parties, kyc_wallets, kyc_approvals):
    part.register(app)
app.add_typer(kyc_deaths.app, name="death")
app.add_typer(kyc_terms.app, name="terms")


@app.command()
def enrol(
    source: JsonInput,
    pack: PackOption = None,
    as_json: AsJson = False,
) -> None:
    """Enrol one person and open a wallet at the tier that the details reach.

    Reads one JSON object: external_ref and currency, and what is known of name, birth_date, phone, id_kind,
    id_number, address. Never from arguments, which other users of the machine can see.
    """
    with Emoney.open() as emoney:
        enrolled = emoney.kyc.enrol(read_object(source), pack_id=pack)
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

"""`emoney kyc` for parties: entities, owners, agents, merchants, minors, bearer instruments; corrections."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from emoney.jobs.cli.json_input import JsonInput, read_object
from emoney.jobs.cli.kyc.approvals import tell_request
from emoney.jobs.cli.options import Actor, GoodsOnly, OneCountry, PackOption, Person, Reason, Reloadable
from emoney.jobs.cli.output import (
    AsJson,
    Cell,
    day,
    fail,
    json_of,
    listing,
    named,
    print_json,
    screen,
    table,
    utc,
)
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened_connection
from emoney.jobs.installation import Emoney
from emoney.kyc.evidence import person as persons
from emoney.kyc.limits.features import Features
from emoney.kyc.parties import businesses, guardians, ownership
from emoney.kyc.parties.businesses import Role
from emoney.kyc.parties.ownership import BeneficialOwner
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons import party_enrolment as party_details
from emoney.kyc.persons import rectification
from emoney.kyc.persons.party_enrolment import EnrolledParty
from emoney.kyc.persons.rectification import Rectification
from emoney.kyc.wallets import bearer
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.postgres.database import Connection

owners = group("Who owns a legal entity, and who is behind it.")
business = group("The accounts of agents and merchants.")
guardian = group("Who answers for a minor.")


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.command("enrol-entity")(enrol_entity)
    kyc.command("enrol-minor")(enrol_minor)
    kyc.command("enrol-agent")(enrol_agent)
    kyc.command("enrol-merchant")(enrol_merchant)
    kyc.command("issue-bearer")(issue_bearer)
    kyc.command("rectify")(rectify)
    kyc.command("versions")(versions)
    kyc.add_typer(owners, name="owners")
    kyc.add_typer(business, name="business")
    kyc.add_typer(guardian, name="guardian")


def enrol_entity(
    source: JsonInput, actor: Actor, reason: Reason, pack: PackOption = None, as_json: AsJson = False
) -> None:
    """Enrol a legal entity with all who own it.

    The object of `emoney kyc enrol`, with owners beside: [{"person": its external_ref, "share_bp": basis
    points, "control": true, "senior_manager": true}, …] and dispersed_bp, together 10000.
    """

    def make(emoney: Emoney, connection: Connection, details: dict[str, Any]) -> EnrolledParty:
        said: dict[str, Any] = {"actor": actor, "reason": reason, "at": emoney.clock()}
        settled = parties(emoney.home)
        return party_details.enrol_entity(emoney.kyc, connection, details, settled, pack_id=pack, **said)

    _enrol(source, make, as_json)


def enrol_minor(source: JsonInput, pack: PackOption = None, as_json: AsJson = False) -> None:
    """Enrol a minor, for whom an enrolled adult answers.

    The object of `emoney kyc enrol`, with birth_date, guardian (the adult's external_ref) and authority
    (parent, court or other).
    """

    def make(emoney: Emoney, connection: Connection, details: dict[str, Any]) -> EnrolledParty:
        return party_details.enrol_minor(emoney.kyc, connection, details, pack_id=pack)

    _enrol(source, make, as_json)


def enrol_agent(
    source: JsonInput, actor: Actor, reason: Reason, pack: PackOption = None, as_json: AsJson = False
) -> None:
    """Enrol an agent, a person or an entity, and open the account of its float.

    The object of `emoney kyc enrol` or `enrol-entity`, with account beside: {"external_ref", "currency",
    "under": the reference of the agent it works under}.
    """
    _enrol_business(source, Role.AGENT, actor, reason, pack, as_json)


def enrol_merchant(
    source: JsonInput, actor: Actor, reason: Reason, pack: PackOption = None, as_json: AsJson = False
) -> None:
    """Enrol a merchant, a person or an entity, and open its account.

    The object of `emoney kyc enrol` or `enrol-entity`, with account beside: {"external_ref", "currency"}.
    """
    _enrol_business(source, Role.MERCHANT, actor, reason, pack, as_json)


def _enrol_business(
    source: str, role: Role, actor: str, reason: str, pack: str | None, as_json: bool
) -> None:

    def make(emoney: Emoney, connection: Connection, details: dict[str, Any]) -> EnrolledParty:
        said: dict[str, Any] = {"actor": actor, "reason": reason, "at": emoney.clock()}
        settled = parties(emoney.home)
        return party_details.enrol_business(
            emoney.kyc, connection, details, role, settled, pack_id=pack, **said
        )

    _enrol(source, make, as_json)


def _enrol(
    source: str, make: Callable[[Emoney, Connection, dict[str, Any]], EnrolledParty], as_json: bool
) -> None:
    """Enrol in one transaction what is read, and tell it when that is committed."""
    details = read_object(source)
    with opened_connection() as (emoney, connection):
        told = _told(connection, make(emoney, connection, details))
    _tell(told, as_json)


def _told(connection: Connection, party: EnrolledParty) -> dict[str, Any]:
    enrolled = party.enrolled
    told: dict[str, Any] = json_of(
        enrolled, person="person_id", wallet="wallet", tier="tier", pack="pack", account="account_id"
    )
    if party.owners is not None:
        told["beneficial_owners"] = _owners(connection, party.owners)
    if party.account_ref is not None:
        told["business_account"] = {"reference": party.account_ref, "account": party.account_id}
    return told


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    screen.print(f"wallet {told['wallet']}, tier {told['tier']} of {told['pack']}", highlight=False)
    if "beneficial_owners" in told:
        _show_owners(told["beneficial_owners"])
    if "business_account" in told:
        screen.print(f"account {told['business_account']['reference']}", highlight=False)


def issue_bearer(
    pack: Annotated[str, typer.Argument(help="The policy pack.")],
    tier: Annotated[str, typer.Argument(help="A tier of it that asks for no evidence.")],
    reference: Annotated[str, typer.Argument(help="The instrument's reference.")],
    reloadable: Reloadable = None,
    one_country: OneCountry = None,
    goods_only: GoodsOnly = None,
    as_json: AsJson = False,
) -> None:
    """Issue an instrument that whoever holds it uses, without a person."""
    features = Features(reloadable, one_country=one_country, goods_only=goods_only)
    with opened_connection() as (emoney, connection):
        account = bearer.issue(
            connection, emoney.packs.pack(pack), tier, reference, at=emoney.clock(), features=features
        )
    if as_json:
        print_json({"wallet": reference, "account": account, "pack": pack, "tier": tier})
    else:
        screen.print(f"instrument {reference}, tier {tier} of {pack}", highlight=False)


@owners.command("state")
def state_owners(
    entity: Person, source: JsonInput, actor: Actor, reason: Reason, as_json: AsJson = False
) -> None:
    """State who owns an entity, in place of what was stated before: {"owners": […], "dispersed_bp": …}."""
    stated = party_details.parse_owners(read_object(source))
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, entity)
        behind = party_details.state_owners(
            connection,
            found.id,
            stated,
            parties(emoney.home),
            pack_id=guardians.pack_of(connection, found.id),
            actor=actor,
            reason=reason,
            at=emoney.clock(),
        )
        told = _owners(connection, behind)
    _tell_owners(told, as_json)


@owners.command("list")
def list_owners(entity: Person, as_json: AsJson = False) -> None:
    """The natural persons behind an entity, by share, control or role."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, entity)
        threshold = parties(emoney.home).owner_share_bp(guardians.pack_of(connection, found.id))
        told = _owners(connection, ownership.beneficial_owners(connection, found.id, threshold))
    _tell_owners(told, as_json)


def _owners(connection: Connection, found: list[BeneficialOwner]) -> list[dict[str, Any]]:
    return [
        {
            "person": each.person_id,
            "ref": persons.find(connection, str(each.person_id)).external_ref,
            "share_percent": f"{float(each.share * 100):.2f}",
            "grounds": each.grounds,
        }
        for each in found
    ]


def _tell_owners(told: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        _show_owners(told)


def _show_owners(told: list[dict[str, Any]]) -> None:
    rows = [(each["ref"], each["share_percent"], ", ".join(each["grounds"])) for each in told]
    table("Beneficial owners", ("person", "share %", "grounds"), rows, right=("share %",))


@business.command("open")
def open_business(
    person: Person,
    role: Annotated[Role, typer.Argument(help="agent or merchant.")],
    reference: Annotated[str, typer.Argument(help="The account's reference.")],
    currency: Annotated[str, typer.Option(help="ISO 4217, such as GHS.")],
    actor: Actor,
    reason: Reason,
    under: Annotated[str | None, typer.Option(help="The account of the agent it works under.")] = None,
    as_json: AsJson = False,
) -> None:
    """Open an agent's float or a merchant's account for an enrolled person."""
    given = party_details.parse_account({"external_ref": reference, "currency": currency, "under": under})
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        account = party_details.open_business(
            connection, found, role, given, actor=actor, reason=reason, at=emoney.clock()
        )
    if as_json:
        print_json({"reference": reference, "account": account, "person": found.id, "role": role})
    else:
        screen.print(f"{role} account {reference} of {person}", highlight=False)


@business.command("list")
def list_businesses(as_json: AsJson = False) -> None:
    """The accounts of agents and merchants, and under whom agents work."""
    with opened_connection() as (_, connection):
        found = businesses.listed(connection)
    columns: dict[str, Cell] = {
        "account": lambda each: each.reference or each.account_id,
        **named("person", "role", "currency", "under"),
    }
    same = named("reference", "person", "role", "currency", "under", "opened_at")
    listing("Business accounts", found, columns, as_json, printed=same | {"account": "account_id"})


@business.command("chain")
def chain(
    account: Annotated[str, typer.Argument(help="An agent's account: its reference or id.")],
    as_json: AsJson = False,
) -> None:
    """The agents above an agent, the nearest first."""
    with opened_connection() as (_, connection):
        above = businesses.chain(connection, accounts.by_ref_or_id(connection, account).id)
        told = [{"account": each, "reference": accounts.get(connection, each).external_ref} for each in above]
    if as_json:
        print_json(told)
    else:
        names = (str(each["reference"] or each["account"]) for each in told)
        screen.print(" < ".join([account, *names]), highlight=False)


@guardian.command("list")
def list_guardians(minor: Person, as_json: AsJson = False) -> None:
    """Everyone who answers or has answered for a minor."""
    with opened_connection() as (_, connection):
        found = guardians.of_minor(connection, persons.find(connection, minor).id)
        told = [
            each | {"ref": persons.find(connection, str(each["guardian"])).external_ref} for each in found
        ]
    columns: dict[str, Cell] = {
        "guardian": "ref",
        "authority": "authority",
        "since": lambda each: day(each["since"]),
        "until": lambda each: day(each["ended_at"]),
        "reason": "ended_reason",
    }
    listing("Guardians", told, columns, as_json)


@guardian.command("end")
def end_guardian(
    minor: Person,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Record that nobody answers for a person any more."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, minor)
        if not guardians.end(connection, found.id, reason=reason, at=emoney.clock()):
            fail(f"nobody answers for {minor}")
    if as_json:
        print_json({"person": found.id, "ended": True})
    else:
        screen.print(f"{minor}: guardianship ended", highlight=False)


def rectify(person: Person, source: JsonInput, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Correct details of a person; what they were is kept, sealed.

    Reads one JSON object with the fields that change, null to remove one. Where something of the person is
    verified it waits for a second person; what rests on what changed is to be shown again.
    """
    changes = read_object(source)
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        asked = Rectification.of(emoney).ask(
            connection, found, changes, actor=actor, reason=reason, at=emoney.clock()
        )
    if asked.request is not None and not as_json:
        tell_request(asked.request, as_json)
    elif as_json:
        print_json({"rectification": asked.id, "fields": asked.fields, "request": asked.request})
    else:
        screen.print(f"{person}: {', '.join(asked.fields)} rectified", highlight=False)


def versions(person: Person, as_json: AsJson = False) -> None:
    """What was corrected of a person, by whom and when; no value is opened."""
    with opened_connection() as (_, connection):
        found = rectification.versions(connection, persons.find(connection, person).id)
    columns: dict[str, Cell] = {
        "version": "number",
        "changed": lambda each: ", ".join(each.fields),
        "actor": "actor",
        "reason": "reason",
        "at": lambda each: utc(each.at),
    }
    same = named("fields", "actor", "reason", "at", "approval")
    listing("Earlier versions", found, columns, as_json, printed=same | {"version": "number"})

"""`emoney kyc` for persons: import, evidence, further wallets, duplicates, risk, reviews, terms."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

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
    notices,
    print_json,
    progress,
    screen,
)
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.installation import Emoney
from emoney.kyc import approved_actions
from emoney.kyc.evidence import person as persons
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence import refresh
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.evidence.risk_rating import risk_policy
from emoney.kyc.limits.features import Features
from emoney.kyc.persons import duplicates
from emoney.kyc.persons.file_import import import_file
from emoney.kyc.wallets import opening
from emoney.kyc.wallets import retiering as following
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger.base.postgres.database import Connection

evidence = group("What is known of a person, and how.")
pairs = group("Records that may be of one person.")
reviews = group("Risk ratings and periodic reviews.")


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.command("enrol")(enrol)
    kyc.command("import")(import_persons)
    kyc.command("open-wallet")(open_wallet)
    kyc.add_typer(evidence, name="evidence")
    kyc.add_typer(pairs, name="duplicates")
    kyc.add_typer(reviews, name="reviews")


def enrol(
    source: JsonInput,
    pack: PackOption = None,
    as_json: AsJson = False,
) -> None:
    """Enrol one person and open a wallet at the tier that the details reach.

    Reads one JSON object: external_ref and currency, and what is known of name, birth_date, phone, id_kind,
    id_number, address. Never from arguments, which other users of the machine can see.
    """
    with opened() as emoney:
        enrolled = emoney.kyc.enrol(read_object(source), pack_id=pack)
    if as_json:
        print_json(json_of(enrolled, wallet="wallet", tier="tier", pack="pack", account="account_id"))
    else:
        screen.print(f"wallet {enrolled.wallet}, tier {enrolled.tier} of {enrolled.pack}", highlight=False)


def import_persons(
    path: Annotated[Path, typer.Argument(help="One JSON object a line, as `emoney kyc enrol` takes one.")],
    pack: PackOption = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Enrol the others of a file with bad lines.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Enrol everyone in a file. Of a file with bad lines nobody is enrolled, unless they are skipped."""
    with opened() as emoney, progress() as observe:
        done = import_file(emoney.kyc, path, pack_id=pack, skip_bad=skip_bad, progress=observe)
    if as_json:
        print_json(done)
    else:
        for each in done.faults[:50]:
            notices.print(f"line {each.line}: {each.fault}", markup=False, highlight=False, soft_wrap=True)
        if done.bad > 50:
            notices.print(
                f"… and {done.bad - 50} more bad lines; --json lists the first 1000", highlight=False
            )
        screen.print(f"{done.enrolled} enrolled, {done.bad} bad of {done.lines} lines", highlight=False)
    if done.bad and not skip_bad:
        raise typer.Exit(1)


def open_wallet(
    person: Person,
    reference: Annotated[str, typer.Argument(help="The new wallet's reference.")],
    pack: Annotated[str, typer.Option(help="The policy pack.")],
    tier: Annotated[str | None, typer.Option(help="A tier that the operator assigns.")] = None,
    reloadable: Reloadable = None,
    one_country: OneCountry = None,
    goods_only: GoodsOnly = None,
    as_json: AsJson = False,
) -> None:
    """Open a further wallet for a person, at the tier that the evidence reaches."""
    features = Features(reloadable, one_country=one_country, goods_only=goods_only)
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        account = opening.open_wallet(
            connection,
            found,
            emoney.packs.pack(pack),
            reference,
            at=emoney.clock(),
            tier_id=tier,
            features=features,
        )
    if as_json:
        print_json({"wallet": reference, "account": account, "person": found.id})
    else:
        screen.print(f"wallet {reference} of {person}", highlight=False)


@evidence.command("list")
def list_evidence(person: Person, as_json: AsJson = False) -> None:
    """All evidence of a person, with every state it was in."""
    with opened_connection() as (_, connection):
        known = evidence_records.of_person(connection, persons.find(connection, person).id)
        histories = {each.id: evidence_records.history(connection, each.id) for each in known}
    if as_json:
        same = named("kind", "state", "method", "assurance", "expires_on", "provider")
        print_json(
            [
                json_of(each, evidence="id", actor="recorded_by", **same)
                | {"history": json_of(histories[each.id])}
                for each in known
            ]
        )
        return
    for each in known:
        until = f", until {each.expires_on}" if each.expires_on else ""
        how = f"{each.method}, {each.assurance}{until}"
        state = each.state.replace("_", " ")
        screen.print(f"{each.kind}: {state} ({how})", markup=False, highlight=False, soft_wrap=True)
        screen.print(f"    {each.id}, by {each.recorded_by}", highlight=False, soft_wrap=True)


@evidence.command("add")
def add_evidence(
    person: Person,
    kind: Annotated[str, typer.Argument(help="The kind, such as address_proof.")],
    actor: Actor,
    reason: Reason,
    method: Annotated[str, typer.Option(help="How it was taken in.")] = "captured by staff",
    state: Annotated[EvidenceState, typer.Option(help="declared or captured.")] = EvidenceState.CAPTURED,
    expires_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Its last day.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record evidence of a person; the tiers of the wallets follow."""
    last = None if expires_on is None else expires_on.date()
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        new = NewEvidence(found.id, kind, state, method, expires_on=last)
        [recorded] = evidence_records.record(connection, [new], actor=actor, reason=reason, at=emoney.clock())
        moved = _follow(emoney, connection, found.id, actor)
    _tell_moved({"evidence": recorded}, moved, as_json)


@evidence.command("reject")
def reject_evidence(
    number: Annotated[UUID, typer.Argument(metavar="EVIDENCE", help="The evidence's id.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Revoke evidence; the tiers of the wallets follow."""
    with opened_connection() as (emoney, connection):
        before = evidence_records.reject(connection, number, actor=actor, reason=reason, at=emoney.clock())
        moved = _follow(emoney, connection, before.person_id, actor)
    _tell_moved({"evidence": number}, moved, as_json)


@evidence.command("accept")
def accept_evidence(
    number: Annotated[UUID, typer.Argument(metavar="EVIDENCE", help="The evidence's id.")],
    actor: Actor,
    reason: Reason,
    method: Annotated[str, typer.Option(help="How it was verified, such as seen in person.")],
    as_json: AsJson = False,
) -> None:
    """Ask that captured evidence be taken as verified."""
    with opened_connection() as (emoney, connection):
        asked = approved_actions.request_acceptance(
            connection, number, method=method, actor=actor, reason=reason, at=emoney.clock()
        )
    tell_request(asked, as_json)


def _follow(emoney: Emoney, connection: Connection, person_id: UUID, actor: str) -> list[following.Moved]:
    """Have the tiers of a person's wallets follow what is known of the person now."""
    policies = downgrades(emoney.home)
    return following.follow(
        connection, person_id, packs=emoney.packs, at=emoney.clock(), actor=actor, policies=policies
    )


def _tell_moved(about: dict[str, UUID], moved: list[following.Moved], as_json: bool) -> None:
    if as_json:
        wallets = [
            json_of(each, account="account_id", before="before", tier="tier", no_tier="no_tier")
            for each in moved
        ]
        print_json(about | {"moved": wallets})
        return
    for name, value in about.items():
        screen.print(f"{name} {value}", highlight=False)
    for each in moved:
        left = ", which the evidence does not reach" if each.no_tier else ""
        screen.print(f"wallet {each.account_id}: {each.before} → {each.tier}{left}", highlight=False)


@pairs.command("list")
def list_duplicates(as_json: AsJson = False) -> None:
    """Pairs of records that wait for a human, the oldest first."""
    with opened_connection() as (emoney, connection):
        found = duplicates.open_pairs(connection, emoney.clock())
    columns: dict[str, Cell] = {
        "one": "ref_a",
        "other": "ref_b",
        "equal": lambda each: ", ".join(each.grounds),
        "found": lambda each: day(each.found_at),
    }
    listing("May be one person", found, columns, as_json)


@pairs.command("decide")
def decide_duplicate(
    one: Annotated[str, typer.Argument(help="A person's reference or id.")],
    other: Annotated[str, typer.Argument(help="The other one's.")],
    verdict: Annotated[str, typer.Argument(help="same or different.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Say whether two records are of one person. `same` waits for a second person before they are linked."""
    if verdict not in ("same", "different"):
        fail("the verdict is same or different", 2)
    with opened_connection() as (emoney, connection):
        asked = duplicates.decide(
            connection,
            persons.find(connection, one).id,
            persons.find(connection, other).id,
            same=verdict == "same",
            actor=actor,
            reason=reason,
            at=emoney.clock(),
        )
    if asked is not None:
        tell_request(asked, as_json)
    elif as_json:
        print_json({"verdict": verdict})
    else:
        screen.print(f"{one} and {other} are different", highlight=False)


@pairs.command("separate")
def separate(person: Person, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Ask that a link of a record be taken back."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        asked = duplicates.request_separation(
            connection, found.id, actor=actor, reason=reason, at=emoney.clock()
        )
    tell_request(asked, as_json)


@reviews.command("due")
def due(
    days: Annotated[int, typer.Option(min=0, max=3650, help="Due within so many days.")] = 0,
    as_json: AsJson = False,
) -> None:
    """The persons whose review is due, the longest overdue first."""
    with opened_connection() as (emoney, connection):
        until = (emoney.clock() + timedelta(days=days)).date()
        found = refresh.due(connection, until)
    columns: dict[str, Cell] = {
        "person": "external_ref",
        "risk": "rating",
        "last reviewed": lambda each: day(each.reviewed_at),
        "due on": "due_on",
    }
    same = named("rating", "reviewed_at", "due_on")
    printed = same | {"person": "person_id", "ref": "external_ref"}
    listing("Reviews due", found, columns, as_json, printed=printed)


@reviews.command("done")
def done(person: Person, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Record that a person was reviewed; the next period begins."""
    with opened_connection() as (emoney, connection):
        policy = risk_policy(emoney.home).refresh
        found = persons.find(connection, person)
        next_due = refresh.review(connection, found.id, policy, actor=actor, reason=reason, at=emoney.clock())
    if as_json:
        print_json({"person": found.id, "due_on": next_due})
    else:
        screen.print(f"{person}: next review due on {next_due}", highlight=False)


@reviews.command("rate")
def rate(
    person: Person,
    actor: Actor,
    reason: Reason,
    factor: Annotated[list[str] | None, typer.Option(help="A factor that applies; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rate the risk of a person from declared factors."""
    with opened_connection() as (emoney, connection):
        found = persons.find(connection, person)
        rated = refresh.rate(
            connection,
            found.id,
            factor or [],
            risk_policy(emoney.home),
            actor=actor,
            reason=reason,
            at=emoney.clock(),
        )
    if as_json:
        same = named("rating", "points", "reasons", "policy")
        print_json({"person": found.id} | json_of(rated, **same))
        return
    screen.print(f"{person}: {rated.rating} ({rated.points:+d}), policy {rated.policy}", highlight=False)
    for reason in rated.reasons:
        screen.print(f"  {reason}", highlight=False, soft_wrap=True)

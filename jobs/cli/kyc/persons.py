"""`emoney kyc` for persons: import, evidence, further wallets, duplicates, risk, reviews, terms."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from emoney.jobs.cli.kyc.approvals import tell_request
from emoney.jobs.cli.options import Actor, GoodsOnly, OneCountry, PackOption, Person, Reason, Reloadable
from emoney.jobs.cli.output import AsJson, fail, notices, print_json, progress, screen, table
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

evidence = typer.Typer(help="What is known of a person, and how.", no_args_is_help=True)
pairs = typer.Typer(help="Records that may be of one person.", no_args_is_help=True)
reviews = typer.Typer(help="Risk ratings and periodic reviews.", no_args_is_help=True)


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.command("import")(import_persons)
    kyc.command("open-wallet")(open_wallet)
    kyc.add_typer(evidence, name="evidence")
    kyc.add_typer(pairs, name="duplicates")
    kyc.add_typer(reviews, name="reviews")


def import_persons(
    path: Annotated[Path, typer.Argument(help="One JSON object a line, as `emoney kyc enrol` takes one.")],
    pack: PackOption = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Enrol the others of a file with bad lines.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Enrol everyone in a file. Of a file with bad lines nobody is enrolled, unless they are skipped."""
    with Emoney.open() as emoney, progress() as observe:
        done = import_file(emoney.kyc, path, pack_id=pack, skip_bad=skip_bad, progress=observe)
    if as_json:
        print_json(
            {
                "lines": done.lines,
                "enrolled": done.enrolled,
                "bad": done.bad,
                "faults": [{"line": each.line, "fault": each.fault} for each in done.faults],
            }
        )
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        known = evidence_records.of_person(connection, persons.find(connection, person).id)
        histories = {each.id: evidence_records.history(connection, each.id) for each in known}
    if as_json:
        print_json(
            [
                {
                    "evidence": each.id,
                    "kind": each.kind,
                    "state": each.state,
                    "method": each.method,
                    "assurance": each.assurance,
                    "expires_on": each.expires_on,
                    "actor": each.recorded_by,
                    "provider": each.provider,
                    "history": histories[each.id],
                }
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = persons.find(connection, person)
        new = NewEvidence(found.id, kind, state, method, expires_on=last)
        [recorded] = evidence_records.record(connection, [new], actor=actor, reason=reason, at=emoney.clock())
        moved = following.follow(
            connection,
            found.id,
            packs=emoney.packs,
            at=emoney.clock(),
            policies=downgrades(emoney.home),
        )
    _tell_moved({"evidence": recorded}, moved, as_json)


@evidence.command("reject")
def reject_evidence(
    number: Annotated[UUID, typer.Argument(metavar="EVIDENCE", help="The evidence's id.")],
    actor: Actor,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Revoke evidence; the tiers of the wallets follow."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        before = evidence_records.reject(connection, number, actor=actor, reason=reason, at=emoney.clock())
        moved = following.follow(
            connection,
            before.person_id,
            packs=emoney.packs,
            at=emoney.clock(),
            policies=downgrades(emoney.home),
        )
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        asked = approved_actions.request_acceptance(
            connection, number, method=method, actor=actor, reason=reason, at=emoney.clock()
        )
    tell_request(asked, as_json)


def _tell_moved(about: dict[str, UUID], moved: list[following.Moved], as_json: bool) -> None:
    if as_json:
        wallets = [
            {"account": each.account_id, "before": each.before, "tier": each.tier, "no_tier": each.no_tier}
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        found = duplicates.open_pairs(connection, emoney.clock())
    if as_json:
        print_json(
            [
                {
                    "person_a": each.person_a,
                    "ref_a": each.ref_a,
                    "person_b": each.person_b,
                    "ref_b": each.ref_b,
                    "grounds": each.grounds,
                    "found_at": each.found_at,
                }
                for each in found
            ]
        )
        return
    rows = [(each.ref_a, each.ref_b, ", ".join(each.grounds), f"{each.found_at:%Y-%m-%d}") for each in found]
    table("May be one person", ("one", "other", "equal", "found"), rows)


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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        actor = (emoney.clock() + timedelta(days=days)).date()
        found = refresh.due(connection, actor)
    if as_json:
        print_json(
            [
                {
                    "person": each.person_id,
                    "ref": each.external_ref,
                    "rating": each.rating,
                    "reviewed_at": each.reviewed_at,
                    "due_on": each.due_on,
                }
                for each in found
            ]
        )
        return
    rows = [(each.external_ref, each.rating, f"{each.reviewed_at:%Y-%m-%d}", each.due_on) for each in found]
    table("Reviews due", ("person", "risk", "last reviewed", "due on"), rows)


@reviews.command("done")
def done(person: Person, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Record that a person was reviewed; the next period begins."""
    with Emoney.open() as emoney, emoney.database.connection() as connection:
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
    with Emoney.open() as emoney, emoney.database.connection() as connection:
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
        print_json(
            {
                "person": found.id,
                "rating": rated.rating,
                "points": rated.points,
                "reasons": rated.reasons,
                "policy": rated.policy,
            }
        )
        return
    screen.print(f"{person}: {rated.rating} ({rated.points:+d}), policy {rated.policy}", highlight=False)
    for reason in rated.reasons:
        screen.print(f"  {reason}", highlight=False, soft_wrap=True)

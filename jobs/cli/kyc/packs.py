"""`emoney kyc packs`, `emoney kyc pack`: the policy packs, what they say, and who answers for them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from emoney.jobs.cli.output import AsJson, json_of, named, notices, print_json, screen, table
from emoney.jobs.cli.terminal.groups import group
from emoney.jobs.cli.terminal.opened import opened, opened_connection
from emoney.jobs.installation import policy_packs
from emoney.kyc.packs.contradictions import demand_none_between
from emoney.kyc.packs.library import BrokenPack, PackLibrary, pack_schema
from emoney.kyc.packs.rules import Denied, PackRule, Sourced
from emoney.kyc.packs.schema import Pack, Tier, Transition

app = group("One policy pack.")

PackId = Annotated[str, typer.Argument(metavar="ID", help="A pack's id, such as gh-bog-2024.")]

NOT_PRIMARY = "secondary sources: verify, then accept before production"


def register(kyc: typer.Typer) -> None:
    """Add the commands to `emoney kyc`."""
    kyc.command("packs")(packs)
    kyc.add_typer(app, name="pack")


def packs(as_json: AsJson = False) -> None:
    """The policy packs, their validity, and whether every number was read in the legal text.

    The shipped ones and your own. Exit code 1 when a file of your own is broken; the others can be used.
    """
    library = policy_packs()
    loaded, broken = library.packs(), library.broken()
    if as_json:
        print_json([*(_listed(library, pack) for pack in loaded), *map(_broken, broken)])
    else:
        _show_packs(library, loaded)
        for each in broken:
            notices.print(f"{each.id}: {each.error}", markup=False, highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)


def _listed(library: PackLibrary, pack: Pack) -> dict[str, Any]:
    return _summary(pack) | {"folder": library.folder_of(pack.id), "error": None}


def _broken(each: BrokenPack) -> dict[str, Any]:
    error = each.error
    place = {"file": error.file, "line": error.line, "rule": error.rule}
    return {"id": each.id, "folder": each.folder, "error": str(error)} | place


def _show_packs(library: PackLibrary, loaded: Sequence[Pack]) -> None:
    rows = [
        (
            pack.id,
            pack.currency,
            f"{pack.valid.from_ or ''} to {pack.valid.to or ''}"
            + ("" if pack.status == "in_force" else f" ({pack.status})"),
            ", ".join(tier.id for tier in pack.tiers),
            "the legal text" if pack.all_primary else NOT_PRIMARY,
        )
        for pack in loaded
    ]
    table("Policy packs", ("id", "currency", "in force", "tiers", "numbers from"), rows)
    for folder, count in Counter(library.folder_of(pack.id) for pack in loaded).items():
        packs = "1 pack" if count == 1 else f"{count} packs"
        screen.print(f"{folder}: {packs}", markup=False, highlight=False, soft_wrap=True)


def _summary(pack: Pack) -> dict[str, Any]:
    return {
        "id": pack.id,
        "title": pack.title,
        "jurisdiction": pack.jurisdiction,
        "currency": pack.currency,
        "status": pack.status,
        "valid_from": pack.valid.from_,
        "valid_to": pack.valid.to,
        "succeeded_by": pack.succeeded_by.pack if pack.succeeded_by else None,
        "tiers": [tier.id for tier in pack.tiers],
        "all_primary": pack.all_primary,
        "needs_acceptance": not pack.all_primary,
    }


@app.command()
def show(pack_id: PackId, as_json: AsJson = False) -> None:
    """What a pack says: tiers, what they ask for, limits, and the source of each."""
    pack = policy_packs().pack(pack_id)
    if as_json:
        print_json(
            pack.model_dump(mode="json", by_alias=True)
            | {"all_primary": pack.all_primary, "needs_acceptance": not pack.all_primary}
        )
        return
    screen.print(
        f"[bold]{escape(pack.title)}[/]  {pack.id}, {pack.status.replace('_', ' ')}", highlight=False
    )
    screen.print(f"{escape(pack.legal)}", highlight=False)
    valid = f"In force {pack.validity} (confidence {pack.valid.confidence}), days of {pack.time_zone}."
    if pack.succeeded_by:
        valid += f" Then {pack.succeeded_by.pack} follows by itself."
    screen.print(valid, highlight=False)
    if not pack.all_primary:
        screen.print(f"[yellow]Numbers from {NOT_PRIMARY}.[/]", highlight=False)
    for tier in pack.tiers:
        _show_tier(pack, tier)
    if pack.overrides:
        _says(
            "For a while",
            [(f"{each.from_} until {each.to}, {each.tier}: {each.who}", each) for each in pack.overrides],
        )
    if pack.transitions:
        _says(
            "Transitions",
            [
                (f"{each.effective}, {each.wallets}: {each.event}: {each.action}{_unless(each)}", each)
                for each in pack.transitions
            ],
        )
    if pack.also_says:
        _says("The text also says", [(each.says, each) for each in pack.also_says])
    used = [
        (key, source.title, source.at, source.seen or pack.collected) for key, source in pack.sources.items()
    ]
    table("Sources", ("source", "title", "where", "seen"), used)


def _unless(transition: Transition) -> str:
    kinds = transition.unless
    return f", unless {'; '.join(kinds.missing(frozenset()))} is shown" if kinds.kinds else ""


def _show_tier(pack: Pack, tier: Tier) -> None:
    rows = [
        (name, _amount(pack, rule), rule.on_exceed.replace("_", " "), _where(rule), _remark(rule))
        for rule in tier.rules
        for name in rule.names
    ]
    rows += [(denied.name, "never", "deny", _where(denied), _denied(denied)) for denied in tier.denied]
    if tier.allowed:
        rows.append(
            (
                "not-allowed",
                "never",
                "deny",
                _where(tier.allowed),
                f"all but {', '.join(tier.allowed.operations)}",
            )
        )
    if tier.time_limit:
        to = f"upgrade to {tier.time_limit.upgrade_to}" if tier.time_limit.upgrade_to else "verify"
        rows.append(("time-limit", tier.time_limit.within, "no credit", _where(tier.time_limit), to))
    if tier.max_wallets:
        rows.append(("wallets of a person", str(tier.max_wallets.amount), "", _where(tier.max_wallets), ""))
    columns = ("rule", "at most", "above", "source, confidence", "remark")
    table(f"{tier.title}: {tier.id}", columns, rows, right=("at most",))
    screen.print(f"  asks for {_evidence(tier)}", highlight=False, markup=False)
    for features, of in ((tier.requires, ""), (tier.requires_if_reloadable, "if reloadable, ")):
        if features:
            said = " and ".join(feature.words for feature in features)
            screen.print(f"  {of}is for instruments that are {said}", highlight=False, markup=False)
    for condition in tier.left_to_operator:
        screen.print(f"  left to the operator: {condition}", highlight=False, markup=False)
    screen.print()


def _remark(rule: PackRule) -> str:
    said = [f"without {', '.join(rule.excluding)}"] if rule.excluding else []
    said += [f"if {' and '.join(rule.applies_if)}".replace("_", " ")] if rule.applies_if else []
    return "; ".join([*said, *([rule.note] if rule.note else [])])


def _denied(denied: Denied) -> str:
    said = [denied.reason]
    said += [f"if {' and '.join(denied.applies_if)}".replace("_", " ")] if denied.applies_if else []
    return "; ".join(said)


def _amount(pack: Pack, rule: PackRule) -> str:
    if rule.amount is None:
        return "unknown: refused"
    if isinstance(rule.amount, str):
        return {"none": "no limit", "issuer_defined": "the issuer's: refused until set"}[rule.amount]
    return f"{rule.amount:,f}" if rule.metric == "count" else f"{rule.amount:,f} {rule.unit or pack.currency}"


def _where(part: Sourced) -> str:
    return f"{part.source or 'none'}, {part.confidence.replace('_', ' ')}"


def _evidence(tier: Tier) -> str:
    asked = tier.evidence
    parts = [", ".join(asked.all)] if asked.all else []
    if asked.any:
        parts.append(f"one of {', '.join(asked.any)}")
    if asked.count:
        parts.append(f"{asked.count.at_least} of {', '.join(asked.count.of)}")
    said = "what is not known: the operator decides" if asked.unknown else "; ".join(parts) or "nothing"
    return said + (
        ", and the operator chooses it" if tier.assigned == "by_operator" and not asked.unknown else ""
    )


def _says(title: str, rows: list[tuple[str, Sourced]]) -> None:
    table(title, ("source, confidence", "what"), [(_where(part), said) for said, part in rows])


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A pack's YAML file.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Whether a pack of your own is well formed and agrees with itself and with all others."""
    library = policy_packs()
    pack = library.read_file(file)
    demand_none_between([*(each for each in library.packs() if each.id != pack.id), pack])
    if as_json:
        print_json(_summary(pack) | {"content_hash": pack.content_hash})
    else:
        screen.print(f"{pack.id}: well formed, {len(pack.tiers)} tiers", highlight=False)


@app.command()
def schema() -> None:
    """The JSON Schema of a pack's file, for editors; also in docs/policy-pack.schema.json."""
    print_json(pack_schema())


@app.command()
def accept(
    pack_id: PackId,
    actor: Annotated[str, typer.Option(help="Who answers for the pack's numbers.")],
    reason: Annotated[
        str, typer.Option(help="Why, in a few words, without personal data.")
    ] = "its numbers were verified against the official text",
    as_json: AsJson = False,
) -> None:
    """Record, signed, that someone verified a pack. In production, ask a second person to approve that."""
    from emoney.jobs.cli.kyc.approvals import tell_request
    from emoney.kyc.packs import acceptance
    from emoney.ledger import proofs

    with opened_connection() as (emoney, connection):
        pack = emoney.packs.pack(pack_id)
        if pack.in_production:
            asked = acceptance.request(connection, pack, actor=actor, reason=reason, at=emoney.clock())
            tell_request(asked, as_json)
            return
        key = proofs.signing_key(connection, emoney.home)
        accepted = acceptance.accept(connection, pack, key, actor=actor, at=emoney.clock())
        missing = acceptance.missing(connection, pack)
    if as_json:
        print_json(_accepted(accepted) | {"note": accepted.note, "still_missing": missing})
        return
    screen.print(f"{pack.id} accepted by {accepted.accepted_by}", highlight=False, markup=False)
    screen.print(f"content {accepted.content_hash}", highlight=False)
    for other in missing:
        screen.print(f"{other}, which follows it, is not accepted yet", highlight=False)


@app.command()
def store(
    pack_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Packs' ids, such as gh-bog-2024.")],
    as_json: AsJson = False,
) -> None:
    """Store the limits that wallets under packs come to be under, by a right apart from posting.

    For your own database, whose application enrols by a login that may not: as a member of emoney_policy, or
    the owner. Again after a pack, a rate or the downgrades changed.
    """
    from emoney.kyc.wallets import foreseen
    from emoney.kyc.wallets.restrictions import downgrades
    from emoney.ledger.limits.profiles import policy_connection

    stored = {}
    with opened() as emoney:
        packs, policies = [emoney.packs.pack(each) for each in pack_ids], downgrades(emoney.home)
        with policy_connection(emoney.url, emoney.settings.database.pool) as connection:
            for pack in packs:
                stored[pack.id] = foreseen.store(connection, pack, policies.of(pack.id))
    if as_json:
        print_json([{"pack": pack_id, **each._asdict()} for pack_id, each in stored.items()])
        return
    for pack_id, each in stored.items():
        screen.print(f"{pack_id}: {each.profiles} limit profiles, {each.new} of them new", highlight=False)


@app.command()
def acceptances(as_json: AsJson = False) -> None:
    """Who accepted which pack, whether it is still the same, and whether the signature holds."""
    from emoney.kyc.errors import InvalidPack, UnknownPack
    from emoney.kyc.packs import acceptance
    from emoney.ledger.proofs import ProofInvalid, SigningKey

    found = []
    with opened_connection() as (emoney, connection):
        every = list(acceptance.every(connection))
        key = SigningKey.load(emoney.home).public if every else None
        library = emoney.packs
    wrong = False
    for each in every:
        try:
            current = acceptance.content_hash(library.pack(each.pack_id)) == each.content_hash
        except (InvalidPack, UnknownPack):
            current = False
        signature = "holds"
        try:
            assert key is not None
            each.demand_signed(key)
        except ProofInvalid as error:
            signature, wrong = str(error), True
        found.append(_accepted(each) | {"current": current, "signature": signature})
    if as_json:
        print_json(found)
    else:
        rows = [
            (
                each["pack"],
                each["accepted_by"],
                each["approved_by"] or "",
                each["accepted_at"][:16].replace("T", " "),
                "yes" if each["current"] else "no: accept again",
                each["signature"],
            )
            for each in found
        ]
        table("Accepted packs", ("pack", "actor", "approved by", "at", "as it is now", "signature"), rows)
    if wrong:
        raise typer.Exit(1)


def _accepted(accepted: Any) -> dict[str, Any]:
    printed = named("accepted_by", "accepted_at", "content_hash", "approval", "approved_by", pack="pack_id")
    said: dict[str, Any] = json_of(accepted, **printed)
    return said

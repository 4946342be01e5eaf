"""The tier follows the evidence: whatever is added, revoked or expires moves the person's wallets by itself.

A wallet whose holder shows more goes up and keeps what it has used; one whose holder shows less goes down, by
stages where its balance is above the new cap; one whose holder reaches no tier stays under the least one,
restricted. A tier that two persons have set (`kyc.wallets.overrides`) stays until its date.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select

from emoney.kyc.errors import NoTier
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.tiers import tier_for
from emoney.kyc.limits import transitions
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.packs.schema import Pack, Tier
from emoney.kyc.wallets.assignment import AUTOMATIC, lock, rebind
from emoney.kyc.wallets.restrictions import Downgrades, downgrades
from emoney.kyc.wallets.tables import WalletRow
from emoney.kyc.wallets.wallet import change_tier
from emoney.ledger.base.clock import Clock, from_then
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.base.progress import Progress, silent

PERSONS_MAX = 100_000
"""Persons of one run."""

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Moved:
    """A wallet whose tier followed. `no_tier`: the evidence reaches none."""

    account_id: UUID
    pack: str
    before: str
    tier: str
    no_tier: bool


def reached(
    pack: Pack, evidence: list[evidence_records.Evidence], day: date, *, natural: bool = True
) -> tuple[Tier, bool, tuple[str, ...]]:
    """The tier that evidence reaches on a day, whether it reaches none at all, and the kinds it rests on.

    `natural`: whether it is of a natural person.
    """
    kinds = evidence_records.shown(evidence, day)
    shown = tuple(sorted(pack.with_implied(kinds) & pack.evidence_kinds))
    try:
        return tier_for(pack, kinds, natural=natural), False, shown
    except NoTier:
        return next((tier for tier in pack.tiers if tier.by_evidence), pack.tiers[0]), True, shown


@all_or_nothing
def follow(
    connection: Connection,
    person_id: UUID,
    *,
    packs: PackLibrary,
    at: datetime,
    actor: str = AUTOMATIC,
    reason: str = "evidence changed",
    policies: Downgrades | None = None,
) -> list[Moved]:
    """Put all wallets of a person at the tier that the evidence reaches now; gives those that moved.

    What is past its last day is expired first. A wallet whose pack another one has followed is put under that
    one when its tier changes. Wallets under a pack not in force, or at a tier that the operator assigns, keep
    their tier. Where a transition of the pack is met, or met no more, the limits follow.
    """
    evidence_records.expire(connection, person_id, at)
    evidence = evidence_records.of_person(connection, person_id)
    policies = policies or downgrades()
    moved = []
    for account_id, pack_id, before, override_until, cause, kind in connection.execute(
        _queries.wallets_of.sql, {"person": person_id}
    ).fetchall():
        bound = packs.pack(pack_id)
        pack, now = bound.version_at(before, at)
        if (override_until is not None and at < override_until) or not pack.in_force(at):
            continue
        if not now.by_evidence:
            continue
        tier, no_tier, kinds = reached(pack, evidence, pack.local_day(at), natural=kind == "natural")
        if tier.id == now.id and cause is None and not no_tier:
            if transitions.concern(bound):
                policy = policies.of(bound.id)
                wallet = lock(connection, account_id)
                rebind(connection, wallet, bound, actor=actor, reason=reason, at=at, policy=policy)
            continue
        if change_tier(
            connection,
            account_id,
            pack,
            tier.id,
            reason=reason,
            evidence=kinds,
            at=at,
            actor=actor,
            no_tier=no_tier,
            policy=policies.of(pack.id),
        ):
            moved.append(Moved(account_id, pack.id, before, tier.id, no_tier))
    return moved


def expire_evidence(
    database: Database,
    at: datetime,
    *,
    packs: PackLibrary,
    policies: Downgrades | None = None,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> tuple[int, list[Moved]]:
    """Expire what is past its last day, and let the tiers follow: one person, one transaction.

    `clock`: for a run of more than a moment (`ledger.base.clock.from_then`).

    Gives how many persons it concerned, at most PERSONS_MAX a run, and the wallets that moved.
    """
    with database.connection() as connection:
        persons = evidence_records.persons_due(connection, at, most=PERSONS_MAX)
    now = from_then(at, clock)
    return len(persons), _follow_each(database, persons, now, "evidence expired", packs, policies, progress)


def end_overrides(
    database: Database,
    at: datetime,
    *,
    packs: PackLibrary,
    policies: Downgrades | None = None,
    clock: Clock | None = None,
) -> list[Moved]:
    """Let the wallets whose override has ended follow their evidence again; gives those that moved.

    `clock`: as `expire_evidence`.
    """
    now = from_then(at, clock)
    over = select(WalletRow.account_id, WalletRow.person_id).where(col(WalletRow.override_until) <= at)
    over = over.order_by(col(WalletRow.override_until))
    with database.connection() as connection:
        ended = read(connection, over.limit(PERSONS_MAX))
    moved: list[Moved] = []
    for account_id, person_id in ended:
        with database.connection() as connection:
            connection.execute(_queries.end_override.sql, {"account": account_id, "at": at})
            if person_id is not None:
                moved += follow(
                    connection, person_id, packs=packs, at=now(), reason="override ended", policies=policies
                )
    return moved


def _follow_each(
    database: Database,
    persons: Sequence[UUID],
    clock: Clock,
    reason: str,
    packs: PackLibrary,
    policies: Downgrades | None,
    progress: Progress,
) -> list[Moved]:
    moved: list[Moved] = []
    for number, person_id in enumerate(persons, 1):
        with database.connection() as connection:
            moved += follow(connection, person_id, packs=packs, at=clock(), reason=reason, policies=policies)
        progress("expiring evidence", number, len(persons))
    return moved

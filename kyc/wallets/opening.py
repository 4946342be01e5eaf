"""Further wallets of a person who is enrolled: at which tier, and how many the pack allows."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from emoney.kyc.errors import NoTier, ReferenceTaken, TooManyWallets
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.person import Person
from emoney.kyc.evidence.tiers import tier_for
from emoney.kyc.limits.features import ORDINARY, Features
from emoney.kyc.packs.schema import Pack, Tier
from emoney.kyc.wallets import wallet as wallets
from emoney.kyc.wallets.tables import WalletRow
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.tables import AccountRow
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.base.postgres.tuples import reads_tuples

_queries = queries_beside(__file__)


@all_or_nothing
def open_wallet(
    connection: Connection,
    person: Person,
    pack: Pack,
    external_ref: str,
    *,
    at: datetime,
    tier_id: str | None = None,
    features: Features = ORDINARY,
) -> UUID:
    """Open a further wallet for an enrolled person at the tier that the evidence reaches; gives its id.

    `tier_id`: one that the operator assigns, in place of that. `features`: what the wallet is. All wallets of
    a person have one holder, so limits per person apply to them together. Raises TooManyWallets where the
    pack has a maximum, NoTier, PackNotInForce, ReferenceTaken, UnfitAccount.
    """
    pack.demand_in_force(at)
    evidence, day = evidence_records.of_person(connection, person.id), pack.local_day(at)
    if tier_id is None:
        shown = evidence_records.shown(evidence, day)
        tier = tier_for(pack, shown, natural=person.kind == "natural")
        kinds = tuple(sorted(pack.with_implied(shown) & pack.evidence_kinds))
    else:
        tier, kinds = _assigned(pack, tier_id, person, evidence_records.shown(evidence, day))
    demand_room(connection, person.holder, pack, tier)
    account_id = new_id()
    wallet = wallets.NewWallet(
        account_id,
        external_ref,
        tier.id,
        at,
        holder=person.holder,
        person_id=person.id,
        evidence=kinds,
        reason="evidence on record",
        features=features,
    )
    if external_ref in accounts.find(connection, [external_ref]):
        raise ReferenceTaken("external_ref: names another account of the ledger already")
    wallets.open_wallets(connection, pack, [wallet])
    return account_id


def _assigned(
    pack: Pack, tier_id: str, person: Person, kinds: AbstractSet[str]
) -> tuple[Tier, tuple[str, ...]]:
    """A tier that the operator assigns, and what of its evidence the person shows. Raises NoTier."""
    tier, shown = pack.tier(tier_id), pack.with_implied(kinds)
    if tier.by_evidence:
        raise NoTier(f"{pack.id}/{tier.id} is reached by evidence and not assigned by the operator")
    if tier.natural_persons_only and person.kind != "natural":
        raise NoTier(f"{pack.id}/{tier.id} is for natural persons only")
    if not tier.evidence.unknown and (missing := tier.evidence.missing(shown)):
        raise NoTier(f"{pack.id}/{tier.id} still needs {', '.join(missing)}")
    return tier, tuple(sorted(shown & pack.evidence_kinds))


@reads_tuples
def demand_room(connection: Connection, holder: UUID, pack: Pack, tier: Tier) -> None:
    """That the person may have one wallet more under the pack; two who ask at once come one by one.

    Raises TooManyWallets.
    """
    most = wallets_max(tier)
    if most is None:
        return
    connection.execute(_queries.lock_holder.sql, {"holder": holder})
    account = col(WalletRow.account_id)
    open_ = select(func.count(account)).join(AccountRow, col(AccountRow.id) == account)
    open_ = open_.where(AccountRow.holder == holder, col(AccountRow.closed_at).is_(None))
    [held] = read(connection, open_.where(WalletRow.pack_id == pack.id, WalletRow.tier == tier.id))
    if held >= most:
        raise TooManyWallets(f"pack {pack.id} lets a person have {most} wallets at {tier.id}, and has {held}")


def wallets_max(tier: Tier) -> int | None:
    """How many wallets at this tier a person may have; None where the pack says nothing."""
    return tier.max_wallets.amount if tier.max_wallets else None

"""Persons as they are enrolled: found by the operator's reference, and given further wallets."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kyc import evidence_records, wallets
from kyc.errors import NoTier, ReferenceTaken, TooManyWallets, UnknownPerson
from kyc.following import reached
from kyc.pack import Pack, Tier
from ledger import accounts
from ledger.database import Connection
from ledger.ids import new_id
from ledger.queries import queries_beside

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Person:
    """A person's record. `holder`: the record that stands for the person, where several were linked."""

    id: UUID
    external_ref: str
    kind: str
    holder: UUID
    enrolled_at: datetime


def find(connection: Connection, name: str) -> Person:
    """The person of this external reference or, failing that, this id. Raises UnknownPerson."""
    row = connection.execute(_queries.by_ref.sql, {"ref": name}).fetchone()
    if row is None:
        try:
            row = connection.execute(_queries.by_id.sql, {"id": UUID(name)}).fetchone()
        except ValueError:
            row = None
    if row is None:
        raise UnknownPerson(f"nobody is enrolled under the reference or the id {name[:128]!r}")
    return Person(*row)


def open_wallet(
    connection: Connection, person: Person, pack: Pack, external_ref: str, *, at: datetime
) -> UUID:
    """Open a further wallet for an enrolled person at the tier that the evidence reaches; gives its id.

    All wallets of a person have one holder, so limits per person hold over them together. Raises
    TooManyWallets where the pack has a maximum, NoTier, PackNotInForce, ReferenceTaken.
    """
    pack.demand_in_force(at)
    evidence = evidence_records.of_person(connection, person.id)
    tier, no_tier, kinds = reached(pack, evidence, pack.local_day(at))
    if no_tier:
        missing = ", ".join(tier.evidence.missing(frozenset(kinds)))
        raise NoTier(f"the evidence reaches no tier of {pack.id}; {tier.id} still needs {missing}")
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
        because="evidence on record",
    )
    if external_ref in accounts.find(connection, [external_ref]):
        raise ReferenceTaken("external_ref: names another account of the ledger already")
    wallets.open_wallets(connection, pack, [wallet])
    return account_id


def demand_room(connection: Connection, holder: UUID, pack: Pack, tier: Tier) -> None:
    """That the person may have one wallet more under the pack; two who ask at once come one by one.

    Raises TooManyWallets.
    """
    most = wallets_max(tier)
    if most is None:
        return
    connection.execute(_queries.lock_holder.sql, {"holder": holder})
    about = {"holder": holder, "pack": pack.id, "tier": tier.id}
    row = connection.execute(_queries.wallets_held.sql, about).fetchone()
    held = row[0] if row else 0
    if held >= most:
        raise TooManyWallets(f"pack {pack.id} lets a person have {most} wallets at {tier.id}, and has {held}")


def wallets_max(tier: Tier) -> int | None:
    """How many wallets at this tier a person may have; None where the pack says nothing."""
    return tier.max_wallets.amount if tier.max_wallets else None

"""What a wallet is, such as not reloadable: stated, kept, and enforced in every posting from then on.

A statement replaces the one before it and edits nothing; that an instrument is loaded once is never taken
back, which the database enforces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from emoney.kyc.errors import InvalidDecision
from emoney.kyc.limits.features import Features
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.packs.schema import Pack
from emoney.kyc.wallets import assignment as binding
from emoney.kyc.wallets.restrictions import DowngradePolicy
from emoney.kyc.wallets.tables import WalletFeaturesRow
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import read

COHORTS_MAX = 20

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Statement:
    """What was stated of a wallet, by whom and why."""

    number: int
    features: Features
    actor: str
    reason: str
    at: datetime


@all_or_nothing
def state(
    connection: Connection,
    account_id: UUID,
    features: Features,
    *,
    packs: PackLibrary,
    actor: str,
    reason: str,
    at: datetime,
    policy: DowngradePolicy | None = None,
) -> bool:
    """State what a wallet is: its limits follow with the next transfer. False when it is that already.

    What it moved so far counts in limits that follow from it, too. Raises UnknownWallet; InvalidDecision for
    a cohort that the pack does not have, or where it is said to be reloadable again.
    """
    wallet = binding.lock(connection, account_id)
    pack = packs.pack(wallet.pack_id)
    if features == wallet.features:
        return False
    _demand_known(pack, features)
    if wallet.features.reloadable is False and features.reloadable is not False:
        raise InvalidDecision("an instrument that is not reloadable stays so: open another one")
    record(connection, {account_id: features}, actor=actor, reason=reason, at=at)
    binding.rebind(
        connection,
        replace(wallet, features=features),
        pack,
        reason="features stated",
        at=at,
        actor=actor,
        policy=policy,
    )
    return True


@all_or_nothing
def record(
    connection: Connection,
    wallets: Mapping[UUID, Features],
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> None:
    """Keep a statement on each of some wallets, which the caller has locked or just opened."""
    said = {"actor": Actor(actor), "reason": Reason(reason), "at": at}
    rows: list[dict[str, Any]] = []
    for account_id, features in sorted(wallets.items()):
        if len(features.cohorts) > COHORTS_MAX:
            raise InvalidDecision(f"{len(features.cohorts)} cohorts; a wallet is in {COHORTS_MAX} at most")
        what = {name: getattr(features, name) for name in _PLAIN}
        about = {"id": new_id(), "account": account_id, "cohorts": sorted(features.cohorts)}
        rows.append(about | what | said)
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_queries.record.sql, rows)


_PLAIN = ("reloadable", "one_country", "goods_only", "loaded_with_cash", "phone_not_validated")


def history(connection: Connection, account_id: UUID) -> list[Statement]:
    """Every statement on a wallet, the first one first."""
    of = select(WalletFeaturesRow).where(WalletFeaturesRow.account_id == account_id)
    return [
        Statement(
            row.number,
            binding.features_of_row(
                row.reloadable,
                row.one_country,
                row.goods_only,
                row.loaded_with_cash,
                row.phone_not_validated,
                row.cohorts,
            ),
            row.recorded_by,
            row.reason,
            row.recorded_at,
        )
        for row in read(connection, of.order_by(col(WalletFeaturesRow.number)))
    ]


def _demand_known(pack: Pack, features: Features) -> None:
    known = {override.cohort for override in pack.overrides}
    if unknown := sorted(features.cohorts - known):
        there_are = ", ".join(sorted(known)) or "none"
        raise InvalidDecision(f"pack {pack.id} has no cohort {unknown[0][:40]!r}; there are {there_are}")

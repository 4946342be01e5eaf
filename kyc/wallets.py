"""Wallets: opened for a holder at a tier, whose limits the ledger then enforces."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kyc.limits import compile_profile
from kyc.packs import Pack
from ledger import accounts, profiles
from ledger.chart import AccountKind
from ledger.database import Connection
from ledger.ids import new_id
from ledger.queries import queries_beside

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class NewWallet:
    """A wallet to open. `evidence`: what the tier rests on; `because`: why in a few words."""

    account_id: UUID
    external_ref: str
    tier: str
    opened_at: datetime
    holder: UUID | None = None
    person_id: UUID | None = None
    evidence: tuple[str, ...] = ()
    because: str = "evidence at enrolment"


def profile_id(connection: Connection, pack: Pack, tier_id: str) -> UUID:
    """The ledger's id of the limits of a tier, stored on first use. Raises UnknownTier."""
    return profiles.store(connection, compile_profile(pack, pack.tier(tier_id)))


def open_wallets(connection: Connection, pack: Pack, wallets: Sequence[NewWallet]) -> int:
    """Open those of `wallets` that are not there yet, each at its tier; returns how many were opened.

    Raises UnknownTier, InvalidInput for a malformed or taken reference.
    """
    limits = {tier: profile_id(connection, pack, tier) for tier in {wallet.tier for wallet in wallets}}
    accounts.open_accounts(
        connection,
        [
            accounts.NewAccount(
                wallet.account_id,
                AccountKind.CUSTOMER,
                pack.currency,
                wallet.opened_at,
                wallet.external_ref,
                wallet.holder,
                limits[wallet.tier],
            )
            for wallet in wallets
        ],
    )
    with connection.cursor() as cursor:
        opened = {
            row[0]
            for row in cursor.execute(
                _queries.open_wallets.sql,
                {
                    "accounts": [wallet.account_id for wallet in wallets],
                    "persons": [wallet.person_id for wallet in wallets],
                    "pack": pack.id,
                    "tiers": [wallet.tier for wallet in wallets],
                    "since": [wallet.opened_at for wallet in wallets],
                },
            )
        }
        cursor.executemany(
            _queries.record_decision.sql,
            [
                {
                    "id": new_id(),
                    "account": wallet.account_id,
                    "pack": pack.id,
                    "tier": wallet.tier,
                    "profile": limits[wallet.tier],
                    "because": wallet.because,
                    "evidence": list(wallet.evidence),
                    "at": wallet.opened_at,
                }
                for wallet in wallets
                if wallet.account_id in opened
            ],
        )
    return len(opened)


def wallets_per_tier(connection: Connection) -> dict[tuple[str, str], int]:
    """How many wallets stand at each (pack, tier)."""
    return {(pack, tier): count for pack, tier, count in connection.execute(_queries.wallets_per_tier.sql)}

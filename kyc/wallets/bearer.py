"""Bearer instruments: wallets without a person, where the pack has a tier that asks for no evidence."""

from datetime import datetime
from uuid import UUID

from emoney.kyc.errors import NoTier
from emoney.kyc.limits.features import ORDINARY, Features
from emoney.kyc.packs.schema import Pack
from emoney.kyc.wallets.wallet import NewWallet, open_wallets
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing


@all_or_nothing
def issue(
    connection: Connection,
    pack: Pack,
    tier_id: str,
    external_ref: str,
    *,
    at: datetime,
    features: Features = ORDINARY,
) -> UUID:
    """Open an instrument that whoever holds it uses; returns its account. `features`: what it is.

    Raises NoTier when the tier asks for evidence, which nobody is there to give, UnknownTier, PackNotInForce.
    """
    pack.demand_in_force(at)
    tier = pack.tier(tier_id)
    if missing := tier.evidence.missing(frozenset()):
        raise NoTier(f"{pack.id}/{tier.id} is for no bearer: it asks for {', '.join(missing)}")
    wallet = NewWallet(new_id(), external_ref, tier.id, at, reason="bearer instrument", features=features)
    open_wallets(connection, pack, [wallet])
    return wallet.account_id

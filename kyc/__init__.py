"""Floor 3: knows who. Persons, evidence, tiers, policy packs, wallets."""

from kyc.enrolment import Enrolled, Enrolment, PersonDetails
from kyc.packs import Pack, load_pack, pack_ids, parse_pack
from kyc.wallets import NewWallet, open_wallets

__all__ = [
    "Enrolment",
    "Enrolled",
    "PersonDetails",
    "Pack",
    "load_pack",
    "pack_ids",
    "parse_pack",
    "NewWallet",
    "open_wallets",
]

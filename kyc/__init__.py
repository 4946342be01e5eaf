"""Floor 3: knows who. Persons, evidence, tiers, policy packs, wallets."""

from kyc.enrolment import Enrolled, Enrolment
from kyc.features import Features
from kyc.pack import Pack
from kyc.packs import load_pack, pack_ids, pack_of_currency, parse_pack, read_pack
from kyc.person import PersonDetails
from kyc.provider import EnrolmentProvider, FileProvider, ProvidedEvidence, ProvidedPerson, enrol_from
from kyc.tiers import tier_for, tier_named
from kyc.wallets import GivenTier, NewWallet, adopt_wallets, change_tier, open_wallets

__all__ = [
    "Enrolment",
    "Enrolled",
    "PersonDetails",
    "EnrolmentProvider",
    "FileProvider",
    "ProvidedEvidence",
    "ProvidedPerson",
    "enrol_from",
    "Pack",
    "load_pack",
    "pack_ids",
    "pack_of_currency",
    "parse_pack",
    "read_pack",
    "tier_for",
    "tier_named",
    "Features",
    "NewWallet",
    "GivenTier",
    "open_wallets",
    "adopt_wallets",
    "change_tier",
]

"""Floor 3: knows who. Persons, evidence, tiers, policy packs, wallets."""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.kyc.evidence.tiers import tier_for, tier_named
    from emoney.kyc.limits.compile import compile_profile
    from emoney.kyc.limits.features import Features
    from emoney.kyc.packs.library import PackLibrary
    from emoney.kyc.packs.schema import Pack
    from emoney.kyc.persons.details import PersonDetails
    from emoney.kyc.persons.enrolment import Enrolled, Enrolment
    from emoney.kyc.persons.provider import (
        EnrolmentProvider,
        FileProvider,
        ProvidedEvidence,
        ProvidedPerson,
        enrol_from,
    )
    from emoney.kyc.wallets.wallet import GivenTier, NewWallet, adopt_wallets, change_tier, open_wallets
else:
    __getattr__ = face(
        __name__,
        {
            "Enrolment": "persons.enrolment",
            "Enrolled": "persons.enrolment",
            "PersonDetails": "persons.details",
            "EnrolmentProvider": "persons.provider",
            "FileProvider": "persons.provider",
            "ProvidedEvidence": "persons.provider",
            "ProvidedPerson": "persons.provider",
            "enrol_from": "persons.provider",
            "Pack": "packs.schema",
            "PackLibrary": "packs.library",
            "tier_for": "evidence.tiers",
            "tier_named": "evidence.tiers",
            "Features": "limits.features",
            "compile_profile": "limits.compile",
            "NewWallet": "wallets.wallet",
            "GivenTier": "wallets.wallet",
            "open_wallets": "wallets.wallet",
            "adopt_wallets": "wallets.wallet",
            "change_tier": "wallets.wallet",
        },
    )

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
    "PackLibrary",
    "tier_for",
    "tier_named",
    "Features",
    "compile_profile",
    "NewWallet",
    "GivenTier",
    "open_wallets",
    "adopt_wallets",
    "change_tier",
]

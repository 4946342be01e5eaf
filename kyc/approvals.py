"""What takes a second person in KYC; who asks and who decides is in `ledger.two_persons`.

What an action does when it is approved is in `kyc.approved_actions`; here it is a word.
"""

from enum import StrEnum


class Action(StrEnum):
    """What takes a second person."""

    TIER_OVERRIDE = "tier_override"
    """A wallet at a tier that the evidence does not reach, for a time."""
    EVIDENCE_ACCEPTANCE = "evidence_acceptance"
    """Captured evidence taken as verified."""
    PACK_ACCEPTANCE = "pack_acceptance"
    """A policy pack with numbers that were not read in the legal text, for production use."""
    UNFREEZING = "unfreezing"
    """A frozen wallet let go."""
    LINKING_PERSONS = "linking_persons"
    """Two records that are of one person: their wallets share the limits of the person."""
    SEPARATING_PERSONS = "separating_persons"
    """A link that was a mistake."""
    RECTIFICATION = "rectification"
    """Details of a person of whom something is verified, corrected."""
    ESTATE_RELEASE = "estate_release"
    """The e-money of a holder who died, paid to the estate."""
    LIFTING_LIMITS = "lifting_limits"
    """An account without limits; there already, or opened so within the time that an approval holds."""


ACTIONS = tuple(Action)

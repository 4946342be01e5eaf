"""What the KYC floor raises. No message carries personal data."""

from ledger.errors import InvalidInput


class InvalidPack(InvalidInput):
    """A policy pack that does not follow its schema or contradicts itself."""


class UnknownPack(InvalidInput):
    """A pack id that no shipped policy pack has, or a currency that no single one is for."""


class UnknownUnit(InvalidInput):
    """An index unit whose rates no shipped file has."""


class PackNotAccepted(InvalidInput):
    """In production, a pack with numbers from outside the legal text that no one has accepted in writing."""


class InvalidState(InvalidInput):
    """A state, of what would happen if, that is not well formed."""


class UnknownRefusal(InvalidInput):
    """The id of a transfer that was not refused."""


class PackNotInForce(InvalidInput):
    """A pack at a moment outside its dates, or a draft."""


class UnknownTier(InvalidInput):
    """A name of a tier that the pack does not have."""


class NoTier(InvalidInput):
    """The evidence given reaches no tier of the pack."""


class InvalidPerson(InvalidInput):
    """A person's details that cannot be enrolled; the message names fields, never their values."""


class AlreadyEnrolled(InvalidInput):
    """The operator's reference of a person that is enrolled already."""


class ReferenceTaken(InvalidInput):
    """The operator's reference already names an account of the ledger that is not this person's wallet."""


class UnknownWallet(InvalidInput):
    """An account that is no wallet, or that no decision has put at a tier yet."""


class UnfitAccount(InvalidInput):
    """An account that the pack's limits cannot be put on: another kind, another currency, other limits."""


class InvalidDecision(InvalidInput):
    """A decision on a tier that does not say when, why and on what."""

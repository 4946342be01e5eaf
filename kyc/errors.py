"""What the KYC floor raises. No message carries personal data."""

from ledger.errors import InvalidInput


class InvalidPack(InvalidInput):
    """A policy pack that does not follow its schema or contradicts itself."""


class UnknownPack(InvalidInput):
    """A pack id that no shipped policy pack has."""


class UnknownTier(InvalidInput):
    """A tier id that the pack does not have."""


class NoTier(InvalidInput):
    """The evidence given reaches no tier of the pack."""


class InvalidPerson(InvalidInput):
    """A person's details that cannot be enrolled; the message names fields, never their values."""


class AlreadyEnrolled(InvalidInput):
    """The operator's reference of a person that is enrolled already."""

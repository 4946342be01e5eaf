"""What pseudonyms and re-identification refuse. No message holds a subject, a pseudonym's key or a value."""

from emoney.ledger.base.errors import InvalidInput


class InvalidDomain(InvalidInput):
    """A domain's name or purpose that cannot be stored, or a domain that is there already."""


class UnknownDomain(InvalidInput):
    """A domain or an epoch that was never started."""


class GuessableSubject(InvalidInput):
    """A subject that could be found by trying: pseudonyms are of random identifiers only."""


class TooManySubjects(InvalidInput):
    """More subjects in one call than are taken."""


class UnknownPseudonym(InvalidInput):
    """A token that this domain never gave out, or that is not written as one."""


class NotReversible(InvalidInput):
    """A domain without a way back: its pseudonyms are of a keyed function."""

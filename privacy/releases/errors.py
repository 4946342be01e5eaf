"""What releases and published counts refuse. No message holds a value of a record."""

from emoney.ledger.base.errors import EmoneyError, InvalidInput


class InvalidHierarchy(InvalidInput):
    """A generalisation hierarchy that cannot be read, or whose steps do not lead from fine to coarse."""


class InvalidPlan(InvalidInput):
    """A release plan that cannot be read, or asks for what no release can give."""


class InvalidRecord(InvalidInput):
    """A record that does not fit its plan: a column is missing, or a value is not of its hierarchy's kind."""


class TooManyRecords(InvalidInput):
    """More records than a release takes."""


class CannotAnonymise(EmoneyError):
    """No generalisation that the plan allows reaches the k, l and t that it demands."""


class EpochReleased(EmoneyError):
    """A release under this epoch's pseudonyms was made before: two could be joined."""


class InvalidBudget(InvalidInput):
    """A budget's name, purpose or epsilon that cannot be taken, or a budget that is there already."""


class InvalidCount(InvalidInput):
    """A count that cannot be published as it is asked for."""


class BudgetSpent(EmoneyError):
    """What is left of the budget does not cover the epsilon that was asked for."""

"""What is refused where two persons are needed. No message holds what was asked for beyond its action."""

from emoney.ledger.base.errors import InvalidInput


class NotApproved(InvalidInput):
    """What takes a second person, and no second person has approved it."""


class SamePerson(NotApproved):
    """The one who asked cannot be the one who decides."""


class RequestClosed(NotApproved):
    """A request that was decided or carried out before, or has expired."""


class WrongSignature(NotApproved):
    """What stands beside a request or a decision is no signature of its officer over it."""

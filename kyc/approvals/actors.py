"""Who did it, and why: the operator's own names for its staff and systems."""

from emoney.kyc.errors import InvalidRequest
from emoney.ledger.base.names import checked_ground, checked_person


def checked_actor(name: str) -> str:
    """`name` when it can stand in a record of who asked and who decided. Raises InvalidRequest."""
    return checked_person(name, InvalidRequest)


def same_actor(one: str, other: str) -> bool:
    """Whether two names are those of one person."""
    return one.lower() == other.lower()


def checked_reason(reason: str) -> str:
    """`reason` when it says something that can be stored. Raises InvalidRequest."""
    return checked_ground(reason, InvalidRequest)

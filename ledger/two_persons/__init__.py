"""What takes two persons: one asks, another decides, and it is done once."""

from emoney.ledger.two_persons.errors import NotApproved, RequestClosed, SamePerson, WrongSignature
from emoney.ledger.two_persons.request import (
    APPROVED,
    REJECTED,
    Request,
    agreed,
    approve,
    ask,
    demand_signatures,
    done,
    every,
    find,
    pending,
    reject,
    standing,
    waiting,
)

__all__ = [
    "APPROVED",
    "REJECTED",
    "Request",
    "ask",
    "approve",
    "reject",
    "agreed",
    "done",
    "find",
    "waiting",
    "every",
    "pending",
    "standing",
    "NotApproved",
    "SamePerson",
    "RequestClosed",
    "WrongSignature",
    "demand_signatures",
]

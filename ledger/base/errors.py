"""What the library raises. Every error says what was wrong, with which value, and what would be right.

No error carries personal data: values named in a message are identifiers, amounts, dates and rule names.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar
from uuid import UUID


class EmoneyError(Exception):
    """The root of all errors this library raises on purpose. Its text is fit to be shown to an operator.

    `code`: what a program tells errors apart by, one for each class; docs/errors.md lists them. It is the
    class's name in snake case; a class that is renamed keeps its code by naming it.
    """

    code: ClassVar[str] = "emoney_error"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


class ConfigurationError(EmoneyError):
    """The library cannot run as it is set up: no database, a missing role, a schema of another version."""


class MissingExtra(ConfigurationError):
    """A library that an extra of the installation brings is not there. `extra`: its name, as pip takes it."""

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message)
        self.extra = extra


class InvalidInput(EmoneyError, ValueError):
    """A value that no state of the ledger could accept. Nothing was written.

    `transfers`: where it lies in the accounts of transfers of a batch, what is wrong with each, by their ids;
    without these the batch can be sent again.
    """

    transfers: Mapping[UUID, "InvalidInput"] = MappingProxyType({})


class InvalidId(InvalidInput):
    """What is given for an id is neither a UUID, nor the text of one, nor a Key."""


class InvalidMetadata(InvalidInput):
    """Metadata that is no small JSON object of names and plain values."""


class InvalidRequest(InvalidInput):
    """Something asked for, decided or recorded that does not say, as can be stored, what, by whom and why."""


class InvalidAmount(InvalidInput):
    """An amount that is not a positive whole number of minor units below the ledger's bound."""


class ZeroAmount(InvalidAmount):
    """An amount of nothing."""


class NegativeAmount(InvalidAmount):
    """An amount below zero: the other way round is another transfer."""


class AmountTooLarge(InvalidAmount):
    """An amount beyond the ledger's bound."""


class AmountTooPrecise(InvalidAmount):
    """An amount with more decimal places than its currency has."""


class UnknownCurrency(InvalidInput):
    """A currency code that ISO 4217 does not list, or that has no minor unit."""


class CurrencyMismatch(InvalidInput):
    """A transfer in another currency than one of its accounts holds."""


class LimitsMissing(InvalidInput):
    """A customer's account to open without limits, which two persons have not approved."""


class UnknownAccount(InvalidInput):
    """A transfer or a question names an account that the ledger does not hold."""


class UnknownTransfer(InvalidInput):
    """An id under which nothing was posted, or that no row of the proof log has."""


class UnknownRefusal(InvalidInput):
    """An id under which nothing was refused."""


class UnknownHold(InvalidInput):
    """An id under which no hold was placed."""


class AccountClosed(InvalidInput):
    """A closed account, for good: it takes no transfer, no hold and no change."""


class WrongAccount(InvalidInput):
    """An operation between accounts of kinds that it does not move money between."""


class IdempotencyConflict(InvalidInput):
    """An id that was used before, now sent with other content."""


class IdRetired(InvalidInput):
    """An id that tells a time whose ids were retired: whether it was used is no longer known."""


class SelfTransfer(InvalidInput):
    """A transfer that debits and credits the same account."""


class InvalidReference(InvalidInput):
    """A reference that is missing where one is needed, too long, or holds a NUL."""


class SplitGroup(InvalidInput):
    """A group of linked transfers that is not sent whole, one after the other, in one batch."""


class BatchTooLarge(InvalidInput):
    """More transfers in one batch than the ledger takes."""


class TransactionFailed(EmoneyError):
    """A caller's transaction in which a statement failed: it takes nothing until the caller rolls back."""


class IntegrityViolation(EmoneyError):
    """The database refused what the posting code decided: a defect, and nothing was written."""


class Unavailable(EmoneyError):
    """The database could not be reached or gave way. A retry with the same transfer ids is safe."""


class LockHeld(Unavailable):
    """Work that one process does at a time, kept from its turn by another process. Nothing was done."""


class ConnectionLost(Unavailable):
    """A connection that was there ended, before or in the commit."""


class ClockSkew(Unavailable):
    """This process's clock is too far from the database's. Nothing was written; set the clock and retry."""


class OfficerRefused(InvalidInput):
    """An officer's name without that officer's login, or another name under it; an officer who is suspended,
    or has none of the roles that a decision takes. Nothing was written.
    """

"""What is sent to the ledger and what comes back: immutable values."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from emoney.ledger.base.errors import InvalidId, InvalidInput, InvalidReference, SelfTransfer
from emoney.ledger.base.ids import Id, Key, as_id, key_of
from emoney.ledger.base.names import REFERENCE_MAX as REFERENCE_MAX
from emoney.ledger.base.names import is_reference
from emoney.ledger.transfers.metadata import Metadata, as_text, checked_metadata
from emoney.ledger.transfers.money import (
    AMOUNT_MAX,
    Amount,
    Money,
    as_minor,
    check_amount,
    checked_currency,
    exponent,
)
from emoney.ledger.transfers.operations import GIVES_BACK, Operation

EFFECTIVE_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
EFFECTIVE_LAST = datetime(9000, 1, 1, tzinfo=UTC)


ISSUES = frozenset(
    {
        Operation.OPENING,
        Operation.LOAD,
        Operation.LOAD_CARD,
        Operation.LOAD_EMONEY,
        Operation.REMIT_IN,
    }
)
"""Operations that issue e-money against a receipt."""

_EXCHANGE = Operation.EXCHANGE  # each look-up of a member costs as much as a call


@dataclass(frozen=True, slots=True, init=False)
class Transfer:
    """A request to move `amount` minor units of `currency` from the debited to the credited account.

    `id`: made by the client, the same at every retry. `reference`: the client's own name for it; an issue
    of e-money names its receipt here. `group`: transfers of one group stand or fall together and follow
    each other in the batch. `effective_at`: when it counts (limits, statements); the posting time if None.
    `key`: the text of the Key that was given as its id. `metadata`: what the operator keeps with it
    (`ledger.transfers.metadata`). Both are part of what is sent under the id.
    """

    id: UUID
    debit_account: UUID
    credit_account: UUID
    amount: int
    currency: str
    operation: Operation
    reference: str | None = None
    group: UUID | None = None
    effective_at: datetime | None = None
    key: str | None = None
    metadata: Metadata | None = field(default=None, hash=False)

    def __init__(
        self,
        id: Id,
        debit_account: Id,
        credit_account: Id,
        amount: Amount,
        currency: str,
        operation: Operation,
        reference: str | None = None,
        group: Id | None = None,
        effective_at: datetime | None = None,
        key: str | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Ids may be the texts of UUIDs or Keys; the amount, major units as a Decimal or Money.

        Raises InvalidInput or a subclass for a value of another type, AmountTooPrecise, CurrencyMismatch.
        """
        if key is not None or type(id) is not UUID:
            key = _key(id, key)
            id = as_id(id, "transfer")
        if type(debit_account) is not UUID:
            debit_account = as_id(debit_account, "debit_account")
        if type(credit_account) is not UUID:
            credit_account = as_id(credit_account, "credit_account")
        if group is not None and type(group) is not UUID:
            group = as_id(group, "group")
        if type(amount) is not int and isinstance(amount, Decimal | Money):
            amount, currency = as_minor(amount, currency, f"transfer {id}")
        if type(currency) is not str:
            currency = checked_currency(currency)
        if metadata is not None:
            metadata = checked_metadata(metadata, f"transfer {id}")
        put = object.__setattr__
        put(self, "id", id)
        put(self, "debit_account", debit_account)
        put(self, "credit_account", credit_account)
        put(self, "amount", amount)
        put(self, "currency", currency)
        put(self, "operation", operation)
        put(self, "reference", reference)
        put(self, "group", group)
        put(self, "effective_at", effective_at)
        put(self, "key", key)
        put(self, "metadata", metadata)

    def check(self) -> None:
        """Raise InvalidInput (or a subclass) for what no state of the ledger could accept."""
        if type(self.amount) is not int or not 0 < self.amount <= AMOUNT_MAX:  # no text for most
            check_amount(self.amount, f"transfer {self.id}")
        exponent(self.currency)
        if self.debit_account == self.credit_account:
            raise SelfTransfer(f"transfer {self.id}: debits and credits the same account")
        if not isinstance(self.operation, Operation):
            raise InvalidInput(f"transfer {self.id}: {self.operation!r} is not an Operation")
        if self.operation in GIVES_BACK:
            raise InvalidInput(
                f"transfer {self.id}: ledger.reversals makes these, from the original transfer"
            )
        if self.reference is not None and not (type(self.reference) is str and is_reference(self.reference)):
            raise InvalidReference(
                f"transfer {self.id}: a reference has 1 to {REFERENCE_MAX} characters and no NUL"
            )
        if self.operation in ISSUES and self.reference is None:
            raise InvalidReference(
                f"transfer {self.id}: e-money is issued against a receipt; name it in reference"
            )
        if self.effective_at is not None:
            if not isinstance(self.effective_at, datetime):
                raise InvalidInput(f"transfer {self.id}: effective_at is to be a datetime or None")
            if self.effective_at.tzinfo is None:
                raise InvalidInput(f"transfer {self.id}: effective_at needs a time zone")
            if not EFFECTIVE_FIRST <= self.effective_at < EFFECTIVE_LAST:
                raise InvalidInput(f"transfer {self.id}: effective_at is not between the years 1900 and 9000")

    def content_hash(self) -> bytes:
        """SHA-256 of everything but the id and key (32 bytes), for requests that contain a transfer."""
        reference = "" if self.reference is None else f"={self.reference}"
        group = "" if self.group is None else self.group.hex
        at = "" if self.effective_at is None else repr(self.effective_at.timestamp())
        head = (
            f"transfer/1|{self.debit_account.hex}|{self.credit_account.hex}|{self.amount}|{self.currency}|"
            f"{self.operation.value}|{group}|{at}|{reference}"  # the only free text comes last
        )
        if self.metadata is not None:
            head += f"\0{as_text(self.metadata)}"  # a reference has no NUL
        return hashlib.sha256(head.encode()).digest()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a transfer was refused.

    `rule`: a name such as `funds` or a limit rule's id. `decision`: deny, require_cdd, require_upgrade, …
    `source`: the text the rule comes from. `limit`, `used`, `headroom`: minor units (or transfers, for a
    count), None where the rule has no such number.
    """

    rule: str
    decision: str
    source: str
    limit: int | None = None
    used: int | None = None
    headroom: int | None = None

    @property
    def numbers(self) -> dict[str, int | None]:
        """What the rule measured, as it is stored."""
        return {"limit": self.limit, "used": self.used, "headroom": self.headroom}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one transfer. `replayed`: it had its outcome before, and nothing was done now.

    `key`: the operator's own, where it was sent under one.
    """

    transfer_id: UUID
    refusal: Refusal | None = None
    replayed: bool = False
    key: str | None = None

    @property
    def posted(self) -> bool:
        """Whether the money moved, now or before."""
        return self.refusal is None


def _key(id: Id, key: str | None) -> str | None:
    """The key of a transfer with this id. Raises InvalidId for a key that another id belongs to."""
    own = key_of(id)
    if key is None or key == own:
        return own
    if Key(key).id != as_id(id, "transfer"):
        raise InvalidId('a key is given as the id, Key("…"); this id is another one')
    return key


def no_transfer(given: object) -> InvalidInput:
    """The error for what is sent in the place of a transfer."""
    return InvalidInput(f"send a Transfer, as `transfers.send(…)` makes it, not a {type(given).__name__}")


def lone_legs(transfers: Iterable[Transfer]) -> dict[UUID, InvalidInput]:
    """Legs of exchanges that stand without their other one, of another currency, with the error of each."""
    legs: dict[UUID | None, list[Transfer]] = {}
    for transfer in transfers:
        if transfer.operation is _EXCHANGE:
            legs.setdefault(transfer.group, []).append(transfer)
    return {
        leg.id: InvalidInput(
            f"transfer {leg.id}: a leg of an exchange without its other one; ledger.emoney.exchange makes "
            "two of one group, of two currencies"
        )
        for group, found in legs.items()
        if group is None or len(found) != 2 or found[0].currency == found[1].currency
        for leg in found
    }


def claimed(transfers: Sequence[Transfer]) -> list[UUID]:
    """The ids that a batch takes for itself: its transfers', and then one for each of its groups.

    So a group is sent once, as a transfer is. Its id may be that of a transfer, too; it is claimed under one
    of another variant, which nothing else makes (RFC 9562, 4.1).
    """
    groups = dict.fromkeys([transfer.group for transfer in transfers if transfer.group])
    return [*(transfer.id for transfer in transfers), *map(claim_of_group, groups)]


def claim_of_group(group: UUID) -> UUID:
    """The id under which a group is claimed."""
    return UUID(int=group.int ^ (1 << 63))  # the first bit of the variant

"""What an operator's day asks of the ledger, as steps that can be sent, told, and sent again.

A lane is what one caller sends in turn; what later steps of it name (a hold, a transfer to refund) was sent
by earlier ones. So the answer to each step, once it was given, is the same whenever the lane is sent again.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from emoney.ledger import Ledger, Operation, Outcome, Transfer, holds, reversals
from emoney.ledger.base.errors import UnknownTransfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold, HoldEnded, UnknownHold
from emoney.ledger.transfers import everyday as emoney
from emoney.ledger.transfers.money import exponent

BATCH = 25
"""About so many transfers in a batch."""

AMOUNT_MAX = 500
REASON = "goods returned"


@dataclass(frozen=True, slots=True)
class Post:
    """A transfer, or the transfers of a group."""

    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A hold."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class Capture:
    """All of a hold (`amount` None) or a part of it."""

    hold: UUID
    id: UUID
    amount: int | None
    release_rest: bool


@dataclass(frozen=True, slots=True)
class Void:
    """What is left of a hold goes back."""

    hold: UUID


@dataclass(frozen=True, slots=True)
class Refund:
    """All of a transfer (`amount` None) or a part of it."""

    original: UUID
    id: UUID
    amount: int | None


Step = Post | Place | Capture | Void | Refund
Lane = list[Step]

Key = str
"""An id; for a void, which has none of its own, the hold's behind a word."""

Answer = list[Any] | str | None
"""None: accepted. A list: the refusal's fields. A word: what a hold or an original was found to be."""

VOIDED, ENDED, UNKNOWN = "voided", "ended", "unknown"

Told = tuple[Key, Answer, bool]
"""An answer by its key, and whether it was said to be an earlier one."""


@dataclass(frozen=True, slots=True)
class Town:
    """The accounts of one currency."""

    wallets: list[UUID]
    shops: list[UUID]
    bank: UUID
    fees: UUID
    liquidity: UUID


def void_key(hold: UUID) -> Key:
    """What the void of a hold is told by."""
    return f"void {hold}"


def answers(
    ledger: Ledger, step: Step, post: Callable[[Sequence[Transfer]], Sequence[Outcome]]
) -> list[Told]:
    """Send a step; what came of it."""
    match step:
        case Post(transfers):
            return [told(outcome) for outcome in post(transfers)]
        case Place(hold):
            return [told(holds.place(ledger, hold))]
        case Capture(hold_id, transfer_id, amount, release):
            try:
                return [told(holds.capture(ledger, hold_id, transfer_id, amount, release_rest=release))]
            except UnknownHold:
                return [(str(transfer_id), UNKNOWN, False)]
        case Void(hold_id):
            try:
                holds.void(ledger, hold_id)
            except UnknownHold:
                return [(void_key(hold_id), UNKNOWN, False)]
            except HoldEnded:
                return [(void_key(hold_id), ENDED, False)]
            return [(void_key(hold_id), VOIDED, False)]
        case Refund(original, transfer_id, amount):
            try:
                return [told(reversals.refund(ledger, original, transfer_id, amount, reason=REASON))]
            except UnknownTransfer:
                return [(str(transfer_id), UNKNOWN, False)]


def told(outcome: Outcome) -> Told:
    """An outcome as it is written down."""
    why = outcome.refusal
    refused = [why.rule, why.decision, why.source, why.limit, why.used, why.headroom] if why else None
    return str(outcome.transfer_id), refused, outcome.replayed


def keys(step: Step) -> list[Key]:
    """What the answers to a step are told by."""
    match step:
        case Post(transfers):
            return [str(transfer.id) for transfer in transfers]
        case Place(hold):
            return [str(hold.id)]
        case Void(hold_id):
            return [void_key(hold_id)]
        case Capture() | Refund():
            return [str(step.id)]


def send_in_batches(
    ledger: Ledger,
    lane: Lane,
    post_all: Callable[[list[list[Transfer]]], Iterator[Sequence[Outcome]]],
    batch: int = BATCH,
) -> Iterator[Told]:
    """Send a lane with neighbouring transfers in batches, no group apart; each answer when it is given."""
    for transfers, steps in groupby(lane, lambda step: isinstance(step, Post)):
        if not transfers:
            for step in steps:
                yield from answers(ledger, step, ledger.post)
            continue
        batches: list[list[Transfer]] = [[]]
        for step in steps:
            if len(batches[-1]) >= batch:
                batches.append([])
            batches[-1] += step.transfers
        for outcomes in post_all(batches):
            yield from map(told, outcomes)


def transfers_first(lane: Lane, window: int = 1000) -> Lane:
    """The same lane with what goes in batches brought together; what follows from a step stays behind it."""
    made: Lane = []
    for first in range(0, len(lane), window):
        made += sorted(lane[first : first + window], key=lambda step: not isinstance(step, Post))
    return made


SHARES = {"pay": 46, "fee": 12, "wages": 4, "exchange": 5, "issue": 4, "redeem": 4, "hold": 15, "refund": 10}
"""Of a hundred steps of a lane, roughly how many are what."""


def lane(chance: random.Random, towns: dict[str, Town], expires_at: datetime, count: int) -> Lane:
    """So many steps, and what becomes of their holds."""
    made: Lane = []
    paid: list[Transfer] = []
    later: deque[Step] = deque()
    for number in range(count):
        currency, other = chance.sample(sorted(towns), 2)
        town = towns[currency]
        payer, payee = chance.sample(town.wallets, 2)
        shop, amount = chance.choice(town.shops), chance.randint(1, AMOUNT_MAX)
        what = {"amount": amount, "currency": currency}
        transfers: list[Transfer] = []
        match chance.choices([*SHARES], [*SHARES.values()])[0]:
            case "pay":
                transfers = [emoney.send(payer=payer, payee=payee, reference="rent", **what)]
                paid += transfers
            case "fee":
                payment = emoney.pay(payer=payer, merchant=shop, **what)
                transfers = emoney.with_fee(payment, fees=town.fees, fee=chance.randint(1, 9))
            case "wages":
                transfers = _wages(chance, town, amount, currency)
            case "exchange":
                transfers = _exchange(chance, towns, payer, currency, other, amount)
            case "issue":
                transfers = [emoney.issue(funds=town.bank, wallet=payer, receipt=f"slip {number}", **what)]
            case "redeem":
                transfers = [emoney.redeem(wallet=payer, funds=town.bank, **what)]
            case "hold":
                hold = Hold(new_id(), payer, shop, amount, currency, Operation.PAY, expires_at, "order")
                made.append(Place(hold))
                later += _ends(chance, hold)
            case "refund" if paid:
                original = chance.choice(paid)
                part = chance.choice([None, (original.amount + 2) // 3])
                made.append(Refund(original.id, new_id(), part))
        if transfers:
            made.append(Post(tuple(transfers)))
        if later and chance.random() < 0.4:
            made.append(later.popleft())
    return [*made, *later]


def _wages(chance: random.Random, town: Town, amount: int, currency: str) -> list[Transfer]:
    """One wallet pays three others, all or none."""
    payer, *payees = chance.sample(town.wallets, 4)
    group = new_id()
    return [
        emoney.send(payer=payer, payee=payee, amount=1 + amount // 3, currency=currency, group=group)
        for payee in payees
    ]


def _exchange(
    chance: random.Random, towns: dict[str, Town], payer: UUID, currency: str, other: str, amount: int
) -> list[Transfer]:
    """A minor unit for a minor unit."""
    return emoney.exchange(
        wallet=payer,
        into=chance.choice(towns[other].wallets),
        liquidity=towns[currency].liquidity,
        liquidity_into=towns[other].liquidity,
        amount=amount,
        currency=currency,
        currency_into=other,
        rate=Decimal(1).scaleb(exponent(currency) - exponent(other)),
    )


def _ends(chance: random.Random, hold: Hold) -> list[Step]:
    """What becomes of a hold: nothing, or one to three steps."""
    part = (hold.amount + 2) // 3
    capture = new_id()
    return chance.choice(
        [
            [],
            [Void(hold.id)],
            [Capture(hold.id, capture, None, True), Refund(capture, new_id(), None)],
            [Capture(hold.id, capture, part, True), Refund(capture, new_id(), None)],
            [
                Capture(hold.id, capture, part, False),
                Capture(hold.id, new_id(), part, False),
                Void(hold.id),
            ],
            [Void(hold.id), Capture(hold.id, capture, part, True)],
        ]
    )

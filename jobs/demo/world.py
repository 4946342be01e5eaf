"""The simulated world: what happens next, what everyone believes to have, and the transfers that follow.

Actions wait in a queue and run in the order of time. The world keeps what each wallet should hold; transfers
that the ledger refuses are taken back from it with `learn`, as a holder reads the balance on the phone.
Amounts are minor units (pesewas).
"""

import heapq
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from emoney.jobs.demo.population import CURRENCY, Person
from emoney.ledger.base.ids import derived_id
from emoney.ledger.transfers import everyday as emoney
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Outcome, Transfer

SAFEGUARDING = "safeguarding-bank-1"
CEDI = 100

Action = Callable[[], object]

_HOURS = (1, 1, 1, 1, 2, 8, 20, 36, 50, 58, 60, 58, 62, 60, 54, 52, 56, 64, 66, 56, 40, 24, 10, 3)
"""How busy each hour of a day is: quiet at night, with a peak at noon and one after work."""


class World:
    """The state between actions. `now`: the simulated moment; `accounts`: the ledger's account of each
    reference; `holds`: what each wallet is believed to hold; `refused`: how often each payer was refused.
    """

    def __init__(self, random: Random, accounts: Mapping[str, UUID], start: datetime, seed: int) -> None:
        self.random = random
        self.now = start
        self.holds: defaultdict[str, int] = defaultdict(int)
        self.refused: Counter[str] = Counter()
        self._accounts = accounts
        self._refs = {account: ref for ref, account in accounts.items()}
        self._seed = str(seed)
        self._order = itertools.count()
        self._numbers = itertools.count(1)
        self._queue: list[tuple[datetime, int, Action]] = []
        self._made: list[Transfer] = []

    def at(self, when: datetime, action: Action) -> None:
        """Have `action` happen at `when`, or now if that is past."""
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), action))

    def after(self, least_minutes: float, most_minutes: float, action: Action) -> None:
        """Have `action` happen some minutes from now."""
        wait = timedelta(seconds=round(60 * self.random.uniform(least_minutes, most_minutes)))
        self.at(self.now + wait, action)

    def run(self, until: datetime) -> list[Transfer]:
        """Let everything before `until` happen; the transfers it made, in order of time."""
        while self._queue and self._queue[0][0] < until:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = until
        made, self._made = self._made, []
        return made

    def learn(self, transfers: Sequence[Transfer], outcomes: Sequence[Outcome]) -> None:
        """Take back what the ledger refused."""
        for transfer, outcome in zip(transfers, outcomes, strict=True):
            if not outcome.posted:
                payer, payee = self._refs[transfer.debit_account], self._refs[transfer.credit_account]
                self._shift(payee, payer, transfer.amount)
                self.refused[payer] += 1
                self.refused[payee] += 1

    def hour(self, day: datetime, hour: float) -> datetime:
        """About that hour of the day."""
        return day + timedelta(seconds=round(3600 * (hour + self.random.random() / 2)))

    def some_time(self, day: datetime) -> datetime:
        """A moment of the day, by its rhythm."""
        hour = self.random.choices(range(24), _HOURS)[0]
        return day + timedelta(seconds=hour * 3600 + self.random.randrange(3600))

    def amount(self, median: float, spread: float, low: int, high: int, step: float = 1) -> int:
        """A log-normal amount between `low` and `high`; these and the median in cedis, in whole `step`s."""
        cedis = min(high, max(low, median * math.exp(self.random.gauss(0, spread))))
        return max(1, round(cedis / step)) * round(step * CEDI)

    def times(self, mean: float) -> int:
        """A Poisson number (Knuth's method, for small means)."""
        bound, product, count = math.exp(-mean), self.random.random(), 0
        while product > bound:
            product *= self.random.random()
            count += 1
        return count

    def issue(self, wallet: str, amount: int) -> None:
        """E-money against money received at the bank."""
        number = next(self._numbers)
        self._make(
            emoney.issue(
                funds=self._accounts[SAFEGUARDING],
                wallet=self._accounts[wallet],
                amount=amount,
                currency=CURRENCY,
                receipt=f"receipt-{number:07d}",
                id=self._id(number),
                effective_at=self.now,
            )
        )

    def redeem(self, wallet: str, amount: int) -> None:
        """E-money back into the holder's bank account."""
        number = next(self._numbers)
        self._make(
            emoney.redeem(
                wallet=self._accounts[wallet],
                funds=self._accounts[SAFEGUARDING],
                amount=amount,
                currency=CURRENCY,
                reference=f"t{number:07d}",
                id=self._id(number),
                effective_at=self.now,
            )
        )

    def pay(self, payer: str, payee: str, amount: int, operation: Operation) -> None:
        """E-money from one wallet to another, at once and without asking whether it is there."""
        number = next(self._numbers)
        self._make(
            emoney.send(
                payer=self._accounts[payer],
                payee=self._accounts[payee],
                amount=amount,
                currency=CURRENCY,
                operation=operation,
                reference=f"t{number:07d}",
                id=self._id(number),
                effective_at=self.now,
            )
        )

    def pay_if_held(self, payer: str, payee: str, amount: int, operation: Operation) -> bool:
        """Pay when the payer believes to have it."""
        if self.holds[payer] < amount:
            return False
        self.pay(payer, payee, amount, operation)
        return True

    def cash_in(self, person: Person, amount: int) -> bool:
        """Hand cash to a near agent with enough float; False when none has."""
        for agent in self.random.sample(person.agents, len(person.agents)):
            if self.pay_if_held(agent, person.ref, amount, Operation.CASH_IN):
                return True
        return False

    def cash_out(self, person: Person, amount: int) -> bool:
        """Fetch cash from a near agent, when it is there."""
        agent = self.random.choice(person.agents)
        return self.pay_if_held(person.ref, agent, amount, Operation.CASH_OUT)

    def _make(self, transfer: Transfer) -> None:
        self._made.append(transfer)
        payer, payee = self._refs[transfer.debit_account], self._refs[transfer.credit_account]
        self._shift(payer, payee, transfer.amount)

    def _shift(self, payer: str, payee: str, amount: int) -> None:
        self.holds[payer] -= amount
        self.holds[payee] += amount

    def _id(self, number: int) -> UUID:
        return derived_id(self.now, "emoney demo", self._seed, str(number))

"""The planted launderers. All of them live under their tiers' limits like anybody else.

Structurers bring in cash just below the reporting threshold; collectors are paid by recruited people who
were handed cash; mules pass on what strangers send.
"""

from datetime import datetime, timedelta
from functools import partial

from emoney import data
from emoney.jobs.demo.population import CURRENCY, Person, Population, Role
from emoney.jobs.demo.world import CEDI, World
from emoney.ledger.transfers.money import to_minor
from emoney.ledger.transfers.operations import Operation

_STRUCTURED_DAYS = 5
_COLLECTED_DAYS = 4
_REST_DAYS = 9
_PIECE_MAX = 4_900 * CEDI


def reporting_threshold() -> int:
    """What launderers stay below: the threshold of the structuring scenario, in minor units."""
    parameters = data.read_yaml("scenarios", "structuring.yaml")["parameters"]
    return to_minor(str(parameters["thresholds"]["value"][CURRENCY]), CURRENCY)


def plan_launderers(world: World, population: Population, start: datetime, days: int) -> None:
    """Put all that the launderers will do into the queue, before the first day."""
    for structurer in population.of(Role.STRUCTURER):
        for first in _rounds(world, days, _STRUCTURED_DAYS):
            _structure(world, structurer, start + timedelta(first))
    for collector in population.of(Role.COLLECTOR):
        for first in _rounds(world, days, _COLLECTED_DAYS):
            _collect(world, collector, population, start + timedelta(first))
    mules = population.of(Role.MULE)
    for number, mule in enumerate(mules):
        _carry(world, mule, mules[(number + 1) % len(mules)], population, start, days)


def _rounds(world: World, days: int, length: int) -> list[int]:
    """The days on which rounds of some days' length begin, with a rest between two."""
    first = world.random.randint(0, max(0, min(days - length - 1, _REST_DAYS)))
    return list(range(first, max(first + 1, days - length), length + _REST_DAYS))


def _structure(world: World, person: Person, first_day: datetime) -> None:
    top = reporting_threshold() // CEDI
    for number in range(_STRUCTURED_DAYS):
        day = first_day + timedelta(number)
        for hour in (9.0, 15.5)[: world.random.choice((1, 2, 2))]:
            amount = world.random.randrange(round(top * 0.84), top, 10) * CEDI
            world.at(world.hour(day, hour), partial(world.cash_in, person, amount))
        world.at(world.hour(day, 19), partial(_empty_to_bank, world, person))


def _empty_to_bank(world: World, person: Person) -> None:
    amount = min(world.holds[person.ref], 24_000 * CEDI) // CEDI * CEDI
    if amount > 0:
        world.redeem(person.ref, amount)


def _collect(world: World, collector: Person, population: Population, first_day: datetime) -> None:
    """Twelve to sixteen recruited payers, each with cash from behind the scenes."""
    recruits = population.of(Role.CUSTOMER)
    count = min(len(recruits), world.random.randint(12, 16))
    for recruit in world.random.sample(recruits, count):
        day = first_day + timedelta(world.random.randrange(_COLLECTED_DAYS))
        amount = world.random.randrange(600, 1_900, 10) * CEDI
        at = world.hour(day, world.random.choice((8, 9, 10, 11, 13, 14, 15)))
        world.at(at, partial(_run_errand, world, recruit, collector, amount))
    for number in range(_COLLECTED_DAYS):
        day = first_day + timedelta(number)
        world.at(world.hour(day, 20.5), partial(_take_out, world, collector, 24_000 * CEDI))


def _run_errand(world: World, recruit: Person, collector: Person, amount: int) -> None:
    if world.cash_in(recruit, amount):
        passed = round(amount * world.random.uniform(0.94, 1.0) / CEDI) * CEDI
        pay = partial(world.pay_if_held, recruit.ref, collector.ref, passed, Operation.P2P)
        world.after(15, 240, pay)


def _take_out(world: World, person: Person, most: int) -> None:
    """Cash, in pieces, of nearly all that is there."""
    left = min(most, round(world.holds[person.ref] * 0.96 / (10 * CEDI)) * 10 * CEDI)
    while left > 0:
        piece = min(left, _PIECE_MAX)
        world.cash_out(person, piece)
        left -= piece


def _carry(
    world: World, mule: Person, next_mule: Person, population: Population, start: datetime, days: int
) -> None:
    """A receipt from a stranger every second or third day, gone again within hours."""
    strangers = population.of(Role.CUSTOMER)
    day = world.random.randrange(2)
    while day < days - 1:
        stranger = world.random.choice(strangers)
        amount = world.random.randrange(500, 1_800, 10) * CEDI
        at = world.hour(start + timedelta(day), world.random.choice((9, 11, 13, 15)))
        world.at(at, partial(_send_to_mule, world, stranger, mule, next_mule, amount))
        day += world.random.choice((1, 2, 2, 3))


def _send_to_mule(world: World, stranger: Person, mule: Person, next_mule: Person, amount: int) -> None:
    if world.holds[stranger.ref] < amount:
        world.cash_in(stranger, amount)
    if world.pay_if_held(stranger.ref, mule.ref, amount, Operation.P2P):
        world.after(30, 300, partial(_pass_on, world, mule, next_mule, amount))


def _pass_on(world: World, mule: Person, next_mule: Person, received: int) -> None:
    """Most of it in cash, sometimes to the next mule, who does the same."""
    passed = round(received * world.random.uniform(0.92, 0.97) / CEDI) * CEDI
    if world.random.random() < 0.75 or next_mule is mule:
        world.cash_out(mule, passed)
    elif world.pay_if_held(mule.ref, next_mule.ref, passed, Operation.P2P):
        cash = round(passed * world.random.uniform(0.92, 0.97) / CEDI) * CEDI
        world.after(30, 240, partial(world.cash_out, next_mule, cash))

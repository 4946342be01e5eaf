"""Honest persons whose business looks like laundering, so that the monitoring has something to tell apart."""

from datetime import datetime, timedelta
from functools import partial

from emoney.jobs.demo.population import Person, Population, Role
from emoney.jobs.demo.world import CEDI, World
from emoney.ledger.transfers.operations import Operation

_MEMBERS = 12
_GUESTS = 14
_WORKERS = 10
_SATURDAY, _SUNDAY = 5, 6


def plan_look_alikes(world: World, population: Population, start: datetime, days: int) -> None:
    """Put all that the look-alikes will do into the queue, before the first day."""
    every_day = [start + timedelta(number) for number in range(days)]
    customers = population.of(Role.CUSTOMER)
    for wholesaler in population.of(Role.WHOLESALER):
        for day in every_day:
            _plan_wholesale(world, wholesaler, population, day)
    for organiser in population.of(Role.SAVINGS_GROUP):
        members = world.random.sample(customers, _MEMBERS)
        for week, day in enumerate(every_day[1::7]):
            _plan_savings_round(world, organiser, members, members[week % _MEMBERS], day)
    for fundraiser in population.of(Role.FUNDRAISER):
        guests = world.random.sample(customers, _GUESTS)
        first = world.random.randrange(max(1, days - 6))
        _plan_celebration(world, fundraiser, guests, start + timedelta(first))
    for relay in population.of(Role.RELAY):
        relative = world.random.choice([each for each in customers if each.tier != "minimum"] or customers)
        for day in every_day[world.random.randrange(3) :: 3]:
            _plan_remittance(world, relative, relay, day)
    for foreman in population.of(Role.FOREMAN):
        workers = world.random.sample(customers, _WORKERS)
        for day in every_day:
            if day.weekday() == _SATURDAY:
                _plan_wages(world, foreman, workers, day)


def _plan_wholesale(world: World, person: Person, population: Population, day: datetime) -> None:
    """Takings from 1,500 to 9,500 cedis a day, whatever they are; the suppliers get most of it."""
    if day.weekday() == _SUNDAY:
        return
    for hour in (12, 18):
        amount = world.random.randrange(1_500, 9_500, 10) * CEDI
        world.at(world.hour(day, hour), partial(world.cash_in, person, amount))
    supplier = world.random.choice(population.suppliers)
    world.at(world.hour(day, 20), partial(_restock, world, person, supplier))


def _restock(world: World, person: Person, supplier: str) -> None:
    amount = round(min(24_000 * CEDI, world.holds[person.ref] * 0.85) / CEDI) * CEDI
    if amount > 0:
        world.pay_if_held(person.ref, supplier, amount, Operation.PAY)


def _plan_savings_round(
    world: World, organiser: Person, members: list[Person], turn: Person, day: datetime
) -> None:
    """Each member pays the same; in the evening the pot goes to the member whose turn it is."""
    share = 100 * CEDI
    for member in members:
        pay = partial(world.pay_if_held, member.ref, organiser.ref, share, Operation.P2P)
        world.at(world.hour(day, world.random.randrange(9, 17)), pay)
    world.at(world.hour(day, 19), partial(_pay_pot, world, organiser, turn))


def _pay_pot(world: World, organiser: Person, turn: Person) -> None:
    pot = world.holds[organiser.ref] // CEDI * CEDI
    if pot > 0:
        world.pay_if_held(organiser.ref, turn.ref, pot, Operation.P2P)


def _plan_celebration(world: World, person: Person, guests: list[Person], first_day: datetime) -> None:
    """Gifts of many within days, spent in shops."""
    for guest in guests:
        amount = world.random.randrange(40, 260, 10) * CEDI
        pay = partial(world.pay_if_held, guest.ref, person.ref, amount, Operation.P2P)
        world.at(world.some_time(first_day + timedelta(world.random.randrange(4))), pay)
    for number in range(5):
        for hour in (11, 16):
            day = first_day + timedelta(number)
            world.at(world.hour(day, hour), partial(_shop, world, person))


def _shop(world: World, person: Person) -> None:
    amount = round(world.holds[person.ref] * world.random.uniform(0.3, 0.6) / CEDI) * CEDI
    if amount > 0:
        world.pay_if_held(person.ref, world.random.choice(person.shops), amount, Operation.PAY)


def _plan_remittance(world: World, relative: Person, relay: Person, day: datetime) -> None:
    """One relative's money, at home in cash the same day."""
    amount = world.random.randrange(200, 700, 10) * CEDI
    world.at(world.hour(day, 10), partial(_send_home, world, relative, relay, amount))


def _send_home(world: World, relative: Person, relay: Person, amount: int) -> None:
    if world.holds[relative.ref] < amount:
        world.cash_in(relative, amount)
    if world.pay_if_held(relative.ref, relay.ref, amount, Operation.P2P):
        world.after(60, 400, partial(world.cash_out, relay, round(amount * 0.95 / CEDI) * CEDI))


def _plan_wages(world: World, foreman: Person, workers: list[Person], day: datetime) -> None:
    """The employer's money by bank, to each worker by transfer."""
    wage = world.random.randrange(180, 420, 20) * CEDI
    world.at(world.hour(day, 9), partial(world.issue, foreman.ref, wage * len(workers)))
    for worker in workers:
        pay = partial(world.pay_if_held, foreman.ref, worker.ref, wage, Operation.P2P)
        world.at(world.hour(day, world.random.randrange(10, 16)), pay)

"""Ordinary days: customers, market stalls, agents, shops and employers."""

from datetime import datetime
from functools import partial

from emoney.jobs.demo.population import Person, Population
from emoney.jobs.demo.world import CEDI, World
from emoney.ledger.transfers.operations import Operation

PAYDAY = 28
_MONDAY, _FRIDAY, _SUNDAY = 0, 4, 6
_FLOAT = 80_000 * CEDI
_SALARY_LEFT = 100 * CEDI


def plan_customer(world: World, person: Person, day: datetime, population: Population) -> None:
    """A few payments in the rhythm of the day, cash when the wallet is empty."""
    pace = person.pace * (0.7 if day.weekday() == _SUNDAY else 1.0)
    if person.salary and day.day in (PAYDAY + 1, PAYDAY + 2):
        pace *= 1.6
    for _ in range(world.times(pace)):
        world.at(world.some_time(day), partial(_spend, world, person, population))


def _spend(world: World, person: Person, population: Population) -> None:
    random = world.random
    kind = random.random()
    if kind < 0.30 and person.friends:
        payee, operation = random.choice(person.friends).ref, Operation.P2P
        amount = world.amount(50, 0.9, 5, 1_200, 5)
    elif kind < 0.72:
        payee, operation = random.choice(person.shops), Operation.PAY
        amount = world.amount(32, 0.9, 2, 1_500, 0.5)
    elif kind < 0.84:
        payee, operation = random.choice(population.shops), Operation.PAY_REMOTE
        amount = world.amount(15, 0.7, 1, 300, 1)
    elif kind < 0.91:
        payee, operation = random.choice(population.billers), Operation.BILL
        amount = world.amount(70, 0.6, 10, 600, 1)
    else:
        payee, operation = random.choice(person.agents), Operation.CASH_OUT
        amount = world.amount(120, 0.8, 20, 2_000, 10)
    if world.pay_if_held(person.ref, payee, amount, operation):
        return
    chance = random.random()
    if chance < 0.04:  # tries all the same
        world.pay(person.ref, payee, amount, operation)
    elif chance < 0.75 and operation is not Operation.CASH_OUT:
        brought = world.amount(170, 0.7, 20, 1_500, 10) + -(-amount // (10 * CEDI)) * 10 * CEDI
        if world.cash_in(person, brought):
            world.after(2, 240, partial(world.pay_if_held, person.ref, payee, amount, operation))


def plan_stall(world: World, person: Person, day: datetime, population: Population) -> None:
    """Takings in, purchases out, and less of it after refusals: the stall goes back to cash."""
    if day.weekday() == _SUNDAY or world.random.random() > 3 / (3 + world.refused[person.ref]):
        return
    for _ in range(world.times(2.0)):
        amount = world.amount(900, 0.4, 200, 2_400, 10)
        world.at(world.some_time(day), partial(world.cash_in, person, amount))
    for _ in range(world.times(1.7)):
        amount = world.amount(850, 0.4, 200, 2_000, 10)
        supplier = world.random.choice(population.suppliers)
        buy = partial(world.pay_if_held, person.ref, supplier, amount, Operation.PAY)
        world.at(world.some_time(day), buy)


def plan_agents(world: World, population: Population, day: datetime) -> None:
    """Before opening, each agent brings the float back to its size at the bank."""
    for agent in population.agents:
        world.at(world.hour(day, 5), partial(_balance_float, world, agent))


def _balance_float(world: World, agent: str) -> None:
    held = world.holds[agent]
    if held < _FLOAT // 2:
        world.issue(agent, _FLOAT - held)
    elif held > _FLOAT * 2:
        world.redeem(agent, held - _FLOAT)


def plan_merchants(world: World, population: Population, day: datetime) -> None:
    """On Monday mornings shops, suppliers and billers redeem what they took."""
    if day.weekday() == _MONDAY:
        for merchant in (*population.shops, *population.suppliers, *population.billers):
            world.at(world.hour(day, 6), partial(_redeem_takings, world, merchant))


def _redeem_takings(world: World, merchant: str) -> None:
    whole = world.holds[merchant] // CEDI * CEDI
    if whole > 0:
        world.redeem(merchant, whole)


def plan_payroll(world: World, population: Population, day: datetime) -> None:
    """Wages on Fridays and salaries near the end of the month, loaded first and paid one by one."""
    payday, friday = day.day == PAYDAY, day.weekday() == _FRIDAY
    if not (payday or friday):
        return
    for employer in population.employers:
        dues = [
            (person, (person.salary * payday + person.wage * friday) * CEDI)
            for person in population.persons
            if person.employer == employer
        ]
        due = [(person, amount) for person, amount in dues if amount]
        if due:
            world.at(world.hour(day, 8), partial(_pay_all, world, employer, due))


def _pay_all(world: World, employer: str, due: list[tuple[Person, int]]) -> None:
    world.issue(employer, sum(amount for _, amount in due))
    for person, amount in due:
        pay = partial(world.pay_if_held, employer, person.ref, amount, Operation.DISBURSE)
        world.after(10, 90, pay)
        if person.salary:
            world.after(300, 2_000, partial(_draw_salary, world, person))


def _draw_salary(world: World, person: Person) -> None:
    """About a third of what is there, in cash."""
    part = round(world.holds[person.ref] * world.random.uniform(0.2, 0.5) / (10 * CEDI)) * 10 * CEDI
    if part > _SALARY_LEFT:
        world.cash_out(person, part)

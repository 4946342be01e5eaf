"""The simulation: day after day, what everyone does, as transfers in order of time.

The same seed gives the same transfers with the same ids, as long as the ledger decides the same.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from emoney.jobs.demo.habits import plan_agents, plan_customer, plan_merchants, plan_payroll, plan_stall
from emoney.jobs.demo.laundering import plan_launderers
from emoney.jobs.demo.look_alikes import plan_look_alikes
from emoney.jobs.demo.population import Population, Role
from emoney.jobs.demo.world import World
from emoney.ledger.transfers.transfer import Outcome, Transfer


class Simulation:
    """A run of `days` days from `start` (a midnight, with its zone). `accounts`: the ledger's account of
    every reference of the population and of the safeguarding bank.
    """

    def __init__(
        self,
        random: Random,
        population: Population,
        accounts: Mapping[str, UUID],
        *,
        seed: int,
        start: datetime,
        days: int,
    ) -> None:
        self._world = World(random, accounts, start, seed)
        self._population = population
        self._start = start
        plan_launderers(self._world, population, start, days)
        plan_look_alikes(self._world, population, start, days)

    def day(self, number: int) -> list[Transfer]:
        """The transfers of the day of this number, from 0. Days are asked for in their order."""
        world, population = self._world, self._population
        day = self._start + timedelta(number)
        plan_agents(world, population, day)
        plan_payroll(world, population, day)
        for person in population.persons:
            if person.role is Role.CUSTOMER:
                plan_customer(world, person, day, population)
            elif person.role is Role.STALL:
                plan_stall(world, person, day, population)
        plan_merchants(world, population, day)
        return world.run(day + timedelta(1))

    def learn(self, transfers: Sequence[Transfer], outcomes: Sequence[Outcome]) -> None:
        """Tell everyone what became of a day's transfers."""
        self._world.learn(transfers, outcomes)

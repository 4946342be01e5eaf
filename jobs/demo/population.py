"""Who takes part: persons with their particulars and their part in the story, and the businesses around them.

Everything follows from one `random.Random`. References carry no personal data and do not tell who launders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faker import Faker

CURRENCY = "GHS"
PERSONS_MIN = 50
PERSONS_MAX = 50_000


class Role(StrEnum):
    """A person's part. Most are plain customers."""

    CUSTOMER = "customer"
    STALL = "market stall"
    """Takings and purchases that outgrow the lowest tier: meets its limits."""
    STRUCTURER = "structurer"
    COLLECTOR = "collector"
    MULE = "mule"
    WHOLESALER = "wholesaler"
    """Brings in large takings, below and above any threshold."""
    SAVINGS_GROUP = "savings group"
    """Collects from many members and pays the pot to one."""
    FUNDRAISER = "fundraiser"
    """Collects from many for a celebration and spends it in shops."""
    RELAY = "relay"
    """Cashes out what one relative sends."""
    FOREMAN = "foreman"
    """Pays many workers the money of one employer."""


SCENARIO_OF = {
    Role.STRUCTURER: "structuring",
    Role.COLLECTOR: "fan_in",
    Role.MULE: "pass_through",
}
"""The launderers, and the scenario that should find each."""

LOOK_ALIKES = (Role.WHOLESALER, Role.SAVINGS_GROUP, Role.FUNDRAISER, Role.RELAY, Role.FOREMAN)

_TIER_OF = {
    Role.STALL: "minimum",
    Role.STRUCTURER: "enhanced",
    Role.COLLECTOR: "enhanced",
    Role.MULE: "medium",
    Role.WHOLESALER: "enhanced",
    Role.SAVINGS_GROUP: "medium",
    Role.FUNDRAISER: "medium",
    Role.RELAY: "minimum",
    Role.FOREMAN: "enhanced",
}
_TIERS = ("minimum", "medium", "enhanced")
_TIER_WEIGHTS = (55, 33, 12)
_SALARY = {"minimum": (700, 3_200), "medium": (1_500, 6_500), "enhanced": (4_000, 14_000)}
"""Monthly pay in cedis, from and to."""

_PREFIXES = ("20", "24", "26", "27", "50", "54", "55", "57", "59")
_STREETS = (
    "Ring Road",
    "Liberation Road",
    "Nkrumah Avenue",
    "Harbour Street",
    "Market Road",
    "Mission Street",
)
_TOWNS = (
    ("Accra", "GA"),
    ("Tema", "GT"),
    ("Kumasi", "AK"),
    ("Takoradi", "WS"),
    ("Cape Coast", "CC"),
    ("Tamale", "NT"),
    ("Ho", "VH"),
    ("Sunyani", "BS"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """A person to enrol. `details`: as `kyc.Enrolment.enrol` takes them; `salary`, `wage`: cedis a month and
    a week, 0 for none; `pace`: payments on an ordinary day.
    """

    ref: str
    tier: str
    role: Role
    pace: float
    salary: int
    wage: int
    employer: str
    agents: tuple[str, ...]
    shops: tuple[str, ...]
    details: dict[str, Any] = field(repr=False)
    friends: list["Person"] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Population:
    """Everyone. Businesses are references only."""

    persons: tuple[Person, ...]
    agents: tuple[str, ...]
    shops: tuple[str, ...]
    suppliers: tuple[str, ...]
    billers: tuple[str, ...]
    employers: tuple[str, ...]

    @property
    def merchants(self) -> tuple[str, ...]:
        """All businesses that hold a merchant's wallet."""
        return (*self.shops, *self.suppliers, *self.billers, *self.employers)

    def of(self, *roles: Role) -> list[Person]:
        """The persons with one of these parts."""
        return [person for person in self.persons if person.role in roles]


def populate(random: Random, persons: int, today: date) -> Population:
    """A population of `persons`; a few of each kind of launderer and look-alike are always among them."""
    from faker import Faker  # here: nothing but the demo needs it

    roles = _roles(persons)
    random.shuffle(roles)
    agents = _named("agent", max(5, persons // 25))
    shops = _named("shop", max(6, persons // 30))
    employers = _named("employer", max(3, persons // 100))
    people: list[Person] = []
    taken: set[str] = set()
    fake = Faker("tw_GH")
    fake.seed_instance(random.getrandbits(64))
    for number, role in enumerate(roles, start=1):
        tier = _TIER_OF.get(role) or random.choices(_TIERS, _TIER_WEIGHTS)[0]
        plain = role is Role.CUSTOMER
        salaried = plain and random.random() < 0.35
        low, high = _SALARY[tier]
        ref = f"w{number:06d}"
        people.append(
            Person(
                ref=ref,
                tier=tier,
                role=role,
                pace=min(5.0, random.lognormvariate(0.2, 0.6)) if plain else 0.0,
                salary=round(random.triangular(low, high, low) / 50) * 50 if salaried else 0,
                wage=random.randrange(200, 520, 20)
                if plain and not salaried and random.random() < 0.2
                else 0,
                employer=random.choice(employers),
                agents=tuple(random.sample(agents, 3)),
                shops=tuple(random.sample(shops, 4)),
                details=_details(random, fake, ref, tier, today, taken),
            )
        )
    for person in people:
        for friend in random.sample(people, 4):
            if friend.role is Role.CUSTOMER and friend is not person:
                person.friends.append(friend)
                friend.friends.append(person)
    return Population(
        tuple(people),
        tuple(agents),
        tuple(shops),
        tuple(_named("supplier", 3)),
        tuple(_named("biller", 4)),
        tuple(employers),
    )


def _roles(persons: int) -> list[Role]:
    launderers = max(3, persons // 250)
    look_alikes = max(2, persons // 300)
    roles = [role for role in SCENARIO_OF for _ in range(launderers)]
    roles += [role for role in LOOK_ALIKES for _ in range(look_alikes)]
    roles += [Role.STALL] * max(3, persons // 30)
    return roles + [Role.CUSTOMER] * (persons - len(roles))


def _details(
    random: Random, fake: "Faker", ref: str, tier: str, today: date, taken: set[str]
) -> dict[str, Any]:
    """Particulars that reach `tier` and no better one."""
    born = today - timedelta(days=random.randrange(19 * 365, 75 * 365))
    details: dict[str, Any] = {
        "external_ref": ref,
        "currency": CURRENCY,
        "name": f"{fake.first_name()} {fake.last_name()}",
        "birth_date": born.isoformat(),
        "phone": _unused(taken, lambda: f"+233{random.choice(_PREFIXES)}{random.randrange(10**7):07d}"),
    }
    if tier != "minimum":
        details["id_kind"] = "ghana_card"
        details["id_number"] = _unused(
            taken, lambda: f"GHA-{random.randrange(7 * 10**8, 10**9)}-{random.randrange(10)}"
        )
    if tier == "enhanced":
        town, code = random.choice(_TOWNS)
        details["address"] = (
            f"{random.randrange(1, 400)} {random.choice(_STREETS)}, {town}, "
            f"{code}-{random.randrange(1000):03d}-{random.randrange(10_000):04d}"
        )
        details["evidence"] = ["address_proof"]
    return details


def _unused(taken: set[str], make: Any) -> str:
    """A value that nobody has yet."""
    while True:
        value = str(make())
        if value not in taken:
            taken.add(value)
            return value


def _named(kind: str, count: int) -> list[str]:
    return [f"{kind}-{number:03d}" for number in range(1, count + 1)]


def personal_values(persons: Sequence[Person]) -> set[str]:
    """Every value of these persons that must not be readable outside their sealed records."""
    kinds = ("name", "phone", "id_number", "address")
    return {person.details[kind] for person in persons for kind in kinds if kind in person.details}

"""The operator's policy on time: how far clocks may be apart, and how late a transfer may come.

The database asks it of every posting and hold, of reversals and disputes, of accounts that are opened or
changed and of what two persons decide (`ledger.check_times_v1`, `ledger.check_moment_v1`), against its own
clock:

| what                                                        | a new ledger's | refused with |
|-------------------------------------------------------------|----------------|--------------|
| the time is ahead of the database's                         | 5 s            | ClockSkew    |
| it is behind                                                | 30 s           | ClockSkew    |
| a transfer counts (`effective_at`) before it is posted      | 15 min         | WrongTime    |
| what is recorded beside the books, such as a closing, a     | 15 min behind, | ClockSkew    |
| legal hold or a person's request, is said to be at          | 5 s ahead      |              |

Lateness may be another of some operations, such as those of agents who work offline. What is late counts in
the day and the windows that it names, and passes only what the limits of those it arrives in leave, too.

A history comes in by the import's right, on a database in the role IMPORT_ROLE, which no lateness binds.

Changes are the owner's, with who and why, and leaves of the proof log.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import DEFAULT, Connection, owners_connection
from emoney.ledger.base.postgres.pool import PoolOptions
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.operations import Operation

LONGEST = timedelta(days=36_500)

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """What is allowed; None where nothing bounds it. Whole seconds, up to LONGEST; clocks, a second at least.

    `ahead`, `behind`: how far a posting time, or a hold's, may be from the database's clock. `late`: how long
    before its posting a transfer may count; `late_by_operation`: the same of these operations, in its place.
    Raises InvalidInput for what is none of it.
    """

    ahead: timedelta | None = timedelta(seconds=5)
    behind: timedelta | None = timedelta(seconds=30)
    late: timedelta | None = timedelta(minutes=15)
    late_by_operation: Mapping[Operation, timedelta | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = self.late_by_operation
        if not isinstance(named, Mapping) or not all(each in set(Operation) for each in named):
            raise InvalidInput("late_by_operation is of operations: {Operation.CASH_IN: timedelta(days=2)}")
        for each in (self.ahead, self.behind, self.late, *named.values()):
            if each is None:
                continue
            if not isinstance(each, timedelta) or each.microseconds or not timedelta(0) <= each <= LONGEST:
                raise InvalidInput(f"{each!r} is no time of whole seconds, from none to {LONGEST.days} days")

        if timedelta(0) in (self.ahead, self.behind):
            raise InvalidInput("no two clocks are the same: allow ahead and behind a second, or more")

    @property
    def bounded(self) -> bool:
        """Whether all of it is bounded, as in production it is to be."""
        return None not in (self.ahead, self.behind, self.late, *self.late_by_operation.values())


UNBOUNDED = ClockPolicy(None, None, None)
"""For ledgers whose clock is set by a test or a simulation, never for money."""


@dataclass(frozen=True, slots=True)
class ClockPolicyChange:
    """A change of the policy: who made it, and why."""

    id: UUID
    policy: ClockPolicy
    actor: str
    reason: str
    at: datetime


@reads_tuples
def current(connection: Connection) -> ClockPolicy:
    """The policy in force; that of a new ledger where none was ever set."""
    row = connection.execute(_queries.current.sql).fetchone()
    assert row is not None
    return _policy(*row)


@reads_tuples
def history(connection: Connection) -> list[ClockPolicyChange]:
    """All changes of the policy, the newest first."""
    return [
        ClockPolicyChange(change_id, _policy(*row), actor, reason, at)
        for change_id, actor, reason, at, *row in connection.execute(_queries.history.sql)
    ]


def set_policy(
    url: str,
    policy: ClockPolicy,
    *,
    actor: str,
    reason: str,
    clock: Clock = system_clock,
    pool: PoolOptions = DEFAULT,
) -> list[ClockPolicyChange]:
    """Set the policy, from the next posting on; gives all changes, the newest first.

    `url`: of the database's owner, for no login of the application's sets how far its own clock is trusted:
    ConfigurationError for any other; on the embedded server the owner logs in for it. Nothing is recorded
    where the policy stands already. Raises InvalidInput, InvalidRequest for an actor or a reason that cannot
    be stored.
    """
    if not isinstance(policy, ClockPolicy):
        raise InvalidInput(f"a policy is a ClockPolicy, not a {type(policy).__name__}")
    named = {Operation(each).value: _seconds(late) for each, late in policy.late_by_operation.items()}
    row = {
        "ahead": _seconds(policy.ahead),
        "behind": _seconds(policy.behind),
        "late": _seconds(policy.late),
        "late_by_operation": json.dumps(named),
        "actor": Actor(actor),
        "reason": Reason(reason),
        "at": clock(),
    }
    denied = "This login may not set the policy on clocks: it takes the URL of the database's owner."
    with owners_connection(url, denied, pool) as connection:
        connection.execute(_queries.set_policy.sql, row)
        return history(connection)


def _seconds(given: timedelta | None) -> int | None:
    return None if given is None else int(given.total_seconds())


def _time(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _policy(
    ahead: int | None, behind: int | None, late: int | None, late_by_operation: dict[str, int | None]
) -> ClockPolicy:
    named = {Operation(name): _time(seconds) for name, seconds in sorted(late_by_operation.items())}
    return ClockPolicy(_time(ahead), _time(behind), _time(late), named)

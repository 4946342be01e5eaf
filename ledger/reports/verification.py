"""Verification: what the database keeps for speed is computed again from what was written once.

Balances and versions from entries, entries from transfers, pending sums from holds, what limits count from
transfers and holds, the compiled rules from the profiles; and whether any wallet moved more in a window than
its profile allowed, and by which transfer. Whoever changed a sum, a counter or a rule around the posting
functions is found here.

`verify` reads everything: minutes for millions of transfers. `read` with a start reads the tail after a day
total (`ledger.totals.verify`). One snapshot, so postings go on meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import Bound, LimitProfile, LimitRule, Metric, OnExceed
from emoney.ledger.reports import limit_breaches, trial_balance
from emoney.ledger.reports.tail import Start

_queries = queries_beside(__file__)

Observe = Callable[[str], None]
"""Told the name of each check before it."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that does not follow. `key`: of the row; `expected`, `found`: as PostgreSQL has them.

    Of a limit: `found` is what was reached, `transfer` the id of the transfer or hold that passed it first,
    and `beyond` by how many minor units, or transfers, it was passed at most.
    """

    table: str
    key: str
    rule: str
    expected: str | None
    found: str | None
    transfer: str | None = None
    beyond: int | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and what was found wrong. `without_limits`: as in the trial balance, with the ids.

    `start`: the day total that was read from; None when everything was read.
    """

    checks: tuple[str, ...]
    breaches: tuple[Breach, ...]
    without_limits: int
    named_without_limits: tuple[UUID, ...]
    start: Start | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.breaches


@reads_tuples
def verify(connection: Connection, observe: Observe = lambda _: None) -> Verification:
    """Compute everything again, in one read-only snapshot that the transaction begins with."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    return read(connection, None, observe)


@reads_tuples
def read(connection: Connection, start: Start | None, observe: Observe = lambda _: None) -> Verification:
    """Check all, or the tail after `start`, as the caller's transaction sees it."""
    connection.execute(_queries.sort_in_memory.sql)
    observe(CHECKS[0])
    books = trial_balance.read(connection, start)
    breaches = list(_books(books))
    for name, check in _CHECKS.items():
        observe(name)
        breaches += check(connection, start)
    return Verification(CHECKS, tuple(breaches), books.without_limits, books.named_without_limits, start)


_Check = Callable[[Connection, Start | None], Iterator[Breach]]


def _asked(*names: str, tail: tuple[str, ...] | None = None) -> _Check:
    """A check by these queries; of a tail by others, where it has them."""

    def check(connection: Connection, start: Start | None) -> Iterator[Breach]:
        about = {} if start is None else {"xact": start.xact, "first": start.first}
        for name in names if start is None or tail is None else tail:
            for row in connection.execute(getattr(_queries, name).sql, about):
                yield Breach(*row)

    return check


def _limits(connection: Connection, start: Start | None) -> Iterator[Breach]:
    for account, rule, most, reached, transfer in limit_breaches.passed(connection, start):
        allowed = max(most, 0)  # -1: the number is not known, so nothing is allowed
        yield Breach(
            "ledger.account",
            str(account),
            rule,
            str(allowed),
            str(reached),
            str(transfer),
            reached - allowed,
        )


def _books(found: trial_balance.TrialBalance) -> Iterator[Breach]:
    for account in found.wrong_accounts:
        yield Breach("ledger.account", str(account), "sums and version follow from the entries", None, None)
    for transfer in found.wrong_transfers:
        yield Breach(
            "ledger.transfer", str(transfer), "a claim has one outcome, a transfer two entries", None, None
        )
    for account in found.wrong_receipts:
        yield Breach("ledger.receipt_fund", str(account), "what is issued follows from receipts", None, None)
    for words in found.wrong_totals:
        yield Breach("ledger.day_total_part", words, "accounts follow from the day totals", None, None)
    for total in found.totals:
        if total.outstanding > total.backing:
            rule = f"e-money in {total.currency} is covered"
            yield Breach("ledger.account", total.currency, rule, str(total.outstanding), str(total.backing))


def _compiled(connection: Connection, _start: Start | None) -> Iterator[Breach]:
    """The rules that the database compiled, against those that Python reads from the same profiles."""
    found: dict[UUID, dict[int, tuple[Any, ...]]] = {}
    for profile_id, number, *rule in connection.execute(_queries.rules.sql):
        found.setdefault(profile_id, {})[number] = tuple(rule)
    ids = [row[0] for row in connection.execute("SELECT id FROM ledger.limit_profile")]
    for profile_id, profile in profiles.load(connection, ids).items():
        if not profiles.is_its_own(profile_id, profile):
            said = "a profile's id follows from its content"
            yield Breach("ledger.limit_profile", str(profile_id), said, None, None)
        expected = dict(_rules_of(profile))
        compiled = found.pop(profile_id, {})
        for number in expected.keys() | compiled.keys():
            if expected.get(number) != compiled.get(number):
                yield Breach(
                    "ledger.limit_rule",
                    f"{profile_id} {number}",
                    "a compiled rule is its profile's",
                    str(expected.get(number)),
                    str(compiled.get(number)),
                )
    for profile_id in found:
        yield Breach("ledger.limit_rule", str(profile_id), "a compiled rule has a profile", None, None)


def _rules_of(profile: LimitProfile) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for number, rule in enumerate(profile.rules, 1):
        if rule.bound is not Bound.NONE:
            yield number, _rule(rule)


def _rule(rule: LimitRule) -> tuple[Any, ...]:
    mask = rule.counter.mask
    if rule.metric is Metric.BALANCE:
        mask &= (1 << 32) - 1
    most = rule.amount if rule.amount is not None else -1
    return (
        rule.id,
        rule.metric.value,
        rule.scope.value,
        mask,
        None if rule.on_exceed is OnExceed.ALLOW_UNTIL_END_OF_DAY else most,
        rule.window and rule.window.value,
        "1899-12-01" if rule.valid_from is None else rule.valid_from.isoformat(),
        "9000-02-01" if rule.valid_to is None else rule.valid_to.isoformat(),
        rule.after_months,
    )


_CHECKS: dict[str, _Check] = {
    "holds": _asked("pending", "holds", tail=("pending", "holds_of_tail")),
    "returns": _asked("returns", tail=("returns_of_tail",)),
    "usage": _asked("usage", tail=("usage_of_tail",)),
    "profiles": _compiled,
    "guards": _asked("missing_guards", "guards"),
    "limits": _limits,
}

CHECKS = ("books", *_CHECKS)
"""The names of the checks, in their order."""

"""End of the day: wallets above a cap that is measured when the day ends, found after it has.

Within the day posting lets them be above (`allow_until_end_of_day`). When the day has ended by the clocks of
the pack, each wallet that was above by then is recorded, told as the event `wallet.above_end_of_day_cap`, and
after so many days in a row as the operator sets takes no further credit: `kyc.wallets.restrictions` has the
steps from there, and lets it go when it is within the cap. A wallet is dealt with once for each day, in a
transaction of its own; a run that was stopped goes on by running again, and days on which none ran are made
up for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func
from sqlmodel import col, select

from emoney.kyc import settings
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.packs.schema import Pack
from emoney.kyc.wallets import assignment as binding
from emoney.kyc.wallets.restrictions import Downgrades, caps, downgrades, per_person
from emoney.kyc.wallets.tables import EndOfDayExcessRow, EndOfDayRunRow
from emoney.ledger import outbox
from emoney.ledger.base.clock import Clock, from_then
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.paging import PAGE_ROWS, pages
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.sessions import add, read
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.limits.rules import LimitProfile, LimitRule, OnExceed
from emoney.ledger.reports import as_of

DAYS_BACK_MAX = 31
"""Days made up for at most, where no run was made."""

_queries = queries_beside(__file__)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Steps(_Part):
    """What follows a day that ended above. `stop_credits_after_days`: days in a row; None: none stop."""

    stop_credits_after_days: int | None = Field(ge=1, le=366)
    source: Annotated[str, Field(min_length=1, max_length=500)]


class EndOfDay(_Part):
    """The file `end_of_day.yaml`."""

    format: Literal["emoney-end-of-day/1"]
    default: Steps
    packs: Mapping[str, Steps] = Field(default_factory=dict, max_length=1000)

    def of(self, pack_id: str) -> Steps:
        """What applies to the wallets of a pack."""
        return self.packs.get(pack_id, self.default)


def end_of_day(home: Path | None = None) -> EndOfDay:
    """The operator's steps, else the shipped example. Raises InvalidSettings."""
    return settings.read("end_of_day", EndOfDay, home)


@dataclass(slots=True)
class Ended:
    """What a run saw: days of packs, wallets that ended one above, and those that take no credit now.

    `broken`: packs that cannot be used, whose days wait.
    """

    days: int = 0
    wallets: int = 0
    above: int = 0
    stopped: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Above:
    """A wallet that ended a day above a cap. Amounts in minor units; `held`: what the rule measured.

    `in_a_row`: how many days in a row it did, this one included.
    """

    account_id: UUID
    day: date
    rule: str
    cap: int
    held: int
    in_a_row: int
    step: str
    recorded_at: datetime


def run(
    database: Database,
    at: datetime,
    *,
    packs: PackLibrary,
    steps: EndOfDay | None = None,
    policies: Downgrades | None = None,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> Ended:
    """Deal with every day that has ended by `at` in a pack's time zone and was not dealt with yet.

    The days of a broken pack wait until it is mended. `clock`: for a run of more than a moment
    (`ledger.base.clock.from_then`).
    """
    steps, policies, done = steps or end_of_day(), policies or downgrades(), Ended()
    cache, now = ProfileCache(), from_then(at, clock)
    done.broken = len(packs.broken())
    for pack in filter(_measures, packs.packs()):
        for day in _days(database, pack, at):
            wallets = above = 0
            for page in _above(database, pack, day, cache):
                for account_id, rule, held in page:
                    if rule is not None:
                        above += 1
                        about_it = (pack, account_id, rule, held, day, now())
                        done.stopped += _deal_with(database, *about_it, steps.of(pack.id), policies)
                wallets += len(page)
                progress("end of the day", done.wallets + wallets, None)
            with database.connection() as connection:
                about = {"pack": pack.id, "day": day, "wallets": wallets, "above": above, "at": at}
                connection.execute(_queries.finish.sql, about)
            done.days += 1
            done.wallets += wallets
            done.above += above
    return done


def _measures(pack: Pack) -> bool:
    """Whether the pack, or one that follows it, has a cap of the end of the day."""
    return any(
        rule.window == "end_of_day" for each in pack.chain for tier in each.tiers for rule in tier.rules
    )


def _days(database: Database, pack: Pack, at: datetime) -> list[date]:
    """The days that have ended and wait, the earliest first; at the first run the last one only."""
    last = pack.local_day(at) - timedelta(days=1)
    with database.connection() as connection:
        newest = select(func.max(EndOfDayRunRow.day)).where(EndOfDayRunRow.pack_id == pack.id)
        done = read(connection, newest)[0] or last - timedelta(days=1)
    waiting = min((last - done).days, DAYS_BACK_MAX)
    return [last - timedelta(days=back) for back in reversed(range(waiting))]


def _above(
    database: Database, pack: Pack, day: date, cache: ProfileCache
) -> Iterator[list[tuple[UUID, LimitRule | None, int]]]:
    """Every wallet of a pack, with the cap that it was above when the day ended, and what that measured."""
    about = {"pack": pack.id, "moment": as_of.end_of_day(day, pack.time_zone)}
    for rows in pages(database, _queries.held_at.sql, about):
        with database.connection() as connection:
            profiles = cache.get(connection, {row[1] for row in rows})
        yield [(account_id, *_passed(profiles[id], day, own, all_)) for account_id, id, own, all_ in rows]


def _passed(profile: LimitProfile, day: date, balance: int, together: int) -> tuple[LimitRule | None, int]:
    """The first cap of the end of the day that is passed, and what it measured."""
    for rule in caps(profile, day):
        held = together if per_person(rule) else balance
        if rule.on_exceed is OnExceed.ALLOW_UNTIL_END_OF_DAY and balance > 0 and held > (rule.amount or 0):
            return rule, held
    return None, 0


def _deal_with(
    database: Database,
    pack: Pack,
    account_id: UUID,
    rule: LimitRule,
    held: int,
    day: date,
    at: datetime,
    steps: Steps,
    policies: Downgrades,
) -> bool:
    """Record and tell that a wallet ended a day above a cap; whether it takes no credit from now on."""
    with database.connection() as connection:
        wallet = binding.lock(connection, account_id)
        about: dict[str, Any] = {"account": account_id, "day": day, "rule": rule.id}
        found = connection.execute(_queries.before.sql, about).fetchone()
        dealt_with, in_a_row = found or (False, 0)
        if dealt_with:
            return False
        in_a_row += 1
        stop = steps.stop_credits_after_days is not None and in_a_row >= steps.stop_credits_after_days
        stopped = False
        if stop and wallet.restriction is None and pack.id == wallet.pack_id:
            stopped = binding.rebind(
                connection,
                wallet,
                pack,
                reason=f"above {rule.id} at the end of {day}",
                at=at,
                policy=policies.of(pack.id),
                day_has_ended=True,
            )
        step = "credits_stopped" if stopped else "told"
        assert rule.amount is not None  # what is passed is an amount
        numbers = {"cap": rule.amount, "held": held, "in_a_row": in_a_row, "step": step}
        excess = EndOfDayExcessRow(
            id=new_id(),
            account_id=account_id,
            day=day,
            rule=rule.id,
            cap=rule.amount,
            held=held,
            in_a_row=in_a_row,
            step=step,
            source=steps.source,
            recorded_at=at,
        )
        add(connection, excess)
        told = {"day": day.isoformat(), "rule": rule.id, "source": rule.source} | numbers
        outbox.append(connection, "wallet.above_end_of_day_cap", account_id, told, at=at)
    return stopped


def listed(connection: Connection, since: date, *, most: int = PAGE_ROWS) -> list[Above]:
    """The wallets that ended a day from `since` on above a cap, the latest day first."""
    latest_first = (
        select(EndOfDayExcessRow)
        .where(EndOfDayExcessRow.day >= since)
        .order_by(col(EndOfDayExcessRow.day).desc(), col(EndOfDayExcessRow.account_id))
    )
    return [
        Above(row.account_id, row.day, row.rule, row.cap, row.held, row.in_a_row, row.step, row.recorded_at)
        for row in read(connection, latest_first.limit(most))
    ]

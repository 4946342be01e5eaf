"""Days, windows and episodes: how rows become "so much within so many days".

A window is a number of whole calendar days (UTC) that begins on a day with a row in it. So every burst that
fits the window is seen whole, each row is copied at most `days` times, and no join of rows with rows is
needed: the cost grows with the rows, on one machine as on a cluster. Windows that share rows are one
episode.
"""

from typing import Any

import ibis
import ibis.expr.types as ir

SECONDS_PER_DAY = 86_400
SECONDS_PER_HOUR = 3_600

SUBJECT = ("subject", "subject_ref", "currency")
"""What a row, a window and an episode belong to."""

EVIDENCE = (
    *SUBJECT,
    "window_start",
    "window_end",
    "score",
    "transfer_id",
    "reference",
    "at",
    "part",
    "debit_account",
    "credit_account",
    "debit_ref",
    "credit_ref",
    "debit_kind",
    "credit_kind",
)
"""Columns every scenario answers with, one row per transfer of an episode; its facts follow them."""


def day_of(at: ir.TimestampValue) -> ir.IntegerValue:
    """Days since 1970-01-01 of a UTC timestamp."""
    return at.epoch_seconds() // SECONDS_PER_DAY


def spread(rows: ir.Table, days: int) -> ir.Table:
    """Each row (with its `day`) once for every window of `days` days it can lie in, named by `window_day`."""
    offset = ibis.range(0, days).unnest()
    copies = rows.mutate(offset=offset)
    return copies.mutate(window_day=copies.day - copies.offset).drop("offset")


def measure(rows: ir.Table, days: int, **measures: Any) -> ir.Table:
    """Windows of `days` days over `rows` (SUBJECT columns and `day`), with `measures` of each.

    Only windows that begin on a day with a row are kept: any other sees no more than one of these.
    """
    windows = spread(rows, days).group_by([*SUBJECT, "window_day"])
    measured = windows.agg(first_day=ibis._.day.min(), last_day=ibis._.day.max(), **measures)
    return measured.filter(measured.first_day == measured.window_day)


def episodes(windows: ir.Table) -> ir.Table:
    """Windows (`window_day`, `last_day`, `strength`) joined where their days overlap.

    Returns SUBJECT columns, `first_day`, `last_day` and the greatest `strength`.
    """
    order = ibis.window(group_by="subject", order_by="window_day")
    before = ibis.cumulative_window(group_by="subject", order_by="window_day")
    reached = windows.mutate(reach=windows.last_day.max().over(before))
    lagged = reached.mutate(reached_before=reached.reach.lag().over(order))
    is_new = lagged.reached_before.isnull() | (lagged.window_day > lagged.reached_before)
    flagged = lagged.mutate(begins=is_new.cast("int64"))
    numbered = flagged.mutate(episode=flagged.begins.sum().over(before))
    merged = numbered.group_by([*SUBJECT, "episode"]).agg(
        first_day=numbered.window_day.min(),
        last_day=numbered.last_day.max(),
        strength=numbered.strength.max(),
    )
    return merged.drop("episode")


def within(rows: ir.Table, found: ir.Table) -> ir.Table:
    """The rows that lie in an episode of their subject, with the episode's columns beside them."""
    days = found.drop("subject_ref", "currency").rename(episode_subject="subject")
    joined = rows.inner_join(
        days,
        [
            rows.subject == days.episode_subject,
            rows.day >= days.first_day,
            rows.day <= days.last_day,
        ],
    )
    return joined.drop("episode_subject")


def reached(value: Any, minimum: float) -> Any:
    """How far `value` lies above the `minimum` it had to reach: 0.5 just there, 1 at twice as much or
    more.
    """
    return ibis.least(value.cast("float64") / (2.0 * minimum), ibis.literal(1.0))


def evidence(transfers: ir.Table, found: ir.Table, parts: ir.Table, facts: tuple[str, ...]) -> ir.Table:
    """The answer of a scenario.

    `found`: episodes with SUBJECT, `first_day`, `last_day`, `score` and `facts`; `parts`: their transfers as
    (subject, first_day, transfer_id, part). The window is from the first to the last of these transfers.
    """
    rows = transfers.select(
        "transfer_id",
        "reference",
        "at",
        "debit_account",
        "credit_account",
        "debit_ref",
        "credit_ref",
        "debit_kind",
        "credit_kind",
    )
    # a transfer can play two parts in one episode; the evidence names it once
    once = parts.group_by(["subject", "first_day", "transfer_id"]).agg(part=parts.part.min())
    joined = found.inner_join(once, ["subject", "first_day"]).inner_join(rows, "transfer_id")
    episode = ibis.window(group_by=["subject", "first_day"])
    bounded = joined.mutate(
        window_start=joined["at"].min().over(episode), window_end=joined["at"].max().over(episode)
    )
    return bounded.select(*EVIDENCE, *facts)

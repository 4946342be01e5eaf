"""Anonymises records by a plan: generalises whole columns, leaves out what stays rare, has the result judged.

The search is over the lattice of generalisation levels (Samarati 2001; "full-domain generalisation with
suppression"): combinations are tried in the order of what they lose, and the first that needs no more
suppression than the plan allows is taken, of equal ones that with the least suppression. A class (the records
that agree in all quasi-identifiers) is left out when it has fewer than k records (k-anonymity, Sweeney 2002),
fewer than l values of a sensitive column (distinct l-diversity, Machanavajjhala 2006), or a distribution of
one that is farther than t from that of all that is released (t-closeness, Li 2007, equal distances).

The verdict on what would leave is not the search's own: pyCANON measures k, l and t of the finished table
anew, and a release that it finds short is refused.

There is one record for each subject, so that k records are k persons. Cost: levels tried x distinct
combinations of values.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, product
from typing import Any
from uuid import UUID

from emoney.ledger.base.extras import demanded
from emoney.privacy.releases.errors import CannotAnonymise, InvalidRecord, TooManyRecords
from emoney.privacy.releases.hierarchies import MISSING, TEXT_MAX
from emoney.privacy.releases.plans import Plan

RECORDS_MAX = 100_000
_NEAR = 1e-9
"""Two ways of adding the same fractions differ by less."""

_ALIKE = "-"
"""No column of a plan has this name."""

Levels = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SensitiveVerdict:
    """What a sensitive column reaches: least number of values in a class, farthest distance of one."""

    l: int  # noqa: E741
    t: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What pyCANON measured of a table: persons in the smallest class, and for each sensitive column."""

    k: int
    sensitive: dict[str, SensitiveVerdict]


@dataclass(frozen=True, slots=True)
class Anonymised:
    """Records that may leave: rows of `columns`, each with its subject beside it, which does not leave.

    `generalised`: column -> level in words. `withheld`: columns of the records that the plan does not name.
    `restricted`: records that were left out before anything was counted, and are not among the suppressed.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    subjects: tuple[UUID, ...]
    suppressed: int
    generalised: dict[str, str]
    withheld: tuple[str, ...]
    verdict: Verdict
    restricted: int = 0


@dataclass(slots=True)
class _Class:
    """Records that agree in all quasi-identifiers: how many, and which sensitive values they have."""

    size: int
    sensitive: tuple[Counter[str], ...]


def anonymise(
    plan: Plan,
    records: Iterable[Mapping[str, object]],
    shut_out: Callable[[Sequence[UUID]], Collection[UUID]] = lambda _: (),
) -> Anonymised:
    """The records as they may leave by `plan`, in an order that says nothing of the one they came in.

    `shut_out`: those of all subjects that are in no release, asked for once; k is of the others. Raises
    InvalidRecord (with the record's number, from 1), TooManyRecords, CannotAnonymise when no allowed
    combination reaches what the plan demands, and MissingExtra without `emoney[release]`.
    """
    _pycanon()  # before any work
    table = _Table(plan, records, shut_out)
    levels, kept = _search(plan, table)
    rows = sorted(
        ((*labels, *sensitive), subject)
        for base, sensitive, subject in zip(table.bases, table.sensitive, table.subjects, strict=True)
        if (labels := table.labels_of(base, levels)) in kept
    )
    columns = (*plan.quasi_identifiers, *plan.sensitive)
    released = tuple(row for row, _ in rows)
    verdict = judge(columns[: len(levels)], tuple(plan.sensitive), columns, released)
    _demand(plan, verdict)
    names = {
        column: plan.hierarchy(quasi.hierarchy).name(level)
        for (column, quasi), level in zip(plan.quasi_identifiers.items(), levels, strict=True)
    }
    for column in plan.sensitive:
        hierarchy, level = plan.sensitive_level(column)
        names[column] = hierarchy.name(level) if hierarchy else "as it is"
    return Anonymised(
        columns=columns,
        rows=released,
        subjects=tuple(subject for _, subject in rows),
        suppressed=len(table.bases) - len(rows),
        generalised=names,
        withheld=table.withheld,
        restricted=table.restricted,
        verdict=verdict,
    )


def judge(
    quasi_identifiers: Sequence[str],
    sensitive: Sequence[str],
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Verdict:
    """The k, l and t of a table of texts, as pyCANON measures them."""
    pandas, anonymity = _pycanon()
    frame = pandas.DataFrame([list(row) for row in rows], columns=list(columns), dtype="object")
    frame[_ALIKE] = (
        ""  # a column in which all agree changes no class, and pandas warns of grouping by one alone
    )
    quasi = [*quasi_identifiers, _ALIKE]
    return Verdict(
        k=int(anonymity.k_anonymity(frame, quasi)),
        sensitive={
            column: SensitiveVerdict(
                l=int(anonymity.l_diversity(frame, quasi, [column])),
                t=float(anonymity.t_closeness(frame, quasi, [column])),
            )
            for column in sensitive
        },
    )


class _Table:
    """The records as indices of distinct values, with the labels of each value at each level."""

    def __init__(
        self,
        plan: Plan,
        records: Iterable[Mapping[str, object]],
        shut_out: Callable[[Sequence[UUID]], Collection[UUID]],
    ) -> None:
        quasi = [plan.hierarchy(each.hierarchy) for each in plan.quasi_identifiers.values()]
        sensitive = [plan.sensitive_level(column) for column in plan.sensitive]
        known: list[dict[str, int]] = [{} for _ in quasi]
        self.labels: list[list[tuple[str, ...]]] = [[] for _ in quasi]
        self.bases: list[tuple[int, ...]] = []
        self.sensitive: list[tuple[str, ...]] = []
        self.subjects: list[UUID] = []
        withheld: set[str] = set()
        seen: set[UUID] = set()
        for number, record in enumerate(records, 1):
            if number > RECORDS_MAX:
                raise TooManyRecords(f"more than {RECORDS_MAX} records; release fewer")
            withheld |= record.keys()
            subject = _subject(record, plan.subject, number)
            if subject in seen:
                raise InvalidRecord(
                    f"record {number}: its subject has a record already; k counts persons, so give one each"
                )
            seen.add(subject)
            base = []
            for index, column in enumerate(plan.quasi_identifiers):
                value = _text(record, column, number)
                if value not in known[index]:
                    with _at(number, column):
                        self.labels[index].append(quasi[index].levels(value))
                    known[index][value] = len(known[index])
                base.append(known[index][value])
            values = []
            for (hierarchy, level), column in zip(sensitive, plan.sensitive, strict=True):
                value = _text(record, column, number)
                with _at(number, column):
                    values.append(hierarchy.levels(value)[level] if hierarchy else _short(value) or MISSING)
            self.bases.append(tuple(base))
            self.sensitive.append(tuple(values))
            self.subjects.append(subject)
        self.restricted = self._leave_out(set(shut_out(self.subjects)))
        self.withheld = tuple(sorted(withheld - {plan.subject, *plan.quasi_identifiers, *plan.sensitive}))
        self.distinct = self._distinct(len(sensitive))

    def _leave_out(self, subjects: set[UUID]) -> int:
        kept = [index for index, subject in enumerate(self.subjects) if subject not in subjects]
        left_out = len(self.subjects) - len(kept)
        if left_out:
            self.bases = [self.bases[index] for index in kept]
            self.sensitive = [self.sensitive[index] for index in kept]
            self.subjects = [self.subjects[index] for index in kept]
        return left_out

    def _distinct(self, sensitive: int) -> dict[tuple[int, ...], _Class]:
        found: dict[tuple[int, ...], _Class] = {}
        for base, values in zip(self.bases, self.sensitive, strict=True):
            one = found.setdefault(base, _Class(0, tuple(Counter() for _ in range(sensitive))))
            one.size += 1
            for counts, value in zip(one.sensitive, values, strict=True):
                counts[value] += 1
        return found

    def labels_of(self, base: tuple[int, ...], levels: Levels) -> tuple[str, ...]:
        """What a record's quasi-identifiers read at these levels."""
        return tuple(
            column[value][level] for column, value, level in zip(self.labels, base, levels, strict=True)
        )

    def classes(self, levels: Levels) -> dict[tuple[str, ...], _Class]:
        """The classes at these levels, by the labels that their records have in common."""
        at = [[labels[level] for labels in column] for column, level in zip(self.labels, levels, strict=True)]
        found: dict[tuple[str, ...], _Class] = {}
        for base, one in self.distinct.items():
            key = tuple(column[value] for column, value in zip(at, base, strict=True))
            whole = found.get(key)
            if whole is None:
                found[key] = _Class(one.size, tuple(Counter(counts) for counts in one.sensitive))
            else:
                whole.size += one.size
                for counts, more in zip(whole.sensitive, one.sensitive, strict=True):
                    counts.update(more)
        return found


def _search(plan: Plan, table: _Table) -> tuple[Levels, set[tuple[str, ...]]]:
    """The levels that lose least, and the classes that are kept at them."""
    spans = [plan.span(column) for column in plan.quasi_identifiers]
    heights = [plan.hierarchy(each.hierarchy).height for each in plan.quasi_identifiers.values()]
    total = len(table.bases)

    def lost(levels: Levels) -> float:
        return round(sum(level / height for level, height in zip(levels, heights, strict=True)), 9)

    least_left_out = total
    nodes = sorted(
        product(*(range(low, high + 1) for low, high in spans)), key=lambda node: (lost(node), node)
    )
    for _, equal in groupby(nodes, key=lost):
        best: tuple[int, Levels, set[tuple[str, ...]]] | None = None
        for levels in equal:
            classes = table.classes(levels)
            kept = _kept(plan, classes)
            left_out = total - sum(classes[key].size for key in kept)
            least_left_out = min(least_left_out, left_out)
            if kept and left_out <= plan.suppress_max * total and (best is None or left_out < best[0]):
                best = (left_out, levels, kept)
        if best is not None:
            return best[1], best[2]
    raise CannotAnonymise(
        f"no generalisation that the plan allows reaches k = {plan.k}"
        + "".join(f", l = {each.l} and t = {each.t:g} for {name}" for name, each in plan.sensitive.items())
        + f" over {total} records: at best {least_left_out} would be left out, and the plan allows "
        f"{int(plan.suppress_max * total)}. Allow coarser levels or more suppression, or ask for less."
    )


def _kept(plan: Plan, classes: Mapping[tuple[str, ...], _Class]) -> set[tuple[str, ...]]:
    """The classes that may leave. Leaving out changes the whole that t compares with, hence the loop."""
    wanted = list(plan.sensitive.values())
    kept = {
        key
        for key, one in classes.items()
        if one.size >= plan.k and all(len(c) >= w.l for c, w in zip(one.sensitive, wanted, strict=True))
    }
    while kept:
        far = set()
        for index, each in enumerate(wanted):
            if each.t < 1:
                whole: Counter[str] = Counter()
                for key in kept:
                    whole.update(classes[key].sensitive[index])
                size = whole.total()
                far |= {key for key in kept if _distance(classes[key].sensitive[index], whole, size) > each.t}
        if not far:
            break
        kept -= far
    return kept


def _distance(one: Counter[str], whole: Counter[str], whole_size: int) -> float:
    """The earth mover's distance where all values are equally far apart: half the sum of the differences."""
    size = one.total()
    return sum(abs(one[value] / size - count / whole_size) for value, count in whole.items()) / 2


def _demand(plan: Plan, verdict: Verdict) -> None:
    short = [f"k = {verdict.k}"] if verdict.k < plan.k else []
    for column, wanted in plan.sensitive.items():
        found = verdict.sensitive[column]
        if found.l < wanted.l:
            short.append(f"l = {found.l} for {column}")
        if found.t > wanted.t + _NEAR:
            short.append(f"t = {found.t:.4f} for {column}")
    if short:
        raise CannotAnonymise(f"pyCANON finds {', '.join(short)} in what would be released: nothing leaves")


@contextmanager
def _at(number: int, column: str) -> Iterator[None]:
    """Says of which record and column an error is."""
    try:
        yield
    except InvalidRecord as error:
        raise InvalidRecord(f"record {number}, {column}: {error}") from None


def _text(record: Mapping[str, object], column: str, number: int) -> str:
    if column not in record:
        raise InvalidRecord(f"record {number} has no column {column}")
    value = record[column]
    return "" if value is None else str(value).strip()


def _short(value: str) -> str:
    if len(value) > TEXT_MAX or not value.isprintable():
        raise InvalidRecord(f"a value is up to {TEXT_MAX} printable characters")
    return value


def _subject(record: Mapping[str, object], column: str, number: int) -> UUID:
    try:
        return UUID(_text(record, column, number))
    except ValueError as error:
        if isinstance(error, InvalidRecord):
            raise
        raise InvalidRecord(f"record {number}, {column}: not a UUID") from None


def _pycanon() -> tuple[Any, Any]:
    with demanded("release"):
        import pandas
        from pycanon import anonymity
    return pandas, anonymity

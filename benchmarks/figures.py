"""Measured figures: turns of several ways, their medians, and how a run of them is shown."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `ratio` to `baseline`, both measured in the same run, where there is one; `wanted`:
    what the ratio should reach, where that is stated.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    baseline: str | None = None
    wanted: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Turns:
    """Rates of several ways that take turns."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._rates: dict[str, list[float]] = {name: [] for name in self._names}

    def order(self) -> list[str]:
        """The ways for one more turn: each comes after each other one, in time."""
        self._names.append(self._names.pop(0))
        return list(self._names)

    def add(self, name: str, per_second: float) -> None:
        """One turn of a way."""
        self._rates[name].append(per_second)

    def rate(self, name: str) -> float:
        """The median of a way's turns."""
        return median(self._rates[name])

    def quartiles(self, name: str) -> list[float]:
        """Between which the middle half of a way's turns lies."""
        rates = self._rates[name]
        low, _, high = quantiles(rates, n=4, method="inclusive") if len(rates) > 1 else rates * 3
        return [low, high]


@contextmanager
def frozen() -> Iterator[None]:
    """What the set-up left in memory is kept from the garbage collector, as a service does after its start.

    Else a full collection of all that was imported stops every caller for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

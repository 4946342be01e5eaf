"""A measured figure, and how a run of them is shown."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` in `unit`; `ratio` to `baseline`, both measured in the same run, where there is one."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    baseline: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

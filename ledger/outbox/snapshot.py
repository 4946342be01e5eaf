"""Snapshots: which transactions had ended at a moment, as PostgreSQL writes them ("xmin:xmax:running,…")."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All transactions below `xmax` had ended, but for those `running`; none below `xmin` ran."""

    xmin: int
    xmax: int
    running: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The snapshot that `text`, a pg_snapshot's, stands for."""
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), tuple(int(xact) for xact in running.split(",") if xact))

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, self.running))}"


BEGINNING = Snapshot(1, 1)
"""Before the first transaction of all."""

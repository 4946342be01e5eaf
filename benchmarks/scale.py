"""How much is measured, and how progress is told."""

from collections.abc import Callable
from dataclasses import dataclass

Tell = Callable[[str], None]
"""Told what is being measured, before it is."""


@dataclass(frozen=True, slots=True)
class Scale:
    """`batch_turns`, `caller_turns`: how often each way is timed; `caller_turn_s`: for how long, callers, and
    `caller_start_s`: for how long they post before.

    `written`: transfers that the writer posts whose memory and disk are measured, a multiple of ten
    thousand; `growth`: transfers in the ledger when a full one is compared with an empty one.
    """

    wallets: int
    batch_turns: int
    caller_turns: int
    caller_turn_s: float
    caller_start_s: float
    written: int
    growth: int
    smoke: bool = False


FULL = Scale(10_000, 7, 8, 3.0, 1.0, 1_000_000, 5_000_000)
QUICK = Scale(10_000, 4, 3, 1.0, 0.5, 100_000, 300_000)
SMOKE = Scale(1_000, 0, 1, 0.2, 0.0, 10_000, 20_000, smoke=True)  # of batches, the turn that warms up

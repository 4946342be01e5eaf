"""What an import did, counted."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from emoney.ledger.transfers.money import to_decimal
from emoney.ledger.transfers.transfer import Refusal

REFUSALS_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that the ledger refused.

    `line`: in the file; `reference`: the operator's transaction id, or `opening:REF` for an opening balance.
    `limit`, `used`, `headroom`: decimal amounts of the currency, or numbers of transfers where the rule
    counts them; None where the rule has no such number.
    """

    line: int
    reference: str
    rule: str
    decision: str
    source: str
    limit: str | None
    used: str | None
    headroom: str | None


@dataclass(slots=True)
class ImportResult:
    """The counts of an import: `rows` = posted + replayed + refused + skipped.

    `rows`: rows of the transfers file, opening balances aside. `posted`: now; `replayed`: posted by an
    earlier run; `refused`: now or by an earlier run; `skipped`: rows that move nothing. `openings_*`: the
    same for opening balances; `opening_total`: their sum, a decimal. `refusals`: the first
    REFUSALS_SHOWN_MAX. `rows_per_second` is measured over reading, checking and posting.
    """

    source: str
    format: str
    currency: str
    rows: int = 0
    posted: int = 0
    replayed: int = 0
    refused: int = 0
    skipped: int = 0
    skipped_by_reason: dict[str, int] = field(default_factory=dict)
    refused_by_rule: Counter[str] = field(default_factory=Counter)
    refusals: list[RefusedRow] = field(default_factory=list)
    accounts_created: int = 0
    openings_posted: int = 0
    openings_replayed: int = 0
    openings_refused: int = 0
    opening_total: str = "0"
    seconds: float = 0.0

    @property
    def rows_per_second(self) -> float:
        """Rows of the file over the time of the whole import."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    def note_refusal(self, line: int, reference: str, refusal: Refusal) -> None:
        """Count a refusal, and keep it while there is room."""
        self.refused_by_rule[refusal.rule] += 1
        if len(self.refusals) < REFUSALS_SHOWN_MAX:
            limit, used, headroom = (
                None if number is None else str(to_decimal(number, self.currency))
                for number in (refusal.limit, refusal.used, refusal.headroom)
            )
            self.refusals.append(
                RefusedRow(
                    line, reference, refusal.rule, refusal.decision, refusal.source, limit, used, headroom
                )
            )

    def to_json(self) -> dict[str, Any]:
        """All of it in JSON's own types."""
        return {
            "source": self.source,
            "format": self.format,
            "currency": self.currency,
            "rows": self.rows,
            "posted": self.posted,
            "replayed": self.replayed,
            "refused": self.refused,
            "skipped": self.skipped,
            "skipped_by_reason": self.skipped_by_reason,
            "refused_by_rule": dict(self.refused_by_rule.most_common()),
            "refusals": [
                {name: getattr(refused, name) for name in RefusedRow.__slots__} for refused in self.refusals
            ],
            "accounts_created": self.accounts_created,
            "openings_posted": self.openings_posted,
            "openings_replayed": self.openings_replayed,
            "openings_refused": self.openings_refused,
            "opening_total": self.opening_total,
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rows_per_second, 1),
        }

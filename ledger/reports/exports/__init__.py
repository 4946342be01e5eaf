"""Statements in the formats others read: CSV, and ISO 20022 camt.053."""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.ledger.reports.exports.camt import write_camt
    from emoney.ledger.reports.exports.csv import write_csv
else:
    __getattr__ = face(
        __name__,
        {
            "write_camt": "camt",
            "write_csv": "csv",
        },
    )

__all__ = ["write_camt", "write_csv"]

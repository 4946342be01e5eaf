"""Statements in the formats others read: CSV, and ISO 20022 camt.053."""

from emoney.ledger.reports.exports.camt import write_camt
from emoney.ledger.reports.exports.csv import write_csv

__all__ = ["write_camt", "write_csv"]

"""What a mapped column holds, why, on which ground and for how long: declared where the column is.

Every table column of every package carries a `Declaration`. The privacy package reads them all into the
inventory of personal data; a column without one fails the build.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Category(StrEnum):
    """How closely a value leads to a person."""

    NONE = "none"
    """Says nothing about a person: a code, a rule, a technical counter."""
    PSEUDONYMOUS = "pseudonymous"
    """About a person who can be told only with the KYC records: account ids, amounts, times."""
    IDENTITY = "identity"
    """Names, birth dates, addresses."""
    CONTACT = "contact"
    """Telephone numbers and the like."""
    GOVERNMENT_ID = "government id"
    """Numbers of identity documents."""
    SUSPICION = "suspicion"
    """That, or why, someone is being watched: kept from the person by law."""
    KEY_MATERIAL = "key material"
    """Wrapped keys."""


class Basis(StrEnum):
    """The legal ground for holding a value (GDPR art. 6, in the words of its headings)."""

    NOT_PERSONAL = "not personal data"
    CONTRACT = "performance of a contract"
    LEGAL_OBLIGATION = "legal obligation"
    LEGITIMATE_INTEREST = "legitimate interest"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Declaration:
    """Category, purpose, legal basis and retention of one column."""

    category: Category
    purpose: str
    basis: Basis
    retention: str


def declare(category: Category, purpose: str, basis: Basis, retention: str) -> dict[str, Any]:
    """The `info` of a mapped column or, for all of its columns not declaring otherwise, of a table."""
    return {"declaration": Declaration(category, purpose, basis, retention)}


NOT_PERSONAL = declare(Category.NONE, "operating the ledger", Basis.NOT_PERSONAL, "life of the installation")
"""For columns that say nothing about anyone."""

BOOKS = declare(
    Category.PSEUDONYMOUS,
    "keeping the books of electronic money and enforcing its limits",
    Basis.LEGAL_OBLIGATION,
    "5 years after the transaction or the end of the relationship",
)
"""For columns of the books: about holders, whom the ledger does not know."""

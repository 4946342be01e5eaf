"""What several rooms of privacy declare of their columns."""

from emoney.ledger.base.declarations import Basis, Category, declare

KEY_RETENTION = "until the subject's records expire, then destroyed"
WRAPPED = declare(Category.KEY_MATERIAL, "sealing personal data", Basis.LEGAL_OBLIGATION, KEY_RETENTION)
REQUESTS = declare(
    Category.PSEUDONYMOUS,
    "showing what a person asked for and what became of it",
    Basis.LEGAL_OBLIGATION,
    "5 years after the request was closed",
)

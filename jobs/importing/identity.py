"""The ids an import gives: the same file read again gives the same ids, so that nothing is posted twice.

An id holds the row's time and a hash of the source and the operator's own reference. The reference alone
decides the hashed half: the same reference at another time can be told from a different reference.
"""

from datetime import UTC, datetime
from uuid import UUID

from emoney.ledger.base.ids import derived_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in the id of an account whose opening date the file does not give."""

SAFEGUARDING = "safeguarding:"
"""How external references of accounts for safeguarded funds begin."""


class Identity:
    """Ids of what one source sends. `source`: names whose references these are; two sources never share an
    id.
    """

    def __init__(self, source: str) -> None:
        self._source = source

    def account(self, opened: datetime | None, ref: str) -> UUID:
        """The id of an account."""
        return derived_id(opened or EPOCH, "import", self._source, "account", ref)

    def holder(self, ref: str) -> UUID:
        """The opaque id that stands for the operator's customer number."""
        return derived_id(EPOCH, "import", self._source, "holder", ref)

    def opening(self, opened: datetime | None, account_ref: str) -> UUID:
        """The id of the transfer that carries an account's opening balance."""
        return derived_id(opened or EPOCH, "import", self._source, "opening", account_ref)

    def transfer(self, at: datetime, ref: str) -> UUID:
        """The id of a transfer."""
        return derived_id(at, "import", self._source, "transfer", ref)


def safeguarding_ref(currency: str) -> str:
    """The external reference of the account that opening balances are issued against."""
    return SAFEGUARDING + currency


def safeguarding_id(currency: str) -> UUID:
    """The id it gets when it is not there yet: the same for all sources."""
    return derived_id(EPOCH, "account", safeguarding_ref(currency))

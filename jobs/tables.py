"""Every package's tables, mapped: what the inventory, the assessment and the rotation of keys go over."""

from sqlalchemy import MetaData

import emoney.aml.tables
import emoney.kyc.tables
import emoney.ledger.tables
import emoney.privacy.tables  # noqa: F401
from emoney.ledger.base.postgres.table import Table


def metadata() -> MetaData:
    """The tables of all packages. None is in `SQLModel.metadata`, which is the application's own."""
    return Table.metadata

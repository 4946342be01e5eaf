"""Every package's tables, mapped: what the inventory and the assessment read is what was imported."""

import emoney.aml.tables
import emoney.kyc.tables
import emoney.ledger.tables
import emoney.privacy.tables  # noqa: F401

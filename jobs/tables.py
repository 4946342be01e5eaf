"""Every package's tables, mapped: what the inventory and the assessment read is what was imported."""

import aml.tables  # noqa: F401
import kyc.tables  # noqa: F401
import ledger.tables  # noqa: F401
import privacy.tables  # noqa: F401

"""Day totals: what accounts came to when a day was over, sealed; a check of the books begins at one."""

from emoney.ledger.totals.checking import trial_balance, verify
from emoney.ledger.totals.errors import TotalsDamaged
from emoney.ledger.totals.making import DayTotal, make

__all__ = ["make", "DayTotal", "trial_balance", "verify", "TotalsDamaged"]

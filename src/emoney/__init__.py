"""The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments.

`Emoney` opens an installation; each floor is a package of its own: `emoney.ledger`, `emoney.kyc`, …
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoney.jobs.installation import Emoney
    from emoney.jobs.settings import Settings
else:

    def __getattr__(name: str) -> Any:
        """What is public, loaded when it is asked for: who needs one floor only waits for no other."""
        if name == "Emoney":
            from emoney.jobs.installation import Emoney

            return Emoney
        if name == "Settings":
            from emoney.jobs.settings import Settings

            return Settings
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Emoney", "Settings"]

logging.getLogger("emoney").addHandler(logging.NullHandler())  # quiet until an operator listens

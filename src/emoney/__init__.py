"""The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments.

`Emoney` opens an installation; each floor is a package of its own: `emoney.ledger`, `emoney.kyc`, …
`metadata()` gives the mapped tables of all of them, SCHEMAS names the schemas that their objects are in.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoney.jobs.installation import Emoney
    from emoney.jobs.revisions import SCHEMAS
    from emoney.jobs.settings import Settings
    from emoney.jobs.tables import metadata
else:
    _HOMES = {"Emoney": "installation", "Settings": "settings", "metadata": "tables", "SCHEMAS": "revisions"}

    def __getattr__(name: str) -> Any:
        """What is public, loaded when it is asked for: who needs one floor only waits for no other."""
        if name in _HOMES:
            return getattr(import_module(f"emoney.jobs.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Emoney", "Settings", "metadata", "SCHEMAS"]

logging.getLogger("emoney").addHandler(logging.NullHandler())  # quiet until an operator listens

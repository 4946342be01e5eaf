"""The e-money ledger: limits inside the posting, KYC, AML monitoring, privacy assessments.

`Emoney` opens an installation; each floor is a package of its own: `emoney.ledger`, `emoney.kyc`, …
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoney.jobs.installation import Emoney

__all__ = ["Emoney"]


def __getattr__(name: str) -> Any:
    """`Emoney`, loaded when it is asked for: who needs one floor only waits for no other."""
    if name == "Emoney":
        from emoney.jobs.installation import Emoney

        return Emoney
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

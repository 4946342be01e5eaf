"""Floor 5: runs the others, from the command line, on a schedule, and in the demo."""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.jobs.installation import Emoney
else:
    __getattr__ = face(
        __name__,
        {
            "Emoney": "installation",
        },
    )

__all__ = ["Emoney"]

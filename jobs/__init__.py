"""Floor 5: runs the others, from the command line, on a schedule, and in the demo."""

from emoney.jobs.installation import Emoney

__all__ = ["Emoney"]

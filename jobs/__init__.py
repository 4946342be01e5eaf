"""Floor 5: runs the others, from the command line, on a schedule, and in the demo."""

from jobs.emoney import Emoney

__all__ = ["Emoney"]

"""jobs/settings: what an operator sets, read and checked once, at the door. All else gets values handed down.

The only room that reads the environment. docs/settings.md lists every setting.
"""

from emoney.jobs.settings.settings import Settings

__all__ = ["Settings"]

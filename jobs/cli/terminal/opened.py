"""The installation that a command works on, opened once and closed when the command ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emoney.jobs.installation import Emoney
    from emoney.ledger.base.postgres.database import Connection


@contextmanager
def opened() -> Iterator["Emoney"]:
    """The installation of this environment. Its keys are read when the command first needs them."""
    from emoney.jobs.installation import Emoney

    with Emoney.open(keys_at_once=False) as emoney:
        yield emoney


@contextmanager
def opened_connection() -> Iterator[tuple["Emoney", "Connection"]]:
    """The installation and one transaction in it, committed at the end and rolled back on an error."""
    with opened() as emoney, emoney.sole_connection() as connection:
        yield emoney, connection

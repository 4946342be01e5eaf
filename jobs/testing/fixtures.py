"""Fixtures for pytest: import them into a `conftest.py`, all of them, for they take each other by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from emoney.jobs.installation import Emoney
from emoney.jobs.testing.books import Books
from emoney.jobs.testing.clock import SetClock
from emoney.jobs.testing.databases import Template


@pytest.fixture(scope="session")
def emoney_template() -> Iterator[Template]:
    """A running server with a migrated template, for the whole session."""
    with Template.running() as template:
        yield template


@pytest.fixture
def emoney_clock() -> SetClock:
    """The clock of the installation: it stands until the test sets or moves it."""
    return SetClock()


@pytest.fixture
def emoney_installation(
    emoney_template: Template, emoney_clock: SetClock, tmp_path: Path
) -> Iterator[Emoney]:
    """An open installation on a fresh database, with keys of its own."""
    with emoney_template.installation(tmp_path / "emoney", emoney_clock) as opened:
        yield opened


@pytest.fixture
def emoney_books(emoney_installation: Emoney, emoney_clock: SetClock) -> Books:
    """Books on the installation's ledger."""
    return Books(emoney_installation.database, emoney_installation.ledger, clock=emoney_clock)

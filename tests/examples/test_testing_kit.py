"""The testing kit that the wheel carries: its fixtures, and what its guide shows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from guide import blocks

from emoney import Emoney
from emoney.testing import (
    NOON,
    Books,
    SetClock,
    Template,
    emoney_books,
    emoney_clock,
    emoney_installation,
)

__all__ = ["emoney_books", "emoney_clock", "emoney_installation"]  # fixtures of this module
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "testing.md"


@pytest.fixture
def emoney_template(template: str) -> Template:
    """The template that all tests have: a server is enough for a session."""
    return Template(template)


@pytest.fixture
def shown() -> dict[str, Any]:
    """What the guide's files define."""
    space: dict[str, Any] = {}
    for block in blocks(GUIDE.read_text(encoding="utf-8")):
        if block.file is not None:
            exec(compile(block.text, block.file, "exec", dont_inherit=True), space)
    return space


def test_the_tests_of_the_guide_pass(
    shown: dict[str, Any],
    emoney_installation: Emoney,
    emoney_books: Books,
    emoney_clock: SetClock,
) -> None:
    assert {"emoney_template", "emoney_clock", "emoney_installation", "emoney_books"} <= set(shown)
    shown["test_a_payment_needs_funds"](emoney_installation, emoney_books)
    shown["test_a_day_later"](emoney_installation, emoney_clock)


def test_each_copy_is_its_own(emoney_template: Template) -> None:
    with emoney_template.copy() as one, emoney_template.copy() as other:
        with psycopg.connect(one) as connection:
            connection.execute("CREATE TABLE mine ()")
        with psycopg.connect(other) as connection:
            assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)


def test_books_of_an_enrolled_person_are_under_its_limits(
    emoney_installation: Emoney,
    emoney_clock: SetClock,
) -> None:
    em = emoney_installation
    books = Books(em.database, em.ledger, "GHS", emoney_clock)
    ama = em.kyc.enrol({"external_ref": "ama", "phone": "+233201234567", "currency": "GHS"}).account_id
    kofi = books.funded(0)
    books.load(ama, 400_000)
    [outcome] = books.post(books.transfer(ama, kofi, 300_001))
    assert outcome.refusal is not None
    assert outcome.refusal.rule == "gh-bog-2024/minimum/flow-out-any-day"
    with pytest.raises(AssertionError, match=r"refused by gh-bog-2024/minimum/flow-out-any-day"):
        books.posted(books.transfer(ama, kofi, 300_001))


def test_a_clock_is_set_and_moved() -> None:
    clock = SetClock()
    assert clock() == NOON
    assert clock.move(days=1, hours=-12) == datetime(2026, 3, 11, tzinfo=UTC) == clock()
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2026, 3, 10))  # noqa: DTZ001
    assert clock() == datetime(2026, 3, 11, tzinfo=UTC)

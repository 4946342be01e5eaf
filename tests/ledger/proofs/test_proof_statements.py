"""A statement with its proofs: entries that follow each other and, if asked for, that there are no others."""

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from logs import Log

from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.proofs import ProofInvalid, verify, write_proved
from emoney.ledger.proofs.errors import NotSealed
from emoney.ledger.reports import statements

Change = Callable[[dict[str, Any]], object]
DAY = timedelta(days=1)


def live(log: Log) -> None:
    """Three days, with 3, 4 and 2 entries of the payee; now is the last one's end."""
    for count in (3, 4, 2):
        log.post(count)
        log.books.now += DAY
    log.seal()


def proved(log: Log, first: int, last: int, *, around: bool = False) -> dict[str, Any]:
    """The payee's statement from the day so many days before now up to another, with its proofs."""
    with log.books.database.connection() as connection:
        account = accounts.get(connection, log.payee)
        found = statements.between(
            connection, account, log.books.now - first * DAY, log.books.now - last * DAY
        )
        out = io.StringIO()
        write_proved(connection, found, out, around=around)
    made: dict[str, Any] = json.loads(out.getvalue())
    return made


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize(
    ("first", "last", "entries", "opening", "closing"),
    [
        (9, 0, range(1, 10), True, False),
        (3, 2, range(1, 4), True, True),
        (2, 1, range(4, 8), False, True),
        (1, 0, range(8, 10), False, False),
        (9, 5, range(0), False, True),  # before the first entry
    ],
)
def test_a_statement_proves_its_entries_and_that_there_are_no_others(
    lived: Log, around: bool, first: int, last: int, entries: range, opening: bool, closing: bool
) -> None:
    made = proved(lived, first, last, around=around)
    done = verify(made, lived.key.public)
    assert [each["entry"] for each in done["proved"]] == list(entries)
    asked = {"opening": opening or around, "closing": closing and around}
    assert done["complete"] == asked


def test_an_entry_around_that_is_not_sealed_yet_is_told(lived: Log) -> None:
    lived.post(1)
    lived.books.now += DAY
    with pytest.raises(NotSealed, match="seal"):
        proved(lived, 2, 1, around=True)
    assert verify(proved(lived, 2, 1), lived.key.public)["complete"] == {"opening": False, "closing": False}


TAMPERED: list[tuple[Change, str]] = [
    (lambda p: p["leaves"].pop(2), "one is missing"),
    (lambda p: p["leaves"].reverse(), "one is missing|out of its place"),
    (lambda p: p["leaves"].pop(), "the statement does not"),
    (lambda p: p["leaves"].pop(0), "one is missing"),
    (lambda p: p["leaves"][1]["content"].update(amount=99), "number 2 of the proof"),
    (lambda p: p["statement"]["closing"].update(balance=5), "the statement does not"),
    (lambda p: p["statement"]["opening"].update(balance=1), "opens at|does not lead"),
    (lambda p: p["statement"].update(to=p["statement"]["from"]), "outside the period"),
    (lambda p: p["statement"].update(account=str(new_id())), "not on the account"),
]


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize(("change", "said"), TAMPERED)
def test_a_statement_that_was_tampered_with_is_told(
    lived: Log, change: Change, said: str, around: bool
) -> None:
    made = proved(lived, 2, 1, around=around)
    change(made)
    with pytest.raises(ProofInvalid, match=said):
        verify(made, lived.key.public)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p["around"]["before"]["content"].update(amount=99), "is not in the log"),
        (lambda p: p["around"]["after"]["content"].update(amount=99), "is not in the log"),
        (lambda p: p["around"].update(before=p["leaves"][0]), "does not lead to the statement's opening"),
        (lambda p: p["around"].update(after=p["leaves"][-1]), "one is missing, added or out of its place"),
        (lambda p: p["around"].update(after=p["around"]["before"]), "out of its place"),
        (lambda p: p["around"].update(between=p["leaves"][1]), "the entries before and after it"),
        (lambda p: p.update(around=[]), "the entries before and after it"),
        # a period that is said to be longer than what is shown of it
        (lambda p: p["statement"].update({"from": _moved(p, "from", -2)}), "does not lead to the"),
        (lambda p: p["statement"].update(to=_moved(p, "to", 2)), "was posted in the period"),
    ],
)
def test_what_is_shown_around_a_statement_is_held_against_it(lived: Log, change: Change, said: str) -> None:
    made = proved(lived, 2, 1, around=True)
    change(made)
    with pytest.raises(ProofInvalid, match=said):
        verify(made, lived.key.public)


def _moved(proof: dict[str, Any], end: str, days: int) -> str:
    return (datetime.fromisoformat(proof["statement"][end]) + days * DAY).isoformat()

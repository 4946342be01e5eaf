"""`emoney privacy breach` and `emoney privacy exposure`, as a data protection officer uses them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from commands import Command


@pytest.fixture
def run(command: Command) -> Command:
    """Runs `emoney privacy ...`; gives exit code, standard output and standard error."""

    return lambda *arguments: command("privacy", *arguments)


def entered(run: Command, hours_ago: float, *more: str) -> dict[str, Any]:
    noticed = (datetime.now(UTC) - timedelta(hours=hours_ago)).strftime("%Y-%m-%dT%H:%M:%S")
    code, out, err = run(
        "breach", "register", "--noticed-at", noticed, "--what", "a laptop was lost",
        "--category", "identity", "--category", "contact", "--subjects", "3", "--measures", "wiped",
        "--json", *more,
    )  # fmt: skip
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_list_shows_the_hours_left_and_fails_only_when_overdue(run: Command) -> None:
    assert run("breach", "list", "--json")[:2] == (0, "[]\n")
    running = entered(run, 1)
    code, out, _ = run("breach", "list")
    assert code == 0
    assert running["breach_id"] in out
    overdue = entered(run, 80)
    code, out, _ = run("breach", "list", "--json")
    assert code == 1
    assert [(each["breach_id"], each["standing"]) for each in json.loads(out)] == [
        (overdue["breach_id"], "overdue"),
        (running["breach_id"], "running"),
    ]
    notified = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    late = ("--notified-at", notified, "--late-reason", "found by an audit")
    assert run("breach", "amend", overdue["breach_id"], *late)[0] == 0
    assert run("breach", "list")[0] == 0


def test_a_bad_entry_ends_with_one_line(run: Command) -> None:
    code, out, err = run(
        "breach", "register", "--noticed-at", "2020-01-01", "--what", "x", "--category", "shoe size",
        "--subjects", "3", "--measures", "x",
    )  # fmt: skip
    assert (code, out) == (1, "")
    assert "categories: one or more of" in err
    assert "shoe size" not in err


def test_the_view_of_a_period(run: Command) -> None:
    code, out, _ = run("breach", "--from", "2026-01-01", "--to", "2026-02-01", "--json")
    assert code == 0
    assert json.loads(out) == {
        "from": "2026-01-01T00:00:00+00:00",
        "to": "2026-02-01T00:00:00+00:00",
        "subjects": 0,
        "openings": 0,
        "opened": [],
    }
    assert run("breach", "--from", "2026-02-01", "--to", "2026-01-01")[0] == 1
    assert run("breach", "--from", "2026-02-01")[0] == 2
    assert run("breach")[0] == 2


def test_exposure_is_of_one_loss_at_a_time(run: Command) -> None:
    code, out, _ = run("exposure", "--stolen-dump", "--json")
    assert code == 0
    assert set(json.loads(out)) == {"exposed", "stays_sealed", "wrapped_keys", "subjects_of_keys", "indexes"}
    assert run("exposure")[0] == 2
    assert run("exposure", "--stolen-dump", "--lost-key", "k")[0] == 2
    code, _, err = run("exposure", "--lost-key", "k")
    assert code == 1
    assert "none yet" in err

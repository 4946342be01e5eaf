"""What the library logs: nothing until somebody listens, what an operator wants to know at INFO."""

import json
import logging
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from commands import Command

from emoney.jobs import installation, schedule, webhooks
from emoney.jobs.installation import Emoney
from emoney.jobs.webhooks import Webhook
from emoney.ledger import AccountKind, Database, Ledger
from emoney.ledger.base.errors import InvalidInput, Unavailable
from emoney.ledger.transfers import everyday as ops
from emoney.testing import open_without_limits


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What our loggers said since the last call, as `LEVEL name: text`."""
    caplog.set_level(logging.DEBUG, "emoney")

    def since() -> list[str]:
        lines = [
            f"{record.levelname} {record.name}: {record.getMessage()}"
            for record in caplog.records
            if record.name.split(".")[0] == "emoney"
        ]
        caplog.clear()
        return lines

    return since


def test_nothing_is_said_until_somebody_listens(home: Path, owner_url: str) -> None:
    script = f"""
import logging
from emoney import Emoney
with Emoney.open({owner_url!r}, settings={{"environment": "development"}}) as emoney:
    logging.getLogger("emoney.ledger").error("nobody hears")
root = logging.getLogger()
assert (root.handlers, root.level) == ([], logging.WARNING)
assert [type(each).__name__ for each in logging.getLogger("emoney").handlers] == ["NullHandler"]
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_opening_tells_the_home_and_the_key_provider(
    home: Path, owner_url: str, said: Callable[[], list[str]]
) -> None:
    with Emoney.open(owner_url):
        assert said() == [
            "INFO emoney.privacy.keys.choosing: keys are wrapped by the provider local",
            f"INFO emoney.jobs.installation: opened {home} on the operator's database, for development",
        ]


def test_a_change_of_the_schema_is_told_once(
    home: Path, server_url: str, said: Callable[[], list[str]]
) -> None:
    with psycopg.connect(server_url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE not_yet_made")
    try:
        url = psycopg.conninfo.make_conninfo(server_url, dbname="not_yet_made")
        assert installation.init(url)
        [line] = said()
        assert line.startswith("INFO emoney.jobs.migrate: schema: from nothing to ")
        assert not installation.init(url)
        assert said() == []
    finally:
        with psycopg.connect(server_url, autocommit=True) as owner:
            owner.execute("DROP DATABASE not_yet_made WITH (FORCE)")


def test_a_batch_refused_whole_is_told_with_its_kind_and_size(
    database: Database, said: Callable[[], list[str]]
) -> None:
    ledger = Ledger(database)
    ama = open_without_limits(ledger, AccountKind.CUSTOMER, "GHS", "ama")
    bad = ops.send(payer=ama, payee=ama, amount=1, currency="GHS")
    with pytest.raises(InvalidInput):
        ledger.post([bad, bad])
    assert [line for line in said() if "INFO" in line] == [
        "INFO emoney.ledger.ledger: batch of 2 transfers refused whole: SelfTransfer"
    ]


def test_a_deadlock_and_a_lost_connection_are_told_with_each_retry(
    database: Database, said: Callable[[], list[str]]
) -> None:
    ledger, tried = Ledger(database), []

    def work(connection: Any) -> int:
        tried.append(1)
        if len(tried) <= 2:
            connection.execute("DO $$ BEGIN RAISE deadlock_detected; END $$")
        if len(tried) == 3:
            connection.execute("DO $$ BEGIN RAISE admin_shutdown; END $$")
        return len(tried)

    assert ledger.run(work) == 4
    assert said() == [
        "INFO emoney.ledger.ledger: DeadlockDetected; retry 1 of 8",
        "INFO emoney.ledger.ledger: DeadlockDetected; retry 2 of 8",
        "INFO emoney.ledger.ledger: connection lost; retry 1 of 2",
    ]


def test_a_job_tells_its_begin_and_its_end_with_counts(
    home: Path, owner_url: str, said: Callable[[], list[str]]
) -> None:
    def fail(_emoney: Emoney, _observe: Any) -> dict[str, Any]:
        raise Unavailable("the text stays with the caller")

    with Emoney.open(owner_url) as emoney:
        said()
        schedule.find("expire-holds").run(emoney, lambda *_: None)
        assert said() == [
            "INFO emoney.jobs.schedule: job expire-holds begins",
            "INFO emoney.jobs.schedule: job expire-holds done: expired 0",
        ]
        with pytest.raises(Unavailable):
            schedule.Job("broken", "Fails", "* * * * *", fail).run(emoney, lambda *_: None)
        assert said()[-1] == "WARNING emoney.jobs.schedule: job broken failed: Unavailable"


def test_a_webhooks_retries_are_told(
    database: Database, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(database)
    bank = ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
    ama = open_without_limits(ledger, AccountKind.CUSTOMER, "GHS", "ama")
    assert ledger.post([ops.issue(funds=bank, wallet=ama, amount=5, currency="GHS", receipt="s")])[0].posted
    said()
    policy = webhooks.Policy(attempts_max=2, backoff_first_s=0.01)
    webhooks.deliver(
        database, Webhook("http://127.0.0.1:9/hush", (b"s" * 32,)), policy=policy, chance=random.Random(1)
    )
    first, last = said()
    failed = "could not connect or stay connected \\(ConnectionRefusedError\\)"
    assert re.fullmatch(
        f"INFO emoney.jobs.webhooks: event [0-9a-f-]{{36}}: attempt 1 failed: {failed}; retry in 0:00:00.*",
        first,
    )
    assert re.fullmatch(
        f"WARNING emoney.jobs.webhooks: event [0-9a-f-]{{36}}: given up at attempt 2: {failed}", last
    )


def test_the_command_line_logs_to_standard_error_where_asked(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = command("trial-balance", "--json")
    assert quiet.err == ""
    loud = command("--log-level", "info", "trial-balance", "--json")
    assert json.loads(loud.out) == json.loads(quiet.out)
    assert "INFO emoney.jobs.installation: opened" in loud.err
    monkeypatch.setenv("EMONEY_LOG_LEVEL", "INFO")
    assert "INFO emoney.jobs.installation: opened" in command("trial-balance", "--json").err
    monkeypatch.setenv("EMONEY_LOG_LEVEL", "loud")
    assert command("trial-balance").code == 2
    assert [type(each).__name__ for each in logging.getLogger("emoney").handlers] == ["NullHandler"]

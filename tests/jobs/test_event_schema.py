"""docs/events.schema.json: a schema of every kind of event that the code tells, as consumers read them.

That each payload is as it says is checked in every test, where it is recorded: `checked_payloads`.
"""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from event_schema import KINDS, SCHEMA, check_event
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from emoney.kyc.life.deaths import DeathStage
from emoney.kyc.life.dormancy import DormancyStage
from emoney.ledger import (
    AccountKind,
    Database,
    Ledger,
    LimitProfile,
    LimitRule,
    Money,
    Operation,
    account_changes,
    disputes,
    holds,
    profile_changes,
    transfers,
)
from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import Bound, Metric, OnExceed
from emoney.ledger.outbox import Consumer
from emoney.ledger.safeguarding.reconciliation import EventKind

ROOT = Path(__file__).resolve().parents[2]
SAID = {"actor": "a", "reason": "r"}
FAMILIES = ("hold", "dispute", "account", "period", "safeguarding", "wallet", "person", "breach")


def test_it_is_a_schema_of_a_version() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "urn:emoney:events:1"
    assert [each["$ref"].removeprefix("#/$defs/") for each in SCHEMA["oneOf"]] == list(SCHEMA["$defs"])


def test_it_names_the_kinds_that_the_code_tells_and_no_others() -> None:
    told = {"transfer.posted", "transfer.refused"}
    source = "".join(
        path.read_text(encoding="utf-8")
        for package in ("ledger", "privacy", "kyc")
        for path in (ROOT / package).rglob("*.py")
    )
    told |= set(re.findall(rf'"((?:{"|".join(FAMILIES)})\.[a-z_]+)"', source))
    told |= {f"safeguarding.{kind}" for kind in EventKind}
    told |= {f"wallet.dormancy_{stage.value}" for stage in DormancyStage}
    told |= {f"person.death_{stage.value}" for stage in DeathStage}
    made_of_parts = {f"hold.{each}" for each in ("placed", "released", "voided", "expired")}
    made_of_parts |= {f"dispute.{each}" for each in ("opened", "upheld", "rejected")}
    made_of_parts |= {
        f"account.{each}" for each in ("freeze", "unfreeze", "bounds", "parent", "profile", "close")
    }
    told = {kind for kind in told if kind.split(".")[0] not in ("hold", "dispute", "account")}
    assert told | made_of_parts == KINDS


def test_events_as_consumers_read_them_are_as_it_says(database: Database) -> None:
    ledger = Ledger(database)
    bank = ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank")
    shop, agent = (
        ledger.open_account(kind, "GHS", kind.value) for kind in (AccountKind.MERCHANT, AccountKind.AGENT)
    )
    load = transfers.issue(funds=bank, wallet=shop, amount=Money(10, "GHS"), receipt="slip")
    pay = transfers.send(
        payer=shop, payee=agent, amount=100, currency="GHS", operation=Operation.FLOAT, key="k"
    )
    ledger.post([load, pay, transfers.pay(payer=agent, merchant=shop, amount=9_999, currency="GHS")])
    until = system_clock() + timedelta(days=1)
    for id_, end in ((new_id(), holds.void), (new_id(), None)):
        holds.place(ledger, Hold(id_, shop, agent, 50, "GHS", Operation.FLOAT, until))
        if end is None:
            holds.capture(ledger, id_, new_id(), 20)
        else:
            end(ledger, id_)
    for number, decide in enumerate((disputes.reject, None)):
        id_ = new_id()
        disputes.open_dispute(ledger, pay.id, id_, 10, reason_code="1", expires_at=until, actor="a")
        if decide is None:
            disputes.uphold(ledger, id_, new_id(), 10 - number, **SAID)
        else:
            decide(ledger, id_, **SAID)
    account_changes.freeze(ledger, agent, debit=True, **SAID)
    account_changes.unfreeze(ledger, agent, debit=True, **SAID)
    account_changes.set_bounds(ledger, agent, floor=None, ceiling=10_000, **SAID)
    account_changes.move(ledger, agent, shop, **SAID)
    deny = LimitRule("one", Metric.SINGLE, Bound.CAPPED, 1, None, frozenset(), None, OnExceed.DENY, "text")
    with database.connection() as connection:
        limits = profiles.store(connection, LimitProfile("tier", "GHS", "UTC", (deny,)))
        profile_changes.put_under(connection, {agent: limits}, at=system_clock(), **SAID)
    events = [event.to_json() for event in Consumer(database, "schema").read(1_000)]
    seen = set()
    for event in events:
        check_event(event)
        seen.add(event["type"])
    assert len(seen) == 2 + 3 + 3 + 5
    with pytest.raises(ValidationError):
        check_event(events[0] | {"position": "1"})

"""Every kind of leaf: a row altered, removed or added is named."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from logs import Log

from emoney.ledger import Operation, account_changes, disputes, holds, periods, reversals, totals, two_persons
from emoney.ledger.base.ids import new_id

BY: dict[str, str] = {"actor": "ops-1", "reason": "test"}
ALTER = {
    "ledger.hold": "amount = amount + 1",
    "ledger.hold_event": "amount = amount + 1",
    "ledger.reversal": "reason = 'another'",
    "ledger.event": "payload = payload || '{\"odd\": 1}'",
    "ledger.dispute": "actor = 'nobody'",
    "ledger.dispute_outcome": "actor = 'nobody'",
    "ledger.closed_period": "actor = 'nobody'",
    "ledger.leaf_source": "fields = fields[1:1]",
    "ledger.account_change": "actor = 'nobody'",
    "ledger.kept_request": "reason = 'another'",
    "ledger.kept_request_decision": "actor = 'nobody'",
    "ledger.day_total": "transfers = transfers + 1",
    "ledger.kept_request_done": "done_at = done_at + interval '1 day'",
}


def live(log: Log) -> None:
    books, ledger = log.books, log.books.ledger

    def hold(amount: int) -> UUID:
        made = holds.Hold(
            new_id(),
            log.funds,
            log.payee,
            amount,
            "EUR",
            Operation.P2P,
            expires_at=books.now + timedelta(hours=1),
        )
        assert holds.place(ledger, made).posted
        return made.id

    paid, refunded = log.post(3), log.post(1)
    partly = hold(30)
    assert holds.capture(ledger, partly, new_id(), 10, release_rest=False).posted
    assert holds.capture(ledger, partly, new_id(), 10).posted
    holds.void(ledger, hold(5))
    hold(6)
    opened = disputes.open_dispute(
        ledger, paid[2], new_id(), reason_code="10.4", expires_at=books.now + timedelta(days=1), actor="x"
    )
    assert disputes.uphold(ledger, opened.transfer_id, new_id(), 1, **BY).posted
    assert reversals.refund(ledger, refunded[0], new_id(), 1, reason="returned").posted
    account_changes.freeze(ledger, log.payee, **BY)
    account_changes.unfreeze(ledger, log.payee, **BY)
    with ledger.database.connection() as connection:
        said: dict[str, Any] = {"reason": "test", "at": books.now}
        asked = two_persons.ask(connection, "destroy_key", "k", {}, actor="ops-1", **said)
        two_persons.approve(connection, asked, ["destroy_key"], actor="ops-2", **said)
        two_persons.done(connection, asked, at=books.now)
    periods.close(ledger, "2026-01", actor="accountant-1")
    books.now += timedelta(hours=2)
    assert holds.expire_due(ledger) == 1
    assert totals.make(ledger.database) is not None
    log.seal()
    log.check()


def named(log: Log, relation: str) -> set[str]:
    return {f.what for f in log.audit().findings if f.subject.startswith(relation)}


def count(log: Log, relation: str) -> int:
    with psycopg.connect(log.books.owner_url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("relation", ALTER)
def test_an_altered_row_is_named(lived: Log, relation: str) -> None:
    assert count(lived, relation)
    lived.books.owner(f"UPDATE {relation} SET {ALTER[relation]}")
    assert named(lived, relation) >= {"altered"}


@pytest.mark.parametrize("relation", ALTER)
def test_a_removed_row_is_named(lived: Log, relation: str) -> None:
    lived.books.owner(f"DELETE FROM {relation}")
    assert named(lived, relation) >= {"removed"}


COPY = {
    "ledger.hold": "id",
    "ledger.event": "id",
    "ledger.dispute": "id",
    "ledger.closed_period": "id",
}


@pytest.mark.parametrize("relation", COPY)
def test_an_added_row_is_named(lived: Log, relation: str) -> None:
    with psycopg.connect(lived.books.owner_url) as c:
        names = [
            n
            for (n,) in c.execute(
                "SELECT attname FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                " AND attgenerated = '' AND attidentity = ''",
                (relation,),
            )
        ]
    unique = {
        "id": f"'{new_id()}'",
        "name": "name || 'x'",
        "ends_at": "ends_at - interval '1 day'",
        "starts_at": "ends_at - interval '9 day'",
        "position": "position",
    }
    changed = unique if relation == "ledger.closed_period" else {"id": unique["id"]}
    lived.books.owner(
        f"INSERT INTO {relation} ({', '.join(names)}) SELECT"
        f" {', '.join(changed.get(name, name) for name in names)}"
        f" FROM {relation} LIMIT 1"
    )
    assert named(lived, relation) >= {"added"}

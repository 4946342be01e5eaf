"""A migrated database, used as an operator would."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from emoney.jobs.migrate import PACKAGES
from emoney.ledger import (
    AccountKind,
    Database,
    Ledger,
    NewAccount,
    Operation,
    Transfer,
    account_changes,
    disputes,
    periods,
    profile_changes,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits import profiles
from emoney.ledger.limits.rules import Bound, Direction, LimitProfile, LimitRule, Metric, OnExceed, Window
from emoney.ledger.receipts import Receipts
from emoney.ledger.reports.trial_balance import trial_balance

FLOW = LimitRule(
    "flow", Metric.FLOW, Bound.CAPPED, 50, Direction.OUT, frozenset(), Window.DAY, OnExceed.DENY, "text"
)
LIMITED = LimitProfile("tier", "EUR", "Europe/Brussels", (FLOW,))


def use(url: str, treasury: str | None = None) -> None:
    """Open accounts, post under limits, be refused, and take the trial balance, as an operator would.

    `treasury`: the login that records what arrived, where the one at `url` may only post.
    """
    funds, a, b, now = new_id(), new_id(), new_id(), datetime.now(UTC)
    database = Database(url)
    try:
        with database.connection() as connection:
            profile_id = profiles.store(connection, LIMITED)
            accounts.open_accounts(
                connection,
                [
                    NewAccount(funds, AccountKind.SAFEGUARDING, "EUR", now),
                    NewAccount(a, AccountKind.CUSTOMER, "EUR", now, str(a), new_id(), profile_id),
                    NewAccount(b, AccountKind.CUSTOMER, "EUR", now, profile_id=profile_id),
                ],
            )
        by = {"actor": "treasury-1", "reason": "credited"}
        Receipts(treasury or url).record(funds, "receipt", 100, "EUR", **by)
        sent = [
            Transfer(new_id(), funds, a, 100, "EUR", Operation.LOAD, "receipt"),
            Transfer(new_id(), a, b, 50, "EUR", Operation.P2P),
            Transfer(new_id(), a, b, 1, "EUR", Operation.P2P),
        ]
        ledger = Ledger(database)
        assert [outcome.posted for outcome in ledger.post(sent)] == [True, True, False]
        assert all(outcome.replayed for outcome in ledger.post(sent))
        change_accounts(ledger, a, b, sent[1].id)
        assert periods.close(ledger, "2026-01", actor="accountant-1").transfers == 0
        with database.connection() as connection:
            found = trial_balance(connection)
        assert found.balanced
        assert found.safeguarded
    finally:
        database.close()


def change_accounts(ledger: Ledger, a: UUID, b: UUID, paid: UUID) -> None:
    """Each change that an account can see but closing, and a dispute that is upheld in part."""
    actor: dict[str, str] = {"actor": "ops-1", "reason": "test"}
    account_changes.freeze(ledger, a, **actor)
    account_changes.unfreeze(ledger, a, **actor)
    account_changes.set_bounds(ledger, a, floor=None, ceiling=1000, **actor)
    account_changes.move(ledger, a, b, **actor)
    with ledger.database.connection() as connection:
        tighter = profiles.store(connection, replace(LIMITED, name="tighter"))
        now = ledger.clock()
        profile_changes.put_under(connection, {a: tighter}, at=now, **actor)
        accounts.set_metadata(connection, a, {"branch": "north"}, at=now)
    opened = disputes.open_dispute(
        ledger, paid, new_id(), reason_code="10.4", expires_at=ledger.clock() + timedelta(days=1), actor="x"
    )
    assert disputes.uphold(ledger, opened.transfer_id, new_id(), 20, **actor).posted


def schemas(url: str) -> set[str]:
    """Which of the packages have a schema."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", (list(PACKAGES),)
        )
        return {name for (name,) in rows}

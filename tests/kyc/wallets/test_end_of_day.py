"""Above a cap of the end of the day: tolerated until it ends, then found, told and stopped as configured."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import NewWallet, change_tier, open_wallets
from emoney.kyc.wallets import downgrade
from emoney.kyc.wallets.end_of_day import Ended, EndOfDay, Steps, end_of_day, listed, run
from emoney.ledger import Database, Ledger, Operation, Transfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.transfers.chart import AccountKind

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)  # 20:00 in Singapore
MIDNIGHT = datetime(2026, 6, 10, 16, tzinfo=UTC)
TODAY = date(2026, 6, 10)
SINGAPORE = PACKS.pack("sg-mas-2023")
TIER = "personal_payment_account"
CAP = f"sg-mas-2023/{TIER}/balance-per_person"
Open = Callable[[str], Any]


@pytest.fixture
def at(till: Open) -> Any:
    return till("SGD")


def wallet(at: Any, holder: UUID | None = None) -> UUID:
    account = new_id()
    with at.database.connection() as connection:
        open_wallets(connection, SINGAPORE, [NewWallet(account, str(account), TIER, NOW, holder or uuid4())])
    return account


def move(at: Any, payer: UUID, payee: UUID, minor: int, operation: Operation, when: datetime) -> None:
    """Posted at a moment, which is what a balance at the end of the day goes by."""
    sent = Transfer(new_id(), payer, payee, minor, "SGD", operation, "receipt")
    assert Ledger(at.database, lambda: when).post([sent])[0].posted


def events(database: Database) -> list[Any]:
    with database.connection() as connection:
        return connection.execute(
            "SELECT subject, payload FROM ledger.event WHERE kind = 'wallet.above_end_of_day_cap'"
            " ORDER BY position"
        ).fetchall()


def restriction(database: Database, account: UUID) -> Any:
    with database.connection() as connection:
        row = connection.execute(
            "SELECT restriction, restriction_cause FROM kyc.wallet WHERE account_id = %s", (account,)
        ).fetchone()
    assert row is not None
    return row[0]


def test_after_the_day_who_is_above_is_told_and_takes_no_credit(at: Any, database: Database) -> None:
    above, at_cap = wallet(at), wallet(at)
    assert at.load(above, "20000.01").posted
    assert at.load(at_cap, "20000").posted
    assert at.load(above, "1").posted  # the day has not ended
    assert run(database, MIDNIGHT - timedelta(seconds=1), packs=PACKS) == Ended(1, 2, 0, 0)  # yesterday's end
    assert restriction(database, above) is None
    assert run(database, MIDNIGHT, packs=PACKS) == Ended(1, 2, 1, 1)
    [(subject, told)] = events(database)
    assert subject == above
    assert (told["day"], told["rule"], told["cap"], told["held"]) == ("2026-06-10", CAP, 2_000_000, 2_000_101)
    assert (told["in_a_row"], told["step"]) == (1, "credits_stopped")
    assert at.load(above, "1").refusal.rule.endswith("/credits-stopped")
    assert at.send(above, "1", Operation.REDEEM_OWN_BANK).posted
    assert at.load(at_cap, "0.01").posted
    assert run(database, MIDNIGHT, packs=PACKS) == Ended()
    assert len(events(database)) == 1


def test_within_the_cap_again_the_restriction_goes(at: Any, database: Database) -> None:
    above = wallet(at)
    at.load(above, "20001")
    run(database, MIDNIGHT, packs=PACKS)
    assert downgrade.advance(database, MIDNIGHT, packs=PACKS) == downgrade.Advanced(1, 0, 0)  # still above
    assert at.send(above, "1", Operation.REDEEM_OWN_BANK).posted
    assert downgrade.advance(database, MIDNIGHT, packs=PACKS) == downgrade.Advanced(1, 0, 1)
    assert restriction(database, above) is None
    assert at.load(above, "5000").posted  # within the day it may be above again


def test_what_left_before_midnight_or_came_after_does_not_count(at: Any, database: Database) -> None:
    left, came = wallet(at), wallet(at)
    bank = at.parties[AccountKind.SAFEGUARDING]
    move(at, bank, left, 3_000_000, Operation.LOAD, NOW)
    move(at, left, bank, 1_000_000, Operation.REDEEM_OWN_BANK, MIDNIGHT - timedelta(microseconds=1))
    move(at, bank, came, 3_000_000, Operation.LOAD, MIDNIGHT)
    assert run(database, MIDNIGHT + timedelta(hours=1), packs=PACKS) == Ended(1, 2, 0, 0)
    # the next day ends with it above
    assert run(database, MIDNIGHT + timedelta(days=1), packs=PACKS) == Ended(1, 2, 1, 1)
    assert [subject for subject, _ in events(database)] == [came]


def test_a_person_is_measured_over_all_wallets(at: Any, database: Database) -> None:
    holder = uuid4()
    one, two, empty = (wallet(at, holder) for _ in range(3))
    at.load(one, "15000")
    at.load(two, "5000.01")
    assert run(database, MIDNIGHT, packs=PACKS) == Ended(1, 3, 2, 2)
    assert {subject for subject, _ in events(database)} == {one, two}
    assert restriction(database, empty) is None
    assert {told["held"] for _, told in events(database)} == {2_000_001}


def test_only_after_so_many_days_in_a_row_or_never(at: Any, database: Database) -> None:
    above = wallet(at)
    at.load(above, "20001")
    day = timedelta(days=1)

    def settled(days: int | None) -> EndOfDay:
        return EndOfDay(
            format="emoney-end-of-day/1", default=Steps(stop_credits_after_days=days, source="internal")
        )

    assert run(database, MIDNIGHT, steps=settled(2), packs=PACKS) == Ended(1, 1, 1, 0)
    assert run(database, MIDNIGHT + day, steps=settled(None), packs=PACKS) == Ended(1, 1, 1, 0)
    assert at.load(above, "1").posted
    assert run(database, MIDNIGHT + 2 * day, steps=settled(2), packs=PACKS) == Ended(1, 1, 1, 1)
    assert [told["in_a_row"] for _, told in events(database)] == [1, 2, 3]
    with database.connection() as connection:
        found = listed(connection, TODAY)
    assert [(each.day, each.step) for each in found] == [
        (date(2026, 6, 12), "credits_stopped"),
        (date(2026, 6, 11), "told"),
        (TODAY, "told"),
    ]


def test_days_without_a_run_are_made_up_for_and_a_stopped_run_goes_on(
    at: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [wallet(at) for _ in range(3)]
    for account in accounts:
        at.load(account, "20001")
    run(
        database, MIDNIGHT - timedelta(days=1), packs=PACKS
    )  # a first run, so that there is a day to go on from
    monkeypatch.setattr("emoney.ledger.base.paging.PAGE_ROWS", 2)
    seen: list[int] = []

    def stop(_phase: str, number: int, _of: int | None) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(database, MIDNIGHT + timedelta(days=2), progress=stop, packs=PACKS)
    assert seen == [2]
    done = run(database, MIDNIGHT + timedelta(days=2), packs=PACKS)
    assert (done.days, done.wallets, done.above, done.stopped) == (3, 9, 9, 1)
    assert len(events(database)) == 9
    assert run(database, MIDNIGHT + timedelta(days=2), packs=PACKS) == Ended()


def test_a_change_of_tier_within_the_day_restricts_nobody(at: Any, database: Database) -> None:
    above = wallet(at)
    at.load(above, "20001")
    with database.connection() as connection:
        assert not change_tier(connection, above, SINGAPORE, TIER, reason="x", evidence=(), at=NOW)
    assert restriction(database, above) is None


def test_the_records_are_append_only_and_an_unknown_step_is_refused(
    at: Any, database: Database, owner_url: str
) -> None:
    above = wallet(at)
    at.load(above, "20001")
    run(database, MIDNIGHT, packs=PACKS)
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for table in ("kyc.end_of_day_run", "kyc.end_of_day_excess"):
            for change in (f"UPDATE {table} SET day = day + 1", f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.Error, match="append-only"):
                    owner.execute(change)
    assert end_of_day().of("sg-mas-2023").stop_credits_after_days == 1

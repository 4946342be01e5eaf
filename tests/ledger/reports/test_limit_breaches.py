"""Limits that were passed are named by what passed them, whatever the wallet's profile is by now."""

import random
from datetime import timedelta
from uuid import UUID

import pytest
from books import Books, Force, profile, rule

from emoney.ledger import LimitProfile, Operation, Transfer, holds, reversals
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window
from emoney.ledger.reports import limit_breaches
from emoney.ledger.reports.verification import Breach, verify

OUT, IN = Direction.OUT, Direction.IN


def limits(books: Books) -> list[Breach]:
    with books.database.connection() as connection:
        return [each for each in verify(connection).breaches if each.transfer]


def test_of_each_window_the_transfer_that_passed_the_limit_first_is_named(books: Books, force: Force) -> None:
    limited = profile(rule(Metric.FLOW, 500, OUT, Window.DAY), rule(Metric.SINGLE, 400, OUT))
    payer, payee = books.funded(5_000, profile=limited), books.funded(10)
    books.posted(books.transfer(payer, payee, 300))
    first, second = force(payer, payee, 250), force(payer, payee, 10)
    books.now += timedelta(days=1)
    large = force(payer, payee, 450)
    books.now += timedelta(days=1)
    books.posted(books.transfer(payer, payee, 1))
    found = [(each.transfer, each.expected, each.found, each.beyond) for each in limits(books)]
    assert found == [(str(first), "500", "560", 60), (str(large), "400", "450", 50)]
    assert str(second) not in {transfer for transfer, *_ in found}


def test_a_limit_of_a_profile_that_a_wallet_is_under_no_longer_is_named(books: Books, force: Force) -> None:
    narrow, wide = (profile(rule(Metric.FLOW, most, OUT, Window.DAY), name=f"{most}") for most in (50, 9_000))
    payer, payee = books.funded(5_000, profile=narrow), books.funded(10)
    beyond = force(payer, payee, 80)
    books.now += timedelta(hours=1)
    books.set_profile(payer, wide)
    books.now += timedelta(hours=1)
    books.posted(books.transfer(payer, payee, 4_000))
    assert [(each.transfer, each.beyond) for each in limits(books)] == [(str(beyond), 30)]


def test_what_was_given_back_later_is_named_all_the_same(books: Books, force: Force) -> None:
    limited = profile(rule(Metric.FLOW, 100, OUT, Window.CALENDAR_MONTH))
    payer, payee = books.funded(5_000, profile=limited), books.funded(10)
    beyond = force(payer, payee, 130)
    books.now += timedelta(days=1)
    assert reversals.refund(books.ledger, beyond, new_id(), 130, reason="returned").posted
    assert [each.transfer for each in limits(books)] == [str(beyond)]


@pytest.mark.parametrize("window", [Window.ROLLING_30D, Window.ROLLING_12M])
def test_windows_that_roll_are_summed_by_what_had_been_posted(
    books: Books, force: Force, window: Window
) -> None:
    limited = profile(rule(Metric.FLOW, 100, OUT, window))
    payer, payee = books.funded(5_000, profile=limited), books.funded(10)
    books.posted(books.transfer(payer, payee, 90))
    books.now += timedelta(days=20)
    beyond = force(payer, payee, 20)
    (breach,) = limits(books)
    assert (breach.transfer, breach.beyond) == (str(beyond), 10)
    assert f"on {books.now.date()}" in breach.rule


def test_limits_of_a_person_and_of_a_payee_are_named(books: Books, force: Force) -> None:
    holder = new_id()
    limited = profile(
        rule(Metric.FLOW, 100, OUT, Window.DAY, Operation.P2P, scope=Scope.PERSON, name="person"),
        rule(Metric.FLOW, 70, OUT, Window.CALENDAR_YEAR, scope=Scope.PAYEE, name="payee"),
    )
    wallets = [books.funded(1_000, profile=limited) for _ in range(2)]
    for wallet in wallets:
        books.owner(f"UPDATE ledger.account SET holder = '{holder}' WHERE id = '{wallet}'")
    payees = [books.funded(10) for _ in range(3)]
    books.posted(books.transfer(wallets[0], payees[0], 60))
    of_person = force(wallets[1], payees[1], 50)
    books.now += timedelta(days=1)
    of_payee = force(wallets[0], payees[0], 20)
    found = [(each.rule.split()[0], each.transfer, each.beyond) for each in limits(books)]
    assert sorted(found) == [("payee", str(of_payee), 10), ("person", str(of_person), 10)]


def _varied(most: int) -> LimitProfile:
    return profile(
        rule(Metric.FLOW, most, OUT, Window.DAY),
        rule(Metric.COUNT, 6, OUT, Window.DAY),
        rule(Metric.FLOW, 4 * most, OUT, Window.ROLLING_30D),
        rule(Metric.FLOW, 5 * most, OUT, Window.CALENDAR_MONTH),
        rule(Metric.FLOW, 9 * most, IN, Window.CALENDAR_YEAR),
        rule(Metric.FLOW, 2 * most, OUT, Window.DAY, Operation.P2P, scope=Scope.PERSON),
        rule(Metric.COUNT, 20, OUT, Window.CALENDAR_MONTH, scope=Scope.PAYEE),
        rule(Metric.SINGLE, most // 2, OUT),
        rule(Metric.BALANCE, 20 * most, None),
        name=f"up to {most}",
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_the_ledger_itself_accepted_passes_no_limit(books: Books, seed: int) -> None:
    """Payments, late ones, holds, captures, releases, refunds and changes of profile, over two months."""
    chance, profiles = random.Random(seed), [_varied(100), _varied(160), _varied(60)]
    wallets = [books.funded(1_500, profile=chance.choice(profiles)) for _ in range(4)]
    open_holds: list[UUID] = []
    posted: list[Transfer] = []
    for _ in range(160):
        books.now += timedelta(minutes=chance.randrange(1, 1_200))
        payer, payee = chance.sample(wallets, 2)
        match chance.randrange(8):
            case 0:
                hold = holds.Hold(
                    new_id(),
                    payer,
                    payee,
                    chance.randrange(1, 60),
                    "EUR",
                    Operation.P2P,
                    books.now + timedelta(days=9),
                )
                if holds.place(books.ledger, hold).posted:
                    open_holds.append(hold.id)
            case 1 if open_holds:
                holds.capture(books.ledger, open_holds.pop(), new_id(), 1)
            case 2 if open_holds:
                holds.void(books.ledger, open_holds.pop())
            case 3 if posted:
                reversals.refund(books.ledger, posted.pop().id, new_id(), 1, reason="returned")
            case 4:
                books.set_profile(payer, chance.choice(profiles))
            case kind:
                at = books.now - timedelta(days=chance.randrange(1, 5)) if kind == 5 and posted else None
                made = books.transfer(payer, payee, chance.randrange(1, 55), at=at)
                if books.post(made)[0].posted:
                    posted.append(made)
    assert len(posted) > 10
    with books.database.connection() as connection:
        assert list(limit_breaches.passed(connection, None)) == []

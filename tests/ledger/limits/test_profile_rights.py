"""Storing a limit profile is a right apart from posting: who posts refers to those that stand."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID

import psycopg
import pytest
from books import Books, profile, rule
from psycopg import errors
from reader_logins import login_in

from emoney.ledger import POLICY_ROLE, AccountKind, Database, Ledger, profile_changes
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits import profiles
from emoney.ledger.limits.profiles import ProfilesDenied
from emoney.ledger.limits.rules import Bound, Direction, Metric, Window

STANDING = profile(rule(Metric.FLOW, 3_000_00, Direction.OUT, Window.DAY), name="standing")
MADE = profile(rule(Metric.FLOW, 9_000_000_00, Direction.OUT, Window.DAY), name="made")
UNLIMITED = profile(rule(Metric.FLOW, None, Direction.OUT, Window.DAY, bound=Bound.NONE), name="unlimited")
STORING = "SELECT ledger.store_profile_v1(%(made)s, 'made', 'EUR', 'UTC', '[]', 1)"


@pytest.fixture
def logins(books: Books) -> Iterator[dict[str, str]]:
    """The URLs of logins that are members of one role each."""
    roles = ("emoney_app", "emoney_import", "emoney_receipts", POLICY_ROLE)
    with ExitStack() as made:
        yield {role: made.enter_context(login_in(books.owner_url, f"only_{role}", [role])) for role in roles}


@pytest.fixture
def town(books: Books) -> dict[str, UUID]:
    """A wallet under the limits that stand, and the id of those that do not."""
    return {"wallet": books.funded(500_00, profile=STANDING), "made": new_id()}


ATTACKS = {
    "a profile inserted": "INSERT INTO ledger.limit_profile (id, name, currency, time_zone, rules)"
    " VALUES (%(made)s, 'made', 'EUR', 'UTC', '[]')",
    "the function called": STORING,
    "the role taken": f"SET ROLE {POLICY_ROLE}; {STORING}".replace("%(made)s", "gen_random_uuid()"),
    "the role set": f"SELECT set_config('role', '{POLICY_ROLE}', false)",
    "a rule inserted": "INSERT INTO ledger.limit_rule SELECT * FROM ledger.limit_rule",
    "a guard changed": "UPDATE ledger.guard SET day_most = '{}'",
    "a profile changed": "UPDATE ledger.limit_profile SET rules = '[]'",
    "a profile removed": "DELETE FROM ledger.limit_profile",
    "an account under what is not stored": "INSERT INTO ledger.account (id, kind, currency, opened_at, sign,"
    " floor, profile_id) VALUES (gen_random_uuid(), 'customer', 'EUR', now(), -1, 0, %(made)s)",
    "a wallet put under what is not stored": "INSERT INTO ledger.account_change (account_id, number, kind,"
    " profile_id, actor, reason, at) SELECT %(wallet)s, 1 + count(*), 'profile', %(made)s, 'x', 'x', now()"
    " FROM ledger.account_change WHERE account_id = %(wallet)s",
}


@pytest.mark.parametrize("role", ["emoney_app", "emoney_import", "emoney_receipts"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_other_login_makes_limits(
    books: Books, logins: dict[str, str], town: dict[str, UUID], role: str, attack: str
) -> None:
    before = books.dump()
    parameters = town if "%(" in ATTACKS[attack] else None
    with psycopg.connect(logins[role]) as login, pytest.raises(psycopg.Error) as refused:
        login.execute(ATTACKS[attack], parameters)
    assert isinstance(refused.value, errors.InsufficientPrivilege | errors.IntegrityError)
    assert books.dump() == before


@pytest.mark.parametrize("role", ["emoney_app", "emoney_import"])
def test_who_may_not_is_told_and_goes_on_under_those_that_stand(
    books: Books, logins: dict[str, str], town: dict[str, UUID], role: str
) -> None:
    database = Database(logins[role], role=role)
    ledger, before = Ledger(database, books.ledger.clock), books.dump()
    try:
        with pytest.raises(ProfilesDenied, match=r"profile made is not stored.* no member of emoney_policy"):
            ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-1", profile=MADE)
        assert books.dump() == before
        with database.connection() as connection:
            with pytest.raises(ProfilesDenied):
                profiles.store(connection, MADE)
            stands = profiles.store(connection, STANDING)
            change = {"actor": "ops-1", "reason": "again", "at": books.now}
            assert profile_changes.put_under(connection, {town["wallet"]: stands}, **change) == 0
        opened = ledger.open_account(AccountKind.CUSTOMER, "EUR", "w-1", profile=STANDING)
    finally:
        database.close()
    with psycopg.connect(books.owner_url) as owner:
        row = owner.execute("SELECT profile_id FROM ledger.account WHERE id = %s", (opened,)).fetchone()
    assert row == (stands,)


def test_the_policys_login_stores_and_does_nothing_else(
    books: Books, logins: dict[str, str], town: dict[str, UUID]
) -> None:
    policy = Database(logins[POLICY_ROLE], role=POLICY_ROLE)
    try:
        with policy.connection() as connection:
            assert profiles.store_all(connection, [MADE, STANDING, MADE, UNLIMITED]) == 2
            assert profiles.store_all(connection, [MADE, STANDING, UNLIMITED]) == 0
    finally:
        policy.close()
    with profiles.policy_connection(logins[POLICY_ROLE]) as connection:
        made = profiles.store(connection, MADE)
    for more in (
        "SELECT FROM ledger.account",
        "INSERT INTO ledger.limit_profile (id, name, currency, time_zone, rules)"
        " VALUES (gen_random_uuid(), 'made', 'EUR', 'UTC', '[]')",
        "INSERT INTO ledger.account_change (account_id, number, kind, profile_id, actor, reason, at)"
        f" VALUES ('{town['wallet']}', 9, 'profile', '{made}', 'x', 'x', now())",
        "SET ROLE emoney_app",
    ):
        with psycopg.connect(logins[POLICY_ROLE]) as login, pytest.raises(errors.InsufficientPrivilege):
            login.execute(more)
    application = Database(logins["emoney_app"])
    try:
        Ledger(application, books.ledger.clock).open_account(AccountKind.CUSTOMER, "EUR", "w-1", profile=MADE)
        with pytest.raises(ConfigurationError, match="emoney_policy"):
            Database(logins["emoney_app"], role=POLICY_ROLE).connection().__enter__()
    finally:
        application.close()
    assert books.usage_breaches() == []


def test_who_may_not_store_gets_no_connection_that_may(logins: dict[str, str]) -> None:
    with (
        pytest.raises(ProfilesDenied, match="a right apart from posting"),
        profiles.policy_connection(logins["emoney_app"]),
    ):
        raise AssertionError


def test_of_many_who_store_the_same_at_once_each_has_it(books: Books) -> None:
    many = [profile(rule(Metric.FLOW, most, Direction.OUT, Window.DAY)) for most in range(20)]

    def work(number: int) -> int:
        with books.database.connection() as connection:
            return profiles.store_all(connection, many if number % 2 else reversed(many))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) >= len(many)
    assert len(books.dump()["limit_profile"]) == len(many)

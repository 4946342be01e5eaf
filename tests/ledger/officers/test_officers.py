"""Officers: under their own logins they act in their own names, and nobody else does."""

import os
from collections.abc import Callable

import psycopg
import pytest
from officer_logins import PASSWORD, WHY, Hired, approve, as_officer, ask
from psycopg.errors import InsufficientPrivilege

from emoney.ledger import AccountKind, Database, Ledger, account_changes, officers
from emoney.ledger.base.errors import ConfigurationError, InvalidRequest, OfficerRefused
from emoney.ledger.base.postgres.database import connect
from emoney.ledger.officers import OfficerRole
from emoney.ledger.two_persons import SamePerson


def test_two_officers_decide_under_their_logins(owner_url: str, hired: Hired) -> None:
    maker, checker = hired("ama", "maker"), hired("kofi", "checker")
    with as_officer(owner_url, maker) as one:
        assert officers.acting(one) == maker
        request = ask(one, maker.name)
        one.commit()
        with pytest.raises(SamePerson):
            approve(one, request, maker.name)
    with as_officer(owner_url, checker) as other:
        assert approve(other, request, checker.name) == checker.name


@pytest.mark.parametrize("spelled", [str, str.upper])
def test_nobody_acts_under_an_officers_name(
    owner_url: str, database: Database, hired: Hired, spelled: Callable[[str], str]
) -> None:
    ama, kofi = hired("ama"), hired("kofi")
    ledger = Ledger(database)
    account = ledger.open_account(AccountKind.MERCHANT, "GHS", "a shop")
    with pytest.raises(OfficerRefused, match="only the login of"):
        account_changes.freeze(ledger, account, debit=True, credit=True, actor=spelled(ama.name), reason="x")
    with as_officer(owner_url, kofi) as connection:
        for actor in (spelled(ama.name), "clerk-7"):
            with pytest.raises(OfficerRefused, match=f"the login of officer {kofi.name}"):
                ask(connection, actor)
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM ledger.request").fetchone() == (0,)
    account_changes.freeze(ledger, account, debit=True, credit=True, actor="a job", reason="x")


def test_from_the_first_officer_on_nobody_else_asks_or_decides(
    owner_url: str, database: Database, hired: Hired
) -> None:
    with database.connection() as connection:
        before = ask(connection, "clerk-1")
    kofi = hired("kofi")
    with database.connection() as connection:
        for act in (lambda: ask(connection, "clerk-1"), lambda: approve(connection, before, "clerk-2")):
            with pytest.raises(OfficerRefused, match="under the logins of two officers"):
                act()
    with as_officer(owner_url, kofi) as connection:
        assert approve(connection, before, kofi.name) == kofi.name


def test_who_decides_has_a_role_for_it(owner_url: str, hired: Hired) -> None:
    maker, auditor = hired("ama", "maker"), hired("efua", "auditor", "dpo")
    with as_officer(owner_url, maker) as connection:
        request = ask(connection, maker.name)
    refused = pytest.raises(OfficerRefused, match="one of the roles checker, compliance_officer")
    with as_officer(owner_url, auditor) as connection, refused:
        approve(connection, request, auditor.name)
    changed = officers.change_roles(owner_url, auditor.name, ["checker"], **WHY)
    assert changed.roles == (OfficerRole.CHECKER,)
    with as_officer(owner_url, auditor) as connection:
        assert approve(connection, request, auditor.name) == auditor.name


def test_a_suspended_officer_is_out_at_once(owner_url: str, hired: Hired) -> None:
    ama = hired("ama")
    with as_officer(owner_url, ama) as connection:
        officers.suspend(owner_url, ama.name, **WHY)
        with pytest.raises(psycopg.OperationalError):
            ask(connection, ama.name)
    with pytest.raises(Exception, match="does not answer, or not to this user"):
        connect(officers.with_login(owner_url, ama.name, PASSWORD))
    assert officers.reinstate(owner_url, ama.name, **WHY).state == "active"
    with as_officer(owner_url, ama) as connection:
        ask(connection, ama.name)
        assert [(c.number, c.state) for c in officers.history(connection)] == [
            (3, "active"),
            (2, "suspended"),
            (1, "active"),
        ]


def test_a_session_that_outlives_its_suspension_does_nothing(owner_url: str, hired: Hired) -> None:
    """One that was not ended, as in another database of the server that was not asked."""
    ama = hired("ama")
    with as_officer(owner_url, ama) as connection, psycopg.connect(owner_url) as owner:
        owner.execute(
            "INSERT INTO ledger.officer_change (officer, number, state, roles, actor, reason)"
            " VALUES (%s, 2, 'suspended', '{checker}', 'owner', 'left')",
            (ama.name,),
        )
        owner.commit()
        with pytest.raises(OfficerRefused, match="is suspended"):
            ask(connection, ama.name)


ATTACKS = {
    "become an officer": "INSERT INTO ledger.officer (name, login) VALUES ('mallory', session_user)",
    "take a role": "INSERT INTO ledger.officer_change (officer, number, state, roles, actor, reason)"
    " SELECT name, 2, 'active', '{owner}', 'x', 'x' FROM ledger.officer",
    "rename a login": "UPDATE ledger.officer SET login = session_user",
    "make a login": "CREATE ROLE mallory LOGIN IN ROLE emoney_officer",
    "be another": "SET SESSION AUTHORIZATION postgres",
    "drop the comparison": "DROP TRIGGER actor ON ledger.request",
    "go round the comparison": "SET session_replication_role = replica",
    "decide anything": "UPDATE ledger.request_action SET deciders = '{maker}'",
    "erase what was decided": "DELETE FROM ledger.request_decision",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_officer_makes_itself_more(owner_url: str, hired: Hired, attack: str) -> None:
    ama = hired("ama", "maker")
    with psycopg.connect(officers.with_login(owner_url, ama.name, PASSWORD)) as connection:
        for role in (None, "emoney_app", "emoney_officer"):
            if role is not None:
                connection.execute(f"SET ROLE {role}")
            with pytest.raises(InsufficientPrivilege):
                connection.execute(ATTACKS[attack])
            connection.rollback()


def test_names_logins_and_passwords_are_checked(owner_url: str, hired: Hired) -> None:
    for name in ("", "Ama", "a b", "-a", "a" * 41, "ama; DROP", "\u0430ma"):
        with pytest.raises(InvalidRequest):
            officers.add(owner_url, name, ["checker"], PASSWORD, **WHY)
    for roles in ([], ["king"]):
        with pytest.raises(InvalidRequest):
            officers.add(owner_url, "ama", roles, PASSWORD, **WHY)
    with pytest.raises(InvalidRequest, match="a password has"):
        officers.add(owner_url, "ama", ["checker"], "short", **WHY)
    ama = hired("ama")
    with pytest.raises(InvalidRequest, match="already"):
        officers.add(owner_url, ama.name, ["checker"], PASSWORD, **WHY)
    with pytest.raises(InvalidRequest, match="no officer"):
        officers.suspend(owner_url, "nobody", **WHY)
    with psycopg.connect(owner_url) as owner:
        row = owner.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (ama.login,)).fetchone()
        assert row is not None
        assert row[0].startswith("SCRAM-SHA-256$")
        assert owner.execute("SELECT count(*) FROM ledger.officer").fetchone() == (1,)


def test_the_application_makes_no_officers(owner_url: str, hired: Hired) -> None:
    ama = hired("ama")
    with pytest.raises(ConfigurationError, match="the database's owner"):
        officers.add(
            officers.with_login(owner_url, ama.name, PASSWORD), f"x.{os.getpid()}", ["owner"], PASSWORD, **WHY
        )

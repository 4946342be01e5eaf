"""The embedded server's logins, each by logging in as it and trying to become more."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from emoney import Emoney
from emoney.jobs.importing import run_import
from emoney.jobs.installation import init
from emoney.kyc.evidence import providers
from emoney.ledger import AccountKind, Database, clock_policy, officers
from emoney.ledger.base.errors import OfficerRefused, Unavailable
from emoney.ledger.base.postgres import embedded
from emoney.ledger.base.postgres.logins import (
    ALSO,
    APPLICATION_ROLE,
    IMPORT_ROLE,
    LOGINS,
    MEMBERS,
    OWNER,
    RECEIPTS_ROLE,
    ROLES,
    SUPERUSER,
    as_owner,
    as_superuser,
    for_role,
    login_of,
)
from emoney.ledger.posting import partitions
from emoney.privacy.privileges import Reader

SECRET = "a-passphrase-that-nobody-reads"
SERVER_ONLY = {
    "PATH",
    "PWD",
    "PGDATA",
    "PGSYSCONFDIR",
    "PGLOCALEDIR",
    "PG_GRANDPARENT_PID",
    "OLDPWD",
    "LC_ALL",
}
"""What PostgreSQL's own programs set, beside the PATH that they are given."""


class House(NamedTuple):
    """A running embedded installation."""

    home: Path
    url: str

    def login(self, name: str) -> psycopg.Connection:
        """A connection as one of its logins, each statement a transaction of its own."""
        where = {"user": name, "passfile": str(self.home / "logins" / name)}
        return psycopg.connect(make_conninfo(self.url, **where), autocommit=True)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """An installation with its own server, started by a process that holds secrets in its environment."""
    home = Path(tempfile.mkdtemp(prefix="emoney-"))
    home.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EMONEY_DATABASE_URL", raising=False)
        patch.setenv("EMONEY_KEYRING_PASSPHRASE", SECRET)
        try:
            with Emoney.open(home=home) as opened:
                yield House(home.resolve(), opened.url)
        finally:
            assert embedded.stop(home)
            shutil.rmtree(home)


BECOME = [
    *(f"SET ROLE {role}" for role in (*ROLES, *LOGINS, *Reader, "emoney_officer")),
    *(f"SET SESSION AUTHORIZATION {login}" for login in LOGINS),
    *(
        f"GRANT {role} TO CURRENT_USER"
        for role in (*ROLES, OWNER, "pg_read_server_files", "pg_signal_backend")
    ),
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "CREATE ROLE another",
    f"ALTER ROLE {OWNER} PASSWORD 'known'",
    "SELECT * FROM pg_catalog.pg_authid",
]
SERVERS = [
    "SELECT pg_read_file('/proc/self/environ')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('base')",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "CREATE TEMP TABLE told (line text); COPY told FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/emoney-attack'",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'kept')",
    "ALTER SYSTEM SET log_statement = 'all'",
    "SELECT pg_reload_conf()",
    "SET log_statement = 'all'",
    "SET session_replication_role = replica",
    "LOAD 'auto_explain'",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity",
    "SELECT pg_switch_wal()",
    "CREATE DATABASE another",
]
MAKE = [
    "CREATE EXTENSION pg_trgm",
    "CREATE LANGUAGE another HANDLER plpgsql_call_handler",
    "CREATE SCHEMA another",
    "CREATE TABLE public.another ()",
    "CREATE FUNCTION public.another() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE TABLE ledger.another ()",
    "CREATE VIEW kyc.another AS SELECT 1",
    "CREATE TRIGGER another BEFORE INSERT ON ledger.transfer EXECUTE FUNCTION ledger.refuse_change()",
    "ALTER TABLE ledger.transfer DISABLE TRIGGER ALL",
    "ALTER DATABASE emoney SET search_path = public",
    "CREATE PUBLICATION another",
    "CREATE EVENT TRIGGER another ON ddl_command_start EXECUTE FUNCTION ledger.refuse_change()",
]


def may(role: str) -> set[str]:
    """What of BECOME a role's login may do: take its role, and be itself."""
    own = {f"SET ROLE {role}", f"SET ROLE {login_of(role)}", f"SET SESSION AUTHORIZATION {login_of(role)}"}
    own |= {f"SET ROLE {other}" for other in ALSO.get(role, ())}
    return own | ({f"SET ROLE {APPLICATION_ROLE}"} if role == IMPORT_ROLE else set())


@pytest.mark.parametrize("role", ROLES)
def test_a_login_becomes_nothing_but_its_own_role(house: House, role: str) -> None:
    done = set()
    for statement in (*BECOME, *SERVERS, *MAKE):
        for first in ("RESET ROLE", f"SET ROLE {role}", "SET SESSION AUTHORIZATION DEFAULT"):
            with house.login(login_of(role)) as connection:
                connection.execute(first.encode())
                try:
                    connection.execute(statement.encode())
                except psycopg.errors.InsufficientPrivilege:
                    continue
                done.add(statement)
    assert done == may(role)


def test_the_owner_is_no_superuser(house: House) -> None:
    done = set()
    theirs = [each for each in SERVERS if "_backend(" not in each]  # whose sessions it ends is its business
    for statement in (*theirs, f"SET ROLE {SUPERUSER}", f"ALTER ROLE {OWNER} SUPERUSER"):
        with house.login(OWNER) as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            done.add(statement)
    assert done == set()


def test_what_the_server_knows_of_the_logins(house: House) -> None:
    with house.login(SUPERUSER) as connection:
        flags = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
        found = {
            name: powers
            for name, *powers in connection.execute(
                f"SELECT rolname, {flags} FROM pg_roles WHERE rolcanlogin"
            )
        }
        memberships = connection.execute(
            "SELECT member::regrole::text, roleid::regrole::text FROM pg_auth_members "
            "WHERE member::regrole::text = ANY(%s)",
            [list(MEMBERS)],
        ).fetchall()
        roles = connection.execute(
            "SELECT DISTINCT rolname FROM pg_roles WHERE rolname ~ '^emoney_'"
        ).fetchall()
    assert found == {
        **{login: [False] * 5 for login in MEMBERS},
        OWNER: [False, True, False, False, False],
        SUPERUSER: [True] * 5,
    }
    assert sorted(memberships) == sorted(
        (login_of(role), each) for role in ROLES for each in (role, *ALSO.get(role, ()))
    )
    assert {name for (name,) in roles} == {*ROLES, *MEMBERS, OWNER, *Reader, "emoney_officer"}


def test_no_login_comes_in_without_its_password_or_to_another_database(house: House) -> None:
    for login in LOGINS:
        for password in ("", "known", login):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(make_conninfo(house.url, user=login, passfile="/dev/null", password=password))
    for login in (*MEMBERS, OWNER):
        for other in ("postgres", "template1"):
            where = {"user": login, "passfile": str(house.home / "logins" / login), "dbname": other}
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(make_conninfo(house.url, **where))


def test_the_servers_log_and_data_hold_no_password(house: House) -> None:
    files = [path.read_text().strip().rpartition(":")[2] for path in (house.home / "logins").iterdir()]
    assert len(set(files)) == len(LOGINS)
    log = (house.home / "postgres" / "log").read_text()
    with house.login(SUPERUSER) as connection:
        rows = connection.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin").fetchall()
    assert all(stored.startswith("SCRAM-SHA-256$") for _, stored in rows)
    assert not [each for each in files if each in log or each in str(rows)]


def test_files_of_passwords_are_their_users_alone(house: House) -> None:
    directory = house.home / "logins"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in directory.iterdir()} == set(LOGINS)
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_the_servers_processes_have_nothing_of_ours(house: House) -> None:
    with house.login(SUPERUSER) as connection:
        row = connection.execute("SELECT encode(pg_read_binary_file('/proc/self/environ'), 'hex')").fetchone()
        assert row is not None
        names = {each.partition(b"=")[0].decode() for each in bytes.fromhex(row[0]).split(b"\0") if each}
        assert SECRET.encode() not in bytes.fromhex(row[0])
        assert names <= SERVER_ONLY
        status = connection.execute("SELECT pg_read_file('/proc/self/status')").fetchone()
    assert status is not None
    lines = dict(line.split(":\t", 1) for line in status[0].splitlines() if ":\t" in line)
    if os.geteuid() == 0:
        assert "0" not in (*lines["Uid"].split(), *lines["Gid"].split(), *lines["Groups"].split())


@pytest.mark.skipif(os.geteuid() != 0, reason="without root the server is this user's")
def test_as_root_even_the_superuser_reads_no_key_and_no_password(house: House) -> None:
    with house.login(SUPERUSER) as connection:
        for path in [*(house.home / "keys").iterdir(), *(house.home / "logins").iterdir()]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT pg_read_file(%s)", [str(path)])


def test_each_role_is_logged_in_for_as_itself(house: House) -> None:
    for role in ROLES:
        database = Database(house.url, role=role)
        with database.connection() as connection:
            found = connection.execute("SELECT session_user::text, current_user::text").fetchone()
        database.close()
        assert found == (login_of(role), role)


def test_a_login_that_locked_itself_out_is_put_back_by_init(house: House) -> None:
    with house.login(login_of(APPLICATION_ROLE)) as connection:
        connection.execute("ALTER ROLE CURRENT_USER SET search_path = nowhere")
        connection.execute("ALTER ROLE CURRENT_USER PASSWORD 'another'")
    with pytest.raises(Unavailable):
        Emoney.open(home=house.home)
    init(home=house.home)
    with house.login(login_of(APPLICATION_ROLE)) as connection:
        assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)
    with Emoney.open(home=house.home) as opened:
        assert opened.ledger.open_account(AccountKind.SAFEGUARDING, "EUR", "bank-1")
        policy = clock_policy.ClockPolicy(late=timedelta(hours=1))
        clock_policy.set_policy(opened.url, policy, actor="ama", reason="offline")  # as the owner
        with opened.sole_connection() as connection:
            assert clock_policy.current(connection) == policy


def test_a_table_of_the_applications_own_is_made_by_the_owner(house: House) -> None:
    with Emoney.open(home=house.home) as opened:
        with psycopg.connect(opened.owner_url) as owner:
            owner.execute("CREATE TABLE shop_order (number text)")
            owner.execute(
                sql.SQL("GRANT INSERT ON shop_order TO {}").format(sql.Identifier(APPLICATION_ROLE))
            )
        with opened.database.connection() as connection:
            connection.execute("INSERT INTO shop_order VALUES ('1')")


def test_what_the_owner_sets_is_set_by_its_own_login(house: House) -> None:
    """Whatever takes the owner logs in as it, from the application's URL."""
    why = {"actor": "owner-1", "reason": "set up"}
    with Emoney.open(home=house.home) as opened:
        assert providers.register(opened.url, "acme-id", **why).active
        assert not providers.withdraw(opened.url, "acme-id", **why).active
        ama = officers.add(opened.url, "ama", ["checker"], "as long as it takes", **why)
        assert officers.suspend(opened.url, ama.name, **why).state == "suspended"
        with pytest.raises(OfficerRefused, match="only the login of ama"):
            officers.reinstate(opened.url, ama.name, actor="ama", reason="it is me")
        assert partitions.retire_claims(opened.url, datetime(2020, 1, 1, tzinfo=UTC)) == []


def test_a_url_of_another_kind_stands_as_it_is() -> None:
    for url in (
        "postgresql://wallet_backend@db.internal/wallets",
        "postgresql://emoney_app_login:secret@db.internal/wallets",
        "postgresql://emoney_app_login@db.internal/wallets?passfile=/run/passwords",
        "host=/tmp user=kofi passfile=/run/kofi",
    ):
        assert {for_role(url, IMPORT_ROLE), as_owner(url), as_superuser(url)} == {url}


def test_a_url_of_the_house_is_each_roles_own() -> None:
    url = "postgresql://emoney_app_login@db.internal/wallets?passfile=/run/logins/emoney_app_login"
    for found, login in (
        (for_role(url, RECEIPTS_ROLE), "emoney_receipts_login"),
        (for_role(for_role(url, IMPORT_ROLE), APPLICATION_ROLE), "emoney_app_login"),
        (as_owner(url), OWNER),
    ):
        given = conninfo_to_dict(found)
        assert (given["user"], given["passfile"]) == (login, f"/run/logins/{login}")
        assert (given["host"], given["dbname"]) == ("db.internal", "wallets")
    assert for_role(url, None) == for_role(url, "emoney_auditor") == url
    assert for_role(as_owner(url), IMPORT_ROLE) == as_owner(url)


def test_a_history_comes_in_by_the_imports_login(house: House, tmp_path: Path) -> None:
    accounts, transactions = tmp_path / "accounts.csv", tmp_path / "transactions.csv"
    accounts.write_text(
        "account_id,kind,kyc_tier,opened,customer_id,opening_balance\n"
        "A1,agent,2,2025-01-01,C1,1000.00\nW1,wallet,1,2025-02-01,C2,50.00\n"
    )
    transactions.write_text(
        "tx_id,ts,type,amount,from_account,to_account\nT1,2025-03-01T10:00:00,CASH_IN,10.00,A1,W1\n"
    )
    with Emoney.open(home=house.home) as opened:
        done = run_import(
            opened.database, transactions, accounts_file=accounts, format="mobile-money", currency="GHS"
        )
        assert (done.accounts_created, done.openings_posted, done.posted) == (2, 2, 1)

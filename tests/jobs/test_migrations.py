"""The schema goes up, down and up again with rows in it, on the embedded server and on others' servers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import copy_of
from dumping import dumped
from reader_logins import login_in
from sqlalchemy import Integer, String, TypeDecorator, create_engine
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.sqltypes import _Binary
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from jobs.migrate import PACKAGES, downgrade, is_current, upgrade
from kyc import Enrolment
from ledger import (
    AccountKind,
    Database,
    Ledger,
    NewAccount,
    Operation,
    Transfer,
    account_changes,
    accounts,
    disputes,
    periods,
    posting,
    profiles,
)
from ledger.database import connect
from ledger.errors import ConfigurationError, SplitGroup
from ledger.ids import new_id
from ledger.limits import Bound, Direction, LimitProfile, LimitRule, Metric, OnExceed, Window
from ledger.trial_balance import trial_balance
from privacy import Vault, open_keyring

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def use(url: str) -> None:
    """Open accounts, post under limits, be refused, and take the trial balance, as an operator would."""
    flow = LimitRule(
        "flow", Metric.FLOW, Bound.CAPPED, 50, Direction.OUT, frozenset(), Window.DAY, OnExceed.DENY, "text"
    )
    limited = LimitProfile(
        "tier", "EUR", "Europe/Brussels", (flow,), frozenset({(Direction.OUT, Window.DAY)})
    )
    funds, a, b = new_id(), new_id(), new_id()
    database = Database(url)
    try:
        with database.connection() as connection:
            profile_id = profiles.store(connection, limited)
            accounts.open_accounts(
                connection,
                [
                    NewAccount(funds, AccountKind.SAFEGUARDING, "EUR", NOW),
                    NewAccount(a, AccountKind.CUSTOMER, "EUR", NOW, str(a), new_id(), profile_id),
                    NewAccount(b, AccountKind.CUSTOMER, "EUR", NOW),
                ],
            )
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
    by: dict[str, str] = {"actor": "ops-1", "reason": "test"}
    account_changes.freeze(ledger, a, **by)
    account_changes.unfreeze(ledger, a, **by)
    account_changes.set_bounds(ledger, a, floor=None, ceiling=1000, **by)
    account_changes.move(ledger, a, b, **by)
    with ledger.database.connection() as connection:
        accounts.set_metadata(connection, a, {"branch": "north"}, at=NOW)
    opened = disputes.open_dispute(
        ledger, paid, new_id(), reason_code="10.4", expires_at=ledger.clock() + timedelta(days=1), actor="x"
    )
    assert disputes.uphold(ledger, opened.transfer_id, new_id(), 20, **by).posted


def schema(url: str) -> list[tuple[Any, ...]]:
    """Everything the migrations make: columns, constraints, indexes, triggers, functions, grants."""
    ours = "('ledger', 'privacy', 'kyc', 'aml')"
    with psycopg.connect(url) as connection:
        return [
            row
            for query in (
                "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default"
                f" FROM information_schema.columns WHERE table_schema IN {ours}",
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                f" WHERE connamespace::regnamespace::text IN {ours}",
                f"SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname IN {ours}",
                "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger"
                " WHERE NOT tgisinternal",
                "SELECT oid::regprocedure::text, prosrc, proacl::text FROM pg_proc"
                f" WHERE pronamespace::regnamespace::text IN {ours}",
                "SELECT grantee, table_schema, table_name, column_name, privilege_type"
                " FROM information_schema.column_privileges"
                f" WHERE grantee LIKE 'emoney_%' AND table_schema IN {ours}",
                "SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity",
                "SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check"
                " FROM pg_policies",
                "SELECT version_num FROM public.alembic_version",
            )
            for row in sorted(connection.execute(query).fetchall(), key=repr)
        ]


def schemas(url: str) -> set[str]:
    """Which of the packages have a schema."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", (list(PACKAGES),)
        )
        return {name for (name,) in rows}


@pytest.fixture
def bare_url(server_url: str) -> Iterator[str]:
    """An empty database without any schema, as its owner."""
    with copy_of(server_url, "template0") as url:
        yield url


def test_up_down_and_up_again_with_rows(bare_url: str) -> None:
    assert not is_current(bare_url)
    assert upgrade(bare_url)
    assert is_current(bare_url)
    assert schemas(bare_url) == set(PACKAGES)
    first = schema(bare_url)
    use(bare_url)
    downgrade(bare_url)
    assert not is_current(bare_url)
    assert schemas(bare_url) == set()
    with psycopg.connect(bare_url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
    assert left == [("alembic_version",)]
    assert upgrade(bare_url)
    assert schema(bare_url) == first
    use(bare_url)


def test_going_up_twice_changes_nothing(owner_url: str) -> None:
    use(owner_url)
    before = schema(owner_url)
    assert not upgrade(owner_url)
    assert schema(owner_url) == before
    use(owner_url)


def test_many_going_up_at_once_go_up_once(bare_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(upgrade, [bare_url] * 4))
    assert sorted(changed) == [False, False, False, True]
    use(bare_url)


def test_a_migration_that_fails_leaves_nothing(bare_url: str) -> None:
    with psycopg.connect(bare_url) as connection:
        connection.execute("CREATE SCHEMA aml")
    with pytest.raises(Exception, match="aml"):
        upgrade(bare_url)
    assert schemas(bare_url) == {"aml"}
    with psycopg.connect(bare_url) as connection:
        connection.execute("DROP SCHEMA aml")
    assert upgrade(bare_url)
    use(bare_url)


def kind_of(column_type: TypeEngine[Any]) -> type | None:
    """Whole number, text or bytes, whatever the width and whoever wraps it; None for other types."""
    if isinstance(column_type, TypeDecorator):
        return kind_of(column_type.impl_instance)
    if isinstance(column_type, DOMAIN):
        return kind_of(column_type.data_type)
    kinds: tuple[type, ...] = (Integer, String, _Binary)
    return next((kind for kind in kinds if isinstance(column_type, kind)), None)


def other_kind(
    _: object, __: object, ___: object, found: TypeEngine[Any], mapped: TypeEngine[Any]
) -> bool | None:
    """Whether two types differ in kind; None leaves it to Alembic."""
    kinds = kind_of(found), kind_of(mapped)
    return None if kinds == (None, None) else kinds[0] is not kinds[1]


def test_the_mapped_tables_are_the_tables(owner_url: str) -> None:
    """Column by column: what is mapped exists as mapped, and what exists is mapped, so declared."""
    for package in PACKAGES:
        import_module(f"{package}.tables")
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(owner_url), poolclass=NullPool)

    with psycopg.connect(owner_url) as owner:  # a partition is a part of a table, no table
        rows = owner.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'").fetchall()
    not_ours = {"alembic_version", *(name for (name,) in rows)}

    def ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:
        return kind in ("table", "column") and name not in not_ours

    def our_schemas(name: str | None, kind: str, _: object) -> bool:
        return kind != "schema" or name in PACKAGES

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": other_kind,
                "include_schemas": True,
                "include_object": ours,
                "include_name": our_schemas,
            },
        )
        differences = compare_metadata(context, SQLModel.metadata)
    # comments say nothing that a mapping could contradict
    assert [str(each) for each in differences if "_table_comment" not in str(each)] == []


# Servers that are not embedded.


def external_binaries() -> Path | None:
    """Where the binaries of a PostgreSQL of the machine's own lie, the oldest supported first."""
    for version in range(15, 19):
        found = Path(f"/usr/lib/postgresql/{version}/bin")
        if (found / "initdb").exists():
            return found
    if config := shutil.which("pg_config"):
        found = Path(subprocess.check_output([config, "--bindir"], text=True).strip())
        if (found / "initdb").exists():
            return found
    return None


@pytest.fixture(scope="module")
def external() -> Iterator[str]:
    """The URL of a throwaway server of the machine's own PostgreSQL, on a socket only, as its superuser."""
    binaries = external_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL of the machine's own: initdb of 15 to 18 is not there")
    place = Path(tempfile.mkdtemp(prefix="emoney-pg"))
    run: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": place}
    if os.geteuid() == 0:
        try:
            shutil.chown(place, user="postgres")
            run |= {"user": "postgres"}
        except LookupError:
            shutil.chown(place, user="nobody")
            run |= {"user": "nobody"}
    data, log = place / "data", place / "log"
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    subprocess.run(
        [str(binaries / "initdb"), "-D", str(data), "-U", "root_of_all", "-A", "trust", "-N", "-E", "UTF8"],
        **run,
    )
    try:
        subprocess.run(
            [*control, "-l", str(log), "-o", f"-c listen_addresses='' -k {place} -F", "start"], **run
        )
        try:
            yield f"postgresql://root_of_all@/postgres?host={place}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def operator(external: str) -> str:
    """A database that belongs to a login which is no superuser but may create roles, and has migrated it."""
    with psycopg.connect(external, autocommit=True) as connection:
        connection.execute("CREATE ROLE operator LOGIN CREATEROLE")
        connection.execute("CREATE ROLE backend LOGIN")
        connection.execute("CREATE ROLE stranger LOGIN")
        connection.execute("CREATE DATABASE wallets OWNER operator")
    url = external.replace("root_of_all@/postgres", "operator@/wallets")
    assert upgrade(url)
    with psycopg.connect(url) as connection:
        connection.execute("GRANT emoney_app TO backend")
    return url


def test_the_oldest_server_at_hand_runs_it(external: str) -> None:
    url = external.replace("postgresql://", "postgresql+psycopg://")
    assert upgrade(url)
    assert is_current(url)
    use(url)
    downgrade(url)
    assert upgrade(url)
    use(url)


def test_an_owner_who_is_no_superuser_is_enough(operator: str) -> None:
    assert is_current(operator)
    assert not upgrade(operator)
    use(operator)


def test_a_member_of_the_applications_role_runs_the_application(operator: str) -> None:
    member = operator.replace("operator@", "backend@")
    assert is_current(member)
    use(member)


def test_an_owner_who_is_no_superuser_stands_above_the_policies_and_a_reader_under_them(
    external: str, operator: str, home: Path
) -> None:
    database = Database(operator)
    try:
        with database.connection() as connection:
            desk = Enrolment(database, Vault(open_keyring(home, connection)))
        person = {"external_ref": "R-1", "currency": "GHS", "name": "Efua Quaye", "birth_date": "1987-03-14"}
        person |= {"phone": "+233201234567", "id_kind": "national_id", "id_number": "GHA-123456789-0"}
        enrolled = desk.enrol(person | {"address": "1 Palm Lane, Accra"})
    finally:
        database.close()
    assert b"R-1" in dumped(operator)
    superuser = external.replace("/postgres", "/wallets")
    with login_in(superuser, "packless", ["emoney_kyc_reader"]) as url, psycopg.connect(url) as reader:
        assert reader.execute("SELECT id FROM kyc.person").fetchall() == []
        with psycopg.connect(operator) as owner:
            owner.execute(
                "INSERT INTO privacy.reader_pack (reader, pack_id) VALUES (%s, %s)",
                (reader.info.user, enrolled.pack),
            )
        assert reader.execute("SELECT id FROM kyc.person").fetchall() == [(enrolled.person_id,)]


def test_one_who_is_no_member_is_told_so(operator: str) -> None:
    with pytest.raises(ConfigurationError, match="not a member"):
        use(operator.replace("operator@", "stranger@"))


def test_a_role_that_exists_already_needs_no_right_to_make_it(external: str, operator: str) -> None:
    with psycopg.connect(external, autocommit=True) as connection:
        connection.execute("CREATE ROLE modest LOGIN IN ROLE emoney_app")
        connection.execute("CREATE DATABASE modest OWNER modest")
    url = external.replace("root_of_all@/postgres", "modest@/modest")
    assert upgrade(url)
    use(url)


def test_claims_get_their_hashes_back_when_that_is_undone(owner_url: str, database: Database) -> None:
    books = Ledger(database)
    funds, wallet = (
        books.open_account(kind, "GHS", kind) for kind in (AccountKind.SAFEGUARDING, AccountKind.CUSTOMER)
    )
    moments = [None, *(datetime(2026, 1, 2, 3, 4, 5, micro, UTC) for micro in (0, 120_000, 123_456))]
    sent = [
        Transfer(new_id(), funds, wallet, 10 + n, "GHS", Operation.LOAD, f"slip|{n}é", effective_at=at)
        for n, at in enumerate(moments)
    ]
    sent.append(Transfer(new_id(), wallet, funds, 10**9, "GHS", Operation.REDEEM_CASH, group=new_id()))
    assert [outcome.posted for outcome in books.post(sent)] == [True] * len(moments) + [False]
    down = (Path(posting.__file__).parent / "migrations").glob("*.down.sql")
    with psycopg.connect(owner_url) as owner:
        for each in sorted((each for each in down if each.name >= "0019_claims"), reverse=True):
            owner.execute(each.read_bytes())
        stored = dict(owner.execute("SELECT id, content_hash FROM ledger.claim").fetchall())
    assert stored == {transfer.id: transfer.content_hash() for transfer in sent}


def test_events_after_a_return_to_single_steps_come_after_all_before(
    owner_url: str, database: Database
) -> None:
    books = Ledger(database)
    funds, wallet = (
        books.open_account(kind, "GHS", kind) for kind in (AccountKind.SAFEGUARDING, AccountKind.CUSTOMER)
    )
    refused = [Transfer(new_id(), wallet, funds, 1 + n, "GHS", Operation.REDEEM_CASH) for n in range(40)]
    assert not any(outcome.posted for outcome in books.post(refused))
    down = Path(posting.__file__).parent / "migrations" / "0024_order.down.sql"
    with psycopg.connect(owner_url) as owner:
        owner.execute(down.read_bytes())
        last, following = owner.execute(
            "SELECT max(position), nextval('ledger.event_position') FROM ledger.refusal"
        ).fetchall()[0]
    assert following > last


def test_groups_that_were_sent_before_groups_were_claimed_are_not_continued(
    owner_url: str, database: Database
) -> None:
    books = Ledger(database)
    funds, wallet = (
        books.open_account(kind, "GHS", kind) for kind in (AccountKind.SAFEGUARDING, AccountKind.CUSTOMER)
    )
    load = Transfer(new_id(), funds, wallet, 10, "GHS", Operation.LOAD, "slip", group=new_id())
    refused = Transfer(new_id(), wallet, funds, 11, "GHS", Operation.REDEEM_CASH, group=new_id())
    assert [outcome.posted for outcome in books.post([load, refused])] == [True, False]
    down, up = (
        (Path(posting.__file__).parent / "migrations" / f"0023_groups.{way}.sql").read_bytes()
        for way in ("down", "up")
    )
    with psycopg.connect(owner_url) as owner:
        owner.execute(down)
        claims = owner.execute("SELECT id FROM ledger.claim").fetchall()
        assert {claimed for (claimed,) in claims} == {load.id, refused.id}
        owner.execute(up)
    for sent in (load, refused):
        with pytest.raises(SplitGroup):
            books.post([replace(sent, id=new_id())])
        assert books.post([sent])[0].replayed
    with database.connection() as connection:
        assert trial_balance(connection).balanced


def test_entries_tell_their_side_again_when_that_is_undone(owner_url: str, database: Database) -> None:
    use(owner_url)
    books = Ledger(database)
    wallet = books.open_account(AccountKind.CUSTOMER, "EUR", "wallet")
    funds = books.open_account(AccountKind.SAFEGUARDING, "EUR", "bank")
    migrations = Path(posting.__file__).parent / "migrations"

    def run(way: str, *names: str) -> None:
        with psycopg.connect(owner_url) as owner:
            for name in names:
                owner.execute((migrations / f"{name}.{way}.sql").read_bytes())

    first = schema(owner_url)

    def entries(columns: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(owner_url) as owner:
            return owner.execute(
                f"SELECT {columns}, account_id, version, transfer_id, posted_at, balance_after"
                " FROM ledger.entry ORDER BY account_id, version"
            ).fetchall()

    signed = entries("amount")
    assert sorted(amount for amount, *_ in signed) == [-100, -50, -20, 20, 50, 100]
    run("down", "0026_singly", "0021_signed_entries")
    assert entries("direction * amount") == signed
    assert {(side, amount) for side, amount, *_ in entries("direction, amount")} == {
        (side, amount) for side in (1, -1) for amount in (20, 50, 100)
    }
    # the way of before posts and makes partitions, and what it left goes up again
    assert books.post([Transfer(new_id(), funds, wallet, 7, "EUR", Operation.LOAD, "slip")])[0].posted
    with psycopg.connect(owner_url) as owner:
        owner.execute("SELECT ledger.make_partitions_v1('2030-01-15', 1)")
    run("up", "0021_signed_entries", "0026_singly")
    with psycopg.connect(owner_url) as owner:
        owner.execute("SELECT ledger.make_partitions_v2('2030-02-15', 1)")
    assert [each for each in entries("amount") if each[1] not in (funds, wallet)] == signed
    assert {each[0] for each in entries("amount") if each[1] in (funds, wallet)} == {7, -7}
    months = ("2030_01", "2030_02")
    assert [row for row in schema(owner_url) if not any(month in repr(row) for month in months)] == first
    use(owner_url)

"""Which rows readers see, tried by logging in: each table whose rows are about a person, each way around."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import FeatureNotSupported
from reader_logins import login_in, refused

from emoney.ledger.base.postgres.database import Database
from emoney.privacy import privileges
from emoney.privacy.privileges import Decision, Lead, Reader, decisions

GHANA, KENYA = "gh-bog-2024", "ke-cbk-2023"
KEPT_BACK = {name: decision.rows for name, decision in decisions().items() if isinstance(decision.rows, dict)}
"""The tables whose rows are kept back, and how each row leads to a wallet."""


@dataclass(frozen=True)
class Holder:
    """A person with a wallet under `pack`, and evidence."""

    pack: str
    person: UUID = field(default_factory=uuid4)
    account: UUID = field(default_factory=uuid4)
    evidence: UUID = field(default_factory=uuid4)

    def leads(self, lead: Lead) -> list[UUID]:
        return {
            "person": [self.person],
            "account": [self.account],
            "evidence": [self.evidence],
            "subject": [self.person, self.account],
        }[lead]

    def known(self, table: str) -> dict[str, Any]:
        """What else a row about the holder says, so that other rows lead there."""
        if table == "kyc.wallet":
            return {"person_id": self.person, "pack_id": self.pack}
        return {"id": self.evidence} if table == "kyc.evidence" else {}


@dataclass(frozen=True)
class Rows:
    """A database with rows of two holders in every table; ids that lead to a wallet, by table."""

    url: str
    ghana: Holder
    kenya: Holder

    def of(self, table: str, *holders: Holder) -> set[tuple[UUID, ...]]:
        """The rows all of whose columns lead to these holders."""
        [(lead, columns)] = KEPT_BACK[table].items()
        ids = [each for holder in holders for each in holder.leads(lead)]
        if len(columns) == 1:
            return {(each,) for each in ids}
        return {(one, other) for one in ids for other in ids}

    def give(self, reader_url: str, pack: str) -> None:
        with psycopg.connect(self.url) as owner:
            owner.execute(
                "INSERT INTO privacy.reader_pack (reader, pack_id) VALUES (%s, %s)",
                (conninfo_to_dict(reader_url)["user"], pack),
            )


def identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def leading(table: str) -> sql.Composed:
    """The columns that lead to a wallet."""
    [columns] = KEPT_BACK[table].values()
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def any_value(kind: str) -> Any:
    """Something that a column takes."""
    return {"uuid": uuid4(), "text": str(uuid4()), "bytea": b"sealed", "boolean": False, "jsonb": "{}"}.get(
        kind, "now" if kind.startswith(("timestamp", "date")) else "{}" if kind.endswith("[]") else 1
    )


def insert(owner: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    """A row of which only `row` matters: what else may not be missing is made up."""
    needed = owner.execute(
        "SELECT a.attname, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL) FROM pg_attribute a"
        " JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = %s::regclass AND a.attnum > 0"
        " AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND NOT a.attisdropped",
        (table,),
    ).fetchall()
    values = {name: any_value(kind) for name, kind in needed} | row
    owner.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        ),
        values,
    )


@pytest.fixture
def rows(owner_url: str) -> Rows:
    """Each table with rows about a holder in Ghana, one in Kenya, and, where rows are about two, both."""
    made = Rows(owner_url, Holder(GHANA), Holder(KENYA))
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")  # what rows otherwise demand of others
        for table, how in KEPT_BACK.items():
            for (name,) in owner.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", (table,)
            ).fetchall():
                owner.execute(
                    sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                        identifier(table), sql.Identifier(name)
                    )
                )
            [columns] = how.values()
            for holder in (made.ghana, made.kenya):
                for ids in made.of(table, holder):
                    insert(owner, table, dict(zip(columns, ids, strict=True)) | holder.known(table))
            together = made.of(table, made.ghana, made.kenya)
            for ids in together - made.of(table, made.ghana) - made.of(table, made.kenya):
                if len(columns) == 2:
                    insert(owner, table, dict(zip(columns, ids, strict=True)))
    return made


@pytest.fixture
def kyc_reader(logins: dict[Reader, str]) -> str:
    return logins[Reader.KYC]


def seen(connection: psycopg.Connection[Any], table: str) -> set[tuple[UUID, ...]]:
    query = sql.SQL("SELECT {} FROM {}").format(leading(table), identifier(table))
    found = connection.execute(query).fetchall()
    [counted] = connection.execute(
        sql.SQL("SELECT count(*) FROM {}").format(identifier(table))
    ).fetchone() or (None,)
    assert len(found) == len(set(found)) == counted
    return set(found)


def test_a_kyc_reader_sees_in_every_table_the_rows_of_the_packs_it_was_given(
    rows: Rows, kyc_reader: str
) -> None:
    def differing(*holders: Holder) -> list[str]:
        with psycopg.connect(kyc_reader) as reader:
            return [table for table in KEPT_BACK if seen(reader, table) != rows.of(table, *holders)]

    assert differing() == []
    rows.give(kyc_reader, GHANA)
    assert differing(rows.ghana) == []
    rows.give(kyc_reader, KENYA)
    assert differing(rows.ghana, rows.kenya) == []


def test_everyone_means_persons_without_a_wallet_too(rows: Rows, kyc_reader: str) -> None:
    walletless = Holder("none")
    with psycopg.connect(rows.url) as owner:
        insert(owner, "kyc.person", {"id": walletless.person})
    rows.give(kyc_reader, GHANA)
    rows.give(kyc_reader, KENYA)
    with psycopg.connect(kyc_reader) as reader:
        assert (walletless.person,) not in seen(reader, "kyc.person")
    rows.give(kyc_reader, "*")
    with psycopg.connect(kyc_reader) as reader:
        for table in KEPT_BACK.keys() - {"kyc.person"}:
            assert seen(reader, table) == rows.of(table, rows.ghana, rows.kenya), table
        assert (walletless.person,) in seen(reader, "kyc.person")


def test_the_application_and_the_auditor_see_every_row_and_the_analyst_none(
    rows: Rows, database: Database, logins: dict[Reader, str]
) -> None:
    audited = [table for table in KEPT_BACK if decisions()[table].auditor is not None]
    assert len(audited) > 15
    with (
        database.connection() as application,
        psycopg.connect(logins[Reader.AUDITOR]) as auditor,
        psycopg.connect(logins[Reader.ANALYST]) as analyst,
    ):
        for table in KEPT_BACK:
            everything = rows.of(table, rows.ghana, rows.kenya)
            assert seen(application, table) == everything, table
            count = sql.SQL("SELECT count(*) FROM {}").format(identifier(table))
            if table in audited:
                assert auditor.execute(count).fetchone() == (len(everything),), table
            else:
                assert refused(auditor, count), table
            assert refused(analyst, count), table


def test_the_application_writes_as_before_and_cannot_touch_the_policies(
    rows: Rows, database: Database
) -> None:
    with database.connection() as application:
        changed = application.execute("UPDATE kyc.wallet SET tier = 'enhanced'").rowcount
        assert changed == 2
        for change in (
            "ALTER TABLE kyc.person DISABLE ROW LEVEL SECURITY",
            "DROP POLICY given_packs ON kyc.person",
            "CREATE POLICY mine ON kyc.person USING (true)",
        ):
            assert refused(application, sql.SQL(change)), change
        with pytest.raises(FeatureNotSupported):  # why enrolment writes by INSERT
            application.execute("COPY kyc.person FROM STDIN")


# Ways around.


@pytest.fixture
def given_ghana(rows: Rows, kyc_reader: str) -> Iterator[psycopg.Connection[Any]]:
    """A KYC reader that was given one pack of two."""
    rows.give(kyc_reader, GHANA)
    with psycopg.connect(kyc_reader) as reader:
        yield reader


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM kyc.person",
        "SELECT p.id FROM kyc.wallet w JOIN kyc.person p ON p.id = w.person_id",
        "SELECT p.id FROM kyc.person p FULL JOIN kyc.wallet w ON p.id = w.person_id",
        "SELECT person_id FROM kyc.wallet UNION SELECT person_id FROM kyc.evidence",
        "SELECT p.id FROM kyc.person p, LATERAL (SELECT FROM kyc.wallet w WHERE w.person_id = p.id) own",
        "SELECT id FROM kyc.person TABLESAMPLE BERNOULLI (100)",
        "WITH every AS MATERIALIZED (TABLE kyc.person) SELECT id FROM every",
        "SELECT id FROM kyc.person WHERE id NOT IN (SELECT kyc.accounts_given_v1())",
        "SELECT id FROM kyc.person WHERE true OR id IS NULL",
        "SELECT coalesce(person_id, account_id) FROM kyc.wallet",
        "SELECT kyc.persons_given_v1()",
    ],
)
def test_no_query_leads_to_another_packs_rows(
    rows: Rows, given_ghana: psycopg.Connection[Any], query: str
) -> None:
    assert set(given_ghana.execute(query).fetchall()) == {(rows.ghana.person,)}


def test_another_packs_person_is_not_found_by_its_id(
    rows: Rows, given_ghana: psycopg.Connection[Any]
) -> None:
    for table in ("kyc.person", "kyc.consent", "ledger.request"):
        query = sql.SQL("SELECT FROM {} WHERE {} = %s").format(identifier(table), leading(table))
        assert given_ghana.execute(query, [rows.ghana.person]).rowcount == 1
        assert given_ghana.execute(query, [rows.kenya.person]).rowcount == 0


def test_a_copy_holds_the_rows_of_the_reader_only(rows: Rows, given_ghana: psycopg.Connection[Any]) -> None:
    for source in ("kyc.person (id)", "(SELECT id FROM kyc.person)"):
        with given_ghana.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.SQL(source))) as copy:
            assert b"".join(copy).decode().split() == [str(rows.ghana.person)]


def test_a_function_of_the_readers_own_is_not_shown_the_rows_that_are_kept_back(
    rows: Rows, given_ghana: psycopg.Connection[Any]
) -> None:
    given_ghana.execute(
        "CREATE FUNCTION pg_temp.tell(id uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
        " AS $$ BEGIN RAISE NOTICE '%', id; RETURN true; END $$"
    )
    told: list[str] = []
    given_ghana.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
    for query in (
        "SELECT count(*) FROM kyc.person WHERE pg_temp.tell(id)",
        "SELECT count(*) FROM kyc.person WHERE pg_temp.tell(id) OR id IS NULL",
        "SELECT count(*) FROM kyc.wallet w JOIN kyc.person p ON pg_temp.tell(p.id) AND p.id = w.person_id",
        "SELECT count(*) FROM kyc.person GROUP BY pg_temp.tell(id) HAVING bool_and(pg_temp.tell(id))",
    ):
        given_ghana.execute(query)
        assert set(told) == {str(rows.ghana.person)}, query
        told.clear()


def test_no_error_tells_of_a_row_that_is_kept_back(rows: Rows, given_ghana: psycopg.Connection[Any]) -> None:
    with psycopg.connect(rows.url) as owner:
        for holder, reference in ((rows.ghana, "1"), (rows.kenya, "kept back")):
            owner.execute("UPDATE kyc.person SET external_ref = %s WHERE id = %s", (reference, holder.person))
    # a number that cannot be read is quoted in the error
    query = "SELECT id FROM kyc.person WHERE external_ref::int = 1"
    assert given_ghana.execute(query).fetchall() == [(rows.ghana.person,)]


def test_another_role_or_setting_makes_no_other_login(
    rows: Rows, given_ghana: psycopg.Connection[Any], logins: dict[Reader, str]
) -> None:
    given_ghana.execute("SET ROLE emoney_kyc_reader")
    assert seen(given_ghana, "kyc.person") == {(rows.ghana.person,)}
    with psycopg.connect(rows.url) as owner:  # to the role's name, which no one logs in by, it means nothing
        owner.execute("INSERT INTO privacy.reader_pack VALUES ('emoney_kyc_reader', '*', 'x', now())")
    assert seen(given_ghana, "kyc.person") == {(rows.ghana.person,)}
    given_ghana.commit()
    for role in ("emoney_app", "emoney_auditor", "postgres"):
        assert refused(given_ghana, sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        assert refused(given_ghana, sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(role)))
    given_ghana.execute("SET row_security = off")
    for table in KEPT_BACK:  # refused outright
        assert refused(given_ghana, sql.SQL("TABLE {}").format(identifier(table))), table
    assert refused(given_ghana, sql.SQL("ALTER TABLE kyc.person DISABLE ROW LEVEL SECURITY"))
    assert refused(given_ghana, sql.SQL("DROP POLICY given_packs ON kyc.person"))


def test_statistics_tell_nothing_of_the_rows_kept_back(
    rows: Rows, given_ghana: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(rows.url, autocommit=True) as owner:
        owner.execute("ANALYZE kyc.person")
        known = "SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'kyc' AND tablename = 'person'"
        assert owner.execute(known).fetchone() == (True,)
    assert given_ghana.execute(known).fetchone() == (False,)


def test_a_further_readers_role_shows_a_kyc_reader_no_further_rows(rows: Rows) -> None:
    with login_in(rows.url, "both", [Reader.KYC, Reader.AUDITOR]) as url:
        rows.give(url, GHANA)
        with psycopg.connect(url) as reader:
            assert seen(reader, "kyc.person") == {(rows.ghana.person,)}


def test_a_stranger_with_a_grant_sees_no_row(rows: Rows) -> None:
    with login_in(rows.url, "stranger") as url:
        login = sql.Identifier(str(conninfo_to_dict(url)["user"]))
        with psycopg.connect(rows.url) as owner:
            owner.execute(sql.SQL("GRANT USAGE ON SCHEMA kyc TO {}").format(login))
            owner.execute(sql.SQL("GRANT SELECT ON kyc.person TO {}").format(login))
        with psycopg.connect(url) as stranger:
            assert seen(stranger, "kyc.person") == set()


def test_what_was_given_is_asked_once_a_query(rows: Rows, given_ghana: psycopg.Connection[Any]) -> None:
    """An InitPlan and a hashed SubPlan, in every table: nothing is called a row."""
    for table in KEPT_BACK:
        query = sql.SQL("EXPLAIN (COSTS off) SELECT FROM {}").format(identifier(table))
        plan = "\n".join(line for (line,) in given_ghana.execute(query).fetchall())
        [condition] = [line for line in plan.splitlines() if "Filter:" in line]
        assert "hashed SubPlan" in condition, plan
        assert "InitPlan" in plan, plan
        assert "_given_v1" not in condition, plan


# Held against the file.


def test_every_table_whose_rows_are_kept_back_has_its_policies(owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        assert privileges.unprotected(owner) == []
        under = owner.execute(
            "SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class WHERE relrowsecurity"
        ).fetchall()
        forced = owner.execute("SELECT FROM pg_class WHERE relforcerowsecurity").fetchall()
    assert {name for (name,) in under} == KEPT_BACK.keys()
    assert len(KEPT_BACK) > 25
    assert forced == []  # the owner dumps and restores all rows


CONDITION = "ALTER POLICY given_packs ON kyc.consent USING ((SELECT kyc.everyone_given_v1()) OR {})"


@pytest.mark.parametrize(
    "harm",
    [
        "ALTER TABLE kyc.consent DISABLE ROW LEVEL SECURITY",
        "DROP POLICY given_packs ON kyc.consent",
        "DROP POLICY application ON kyc.consent",
        "DROP POLICY readers ON kyc.consent",
        "ALTER POLICY given_packs ON kyc.consent USING (true)",
        "ALTER POLICY given_packs ON kyc.consent TO emoney_auditor",
        CONDITION.format("id IN (SELECT kyc.persons_given_v1())"),
        CONDITION.format("person_id IN (SELECT kyc.accounts_given_v1())"),
        "ALTER POLICY application ON kyc.consent USING (person_id IS NULL)",
    ],
)
def test_a_table_that_loses_its_policy_is_noticed_and_closed_to_kyc_readers(
    owner_url: str, kyc_reader: str, harm: str
) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute(harm)
        assert privileges.unprotected(owner) == ["kyc.consent"]
        assert privileges.differences(owner) == ["emoney_kyc_reader: kyc.consent"]
        assert privileges.apply(owner) == 1
        assert privileges.differences(owner) == []
    with psycopg.connect(kyc_reader) as reader:
        assert refused(reader, sql.SQL("SELECT FROM kyc.consent"))
        assert not refused(reader, sql.SQL("SELECT FROM kyc.person"))


def test_a_new_table_without_a_policy_is_noticed_and_stays_closed(
    owner_url: str, kyc_reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = decisions() | {"kyc.new_thing": Decision(kyc_reader="all", rows={"person": ("person_id",)})}
    monkeypatch.setattr(privileges, "decisions", lambda: decided)
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE TABLE kyc.new_thing (person_id uuid)")
        assert privileges.undecided(owner) == []
        assert privileges.unprotected(owner) == ["kyc.new_thing"]
        assert privileges.apply(owner) == 0
    with psycopg.connect(kyc_reader) as reader:
        assert refused(reader, sql.SQL("SELECT FROM kyc.new_thing"))

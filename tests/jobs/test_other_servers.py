"""Servers that are not embedded: other versions, and owners and members who are no superusers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dumping import dumped
from migrated import use
from reader_logins import login_in

from emoney.jobs.migrate import downgrade, is_current, upgrade
from emoney.kyc import Enrolment
from emoney.ledger import Database
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.receipts import ReceiptsDenied
from emoney.privacy import Vault, open_keyring


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
    use(operator)  # stores the limits, which the member may not
    with pytest.raises(ReceiptsDenied):
        use(member)
    use(member, treasury=operator)


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
        connection.execute("CREATE ROLE modest LOGIN IN ROLE emoney_app, emoney_policy, emoney_receipts")
        connection.execute("CREATE DATABASE modest OWNER modest")
    url = external.replace("root_of_all@/postgres", "modest@/modest")
    assert upgrade(url)
    use(url)

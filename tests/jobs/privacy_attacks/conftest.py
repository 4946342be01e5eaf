"""A login of the application's role, what it attacks, and officers."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from reader_logins import login_in

from emoney.ledger import (
    Database,
    clock_policy,
    officers,
)
from emoney.ledger.base.ids import new_id
from emoney.ledger.clock_policy import ClockPolicy
from emoney.privacy import Place, SealedField, Vault, open_keyring

Connected = psycopg.Connection[Any]
PASSWORD = "as long as it takes"
OFFICERS = {"actor": "owner", "reason": "set up"}


@pytest.fixture
def vault(database: Database, home: Any) -> Vault:
    with database.connection() as connection:
        return Vault(open_keyring(home, connection))


@pytest.fixture
def item(database: Database, vault: Vault) -> SealedField:
    subject = new_id()
    place = Place("kyc.person", "name", subject)
    with database.connection() as connection:
        raw = vault.seal(connection, subject=subject, place=place, value="Planted")
    return SealedField(subject, place, raw)


@pytest.fixture
def app(owner_url: str) -> Iterator[Connected]:
    """A login that is a plain member of the application's role."""
    with (
        login_in(owner_url, "attacker", ["emoney_app"]) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield connection


@pytest.fixture
def bounded(owner_url: str) -> None:
    """A policy on clocks as a new ledger has it."""
    clock_policy.set_policy(owner_url, ClockPolicy(), actor="owner", reason="as in operation")


@pytest.fixture
def hired(owner_url: str) -> Iterator[Callable[..., str]]:
    """Makes an officer with these roles; returns the URL of the login."""
    made = []

    def hire(name: str, *roles: str) -> str:
        officer = officers.add(owner_url, f"{name}.{os.getpid()}", roles, PASSWORD, **OFFICERS)
        made.append(officer)
        return officers.with_login(owner_url, officer.name, PASSWORD)

    yield hire
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for officer in made:
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(officer.login)))

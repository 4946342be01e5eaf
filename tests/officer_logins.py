"""Officers of a test: their logins are made, used, and gone with it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from emoney.ledger import officers, two_persons
from emoney.ledger.base.postgres.database import Connection, connect
from emoney.ledger.officers import Officer

PASSWORD = "as long as it takes"
ACTION = "lifting_limits"
WHY = {"actor": "owner", "reason": "set up"}

Hired = Callable[..., Officer]


@pytest.fixture
def hired(owner_url: str) -> Iterator[Hired]:
    """Makes officers, whose logins go with the test: they are the server's."""
    made: list[Officer] = []

    def hire(name: str, *roles: str) -> Officer:
        officer = officers.add(owner_url, f"{name}.{os.getpid()}", roles or ("checker",), PASSWORD, **WHY)
        made.append(officer)
        return officer

    yield hire
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for officer in made:
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(officer.login)))


@contextmanager
def as_officer(owner_url: str, officer: Officer) -> Iterator[Connection]:
    with connect(officers.with_login(owner_url, officer.name, PASSWORD), role="emoney_app") as connection:
        yield connection


def now() -> datetime:
    return datetime.now(UTC)


def ask(connection: Connection, actor: str) -> UUID:
    return two_persons.ask(connection, ACTION, uuid4(), {}, actor=actor, reason="needed", at=now())


def approve(connection: Connection, request: UUID, actor: str) -> str | None:
    approved = two_persons.approve(connection, request, [ACTION], actor=actor, reason="seen", at=now())
    return approved.decided_by

"""Logins in the roles of readers, each a member of nothing else, and what the server refuses them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege


@contextmanager
def login_in(owner_url: str, name: str, roles: Sequence[str] = ()) -> Iterator[str]:
    """The URL of a login that is a member of `roles`."""
    login = f"{name}_{os.getpid()}"
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(login)))
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'reader'").format(sql.Identifier(login)))
        for role in roles:
            owner.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login)))
    try:
        yield make_conninfo(owner_url, user=login, password="reader")
    finally:
        with psycopg.connect(owner_url, autocommit=True) as owner:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(login)))
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))


def refused(connection: psycopg.Connection[Any], query: sql.Composable, *also: type[psycopg.Error]) -> bool:
    """Whether the server refuses a statement for want of privilege; any error not in `also` is the test's."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(query)
    except (InsufficientPrivilege, *also):
        return True
    return False

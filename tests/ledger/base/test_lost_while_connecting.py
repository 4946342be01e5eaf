"""A database that goes away between taking a connection and giving it its role is unavailable, no more."""

from typing import Any

import psycopg
import pytest
from books import Books

from emoney.ledger import Database
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.base.postgres.cursors import CachingConnection


def test_a_connection_lost_before_it_has_its_role_is_told_as_lost(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets Unavailable sends the same ids again; a ConfigurationError would stop him."""
    connect = CachingConnection.connect

    def connected(*arguments: Any, **options: Any) -> psycopg.Connection[Any]:
        made = connect(*arguments, **options)
        monkeypatch.undo()
        books.terminate(f"pid = {made.info.backend_pid}")
        return made

    database = Database(books.owner_url)
    monkeypatch.setattr(CachingConnection, "connect", connected)
    with pytest.raises(Unavailable), database.connection():
        pass
    database.close()

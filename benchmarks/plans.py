"""How PostgreSQL answers what a function asks it: the statements as they are sent, and their plans."""

from collections.abc import Callable
from typing import Any

import psycopg

from emoney.ledger import Database
from emoney.ledger.base.postgres.database import Connection

Sent = tuple[Any, Any]
"""A statement and its parameters."""


def sent_by(database: Database, work: Callable[[Connection], object]) -> list[Sent]:
    """Run `work` on a connection; what it sent."""
    sent: list[Sent] = []

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> "Recording":
            sent.append((query, params))
            return super().execute(query, params, **options)

    with database.connection() as connection:
        usual, connection.cursor_factory = connection.cursor_factory, Recording
        try:
            work(connection)
        finally:
            connection.cursor_factory = usual
    return sent


def plan(database: Database, work: Callable[[Connection], object]) -> list[dict[str, Any]]:
    """The plan of each statement of `work`, as EXPLAIN gives it in JSON."""
    with database.connection() as connection:
        return [
            connection.execute("EXPLAIN (FORMAT JSON) " + query, params).fetchone()[0][0]["Plan"]  # type: ignore[index]
            for query, params in sent_by(database, work)
        ]


def explained(database: Database, work: Callable[[Connection], object]) -> str:
    """The plan of each statement of `work` as it ran, with how often each step did and the pages it read."""
    lines: list[str] = []
    with database.connection() as connection:
        for query, params in sent_by(database, work):
            for (line,) in connection.execute(
                "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) " + query, params
            ):
                if line.startswith("Planning"):
                    break
                lines.append(line)
    return "\n".join(lines)


def steps(planned: dict[str, Any]) -> list[dict[str, Any]]:
    """Every step of a plan, the outermost first."""
    return [planned, *(step for inner in planned.get("Plans", []) for step in steps(inner))]

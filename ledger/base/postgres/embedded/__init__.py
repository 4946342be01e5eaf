"""The embedded PostgreSQL, of a home that has no operator's own."""

from emoney.ledger.base.postgres.embedded.server import DATABASE, start, stop

__all__ = ["DATABASE", "start", "stop"]

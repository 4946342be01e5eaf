"""Coverage: which tables the proof log says nothing of, and why, by its sources and `data/leaves.yaml`."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from emoney import data
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.proofs.leaves import OWN_KINDS
from emoney.ledger.proofs.sources import declared

MISSING = "missing"
SCHEMAS = ["ledger", "privacy", "kyc", "aml"]

_queries = queries_beside(__file__)


@cache
def excuses() -> Mapping[str, Mapping[str, str]]:
    """For each ground, the tables that are no leaves on it, and why; MISSING is the ground of having none."""
    return MappingProxyType(data.read_yaml("leaves.yaml"))


def leaf_tables(connection: Connection) -> set[str]:
    """The tables whose rows are leaves."""
    return {f"ledger.{name}" for name, _ in OWN_KINDS.values()} | {
        source.relation for source in declared(connection)
    }


@reads_tuples
def tables(connection: Connection) -> list[str]:
    """Every table there is, leaf or not."""
    return [name for (name,) in connection.execute(_queries.tables.sql, {"schemas": SCHEMAS})]


def uncovered(connection: Connection) -> dict[str, str]:
    """The tables that the log should cover and does not, and what they are.

    One that is in no declaration is among them, whoever made it.
    """
    covered = leaf_tables(connection)
    known = {name for ground, named in excuses().items() if ground != MISSING for name in named}
    missing = excuses()[MISSING]
    return {
        name: missing.get(name, "a table that nothing declares")
        for name in tables(connection)
        if name not in covered and name not in known
    }

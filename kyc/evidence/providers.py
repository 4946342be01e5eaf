"""Providers: whose word evidence may rest on, other than that of two persons of the operator's.

The owner of the database registers each, with the states that it stands behind, the methods by which, how
sure these make it at most, and the only login that records its evidence, where there is one. The database
refuses verified evidence by any other; what was recorded before a withdrawal stands.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from emoney.kyc.errors import InvalidEvidence, UnregisteredProvider
from emoney.kyc.evidence.records import METHOD_MAX, VERIFIED, Assurance, EvidenceState
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import DEFAULT, Connection, owners_connection
from emoney.ledger.base.postgres.pool import PoolOptions
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples

METHODS_MAX = 100
LOGIN_MAX = 63

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as it stands. `methods`, `login`: None for any. `actor`: who registered it so, and why."""

    name: str
    active: bool
    gives: tuple[EvidenceState, ...]
    methods: tuple[str, ...] | None
    assurance: Assurance
    login: str | None
    actor: str
    reason: str
    at: datetime


@reads_tuples
def listed(connection: Connection) -> list[Provider]:
    """All providers as they stand, by name; those that were withdrawn, too."""
    return [_provider(row) for row in connection.execute(_queries.listed.sql)]


def register(
    url: str,
    name: str,
    *,
    actor: str,
    reason: str,
    gives: Collection[EvidenceState] = VERIFIED,
    methods: Collection[str] | None = None,
    assurance: Assurance = Assurance.HIGH,
    login: str | None = None,
    pool: PoolOptions = DEFAULT,
) -> Provider:
    """Let a provider verify evidence from now on, in just these ways. `url`: of the database's owner.

    Raises InvalidEvidence for ways that cannot be, InvalidRequest for a name that cannot be, and
    ConfigurationError for a login that may not register providers.
    """
    states = sorted(EvidenceState(each) for each in gives)
    if not states or not VERIFIED.issuperset(states):
        raise InvalidEvidence(f"a provider stands behind {' or '.join(sorted(VERIFIED))}")
    if methods is not None and not 1 <= len(methods) <= METHODS_MAX:
        raise InvalidEvidence(f"a provider gives evidence by 1 to {METHODS_MAX} methods, or by any")
    if any(not 1 <= len(each) <= METHOD_MAX or not each.isprintable() for each in methods or ()):
        raise InvalidEvidence(f"a method is named in 1 to {METHOD_MAX} printable characters")
    if login is not None and (not 1 <= len(login) <= LOGIN_MAX or not login.isprintable()):
        raise InvalidEvidence(f"a login of the database is named in 1 to {LOGIN_MAX} printable characters")
    known = Actor(name).lower()
    row = {
        "name": known,
        "gives": states,
        "methods": None if methods is None else sorted(methods),
        "assurance": Assurance(assurance).value,
        "login": login,
        "actor": Actor(actor),
        "reason": Reason(reason),
    }
    with _owned(url, pool) as connection:
        connection.execute(_queries.register.sql, row)
        return _demanded(connection, known)


def withdraw(url: str, name: str, *, actor: str, reason: str, pool: PoolOptions = DEFAULT) -> Provider:
    """Let a provider verify nothing from now on. Raises UnregisteredProvider, and as `register`."""
    row = {"name": Actor(name).lower(), "actor": Actor(actor), "reason": Reason(reason)}
    with _owned(url, pool) as connection:
        _demanded(connection, row["name"])
        connection.execute(_queries.withdraw.sql, row)
        return _demanded(connection, row["name"])


def _owned(url: str, pool: PoolOptions) -> AbstractContextManager[Connection]:
    return owners_connection(
        url, "This login may not register providers: it takes the URL of the database's owner.", pool
    )


def _demanded(connection: Connection, name: str) -> Provider:
    for each in listed(connection):
        if each.name == name:
            return each
    raise UnregisteredProvider(f"no provider {name} is registered")


def _provider(row: tuple[Any, ...]) -> Provider:
    name, state, gives, methods, assurance, *rest = row
    states = tuple(EvidenceState(each) for each in gives)
    known = None if methods is None else tuple(methods)
    return Provider(name, state == "active", states, known, Assurance(assurance), *rest)

"""Limit profiles in the database: stored once, by a right of its own, never edited, read through a cache."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

from psycopg.errors import InsufficientPrivilege
from psycopg.types.json import Jsonb

from emoney.ledger.base.errors import ConfigurationError, IntegrityViolation
from emoney.ledger.base.ids import content_id
from emoney.ledger.base.postgres.database import DEFAULT, Connection, in_role, sole_connection
from emoney.ledger.base.postgres.logins import POLICY_ROLE as POLICY_ROLE
from emoney.ledger.base.postgres.pool import PoolOptions
from emoney.ledger.base.postgres.savepoints import all_or_nothing, savepoint
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits import usage
from emoney.ledger.limits.rules import (
    Bound,
    Direction,
    LimitProfile,
    LimitRule,
    Metric,
    OnExceed,
    Scope,
    Window,
)
from emoney.ledger.limits.usage import Layout
from emoney.ledger.transfers.operations import Operation


class ProfilesDenied(ConfigurationError):
    """A limit profile that is not stored, and a login that may not store it: no member of `emoney_policy`."""


def store(connection: Connection, profile: LimitProfile) -> UUID:
    """The id of `profile`, which follows from its content; it is stored, unless it stands already.

    To store takes a right apart from posting: that the login is a member of POLICY_ROLE, whatever role the
    connection is in. Raises ProfilesDenied where it is not.
    """
    store_all(connection, [profile])
    return _id_of(_content(profile))


@all_or_nothing
def store_all(connection: Connection, profiles: Iterable[LimitProfile]) -> int:
    """As `store`, of many; returns how many did not stand yet."""
    rows = {_id_of(content): content for content in map(_content, profiles)}
    known = connection.execute("SELECT id FROM ledger.limit_profile WHERE id = ANY(%s)", (list(rows),))
    missing = sorted(rows.keys() - {row[0] for row in known})  # in one order, whoever stores
    if not missing:
        return 0
    statement = (
        "SELECT ledger.store_profile_v1(%(id)s, %(name)s, %(currency)s, %(time_zone)s, %(rules)s,"
        " %(fiscal_year_starts)s)"
    )
    new = [{**rows[each], "id": each, "rules": Jsonb(rows[each]["rules"])} for each in missing]
    denied = _denied(f"The limit profile {new[0]['name']} is not stored, and this")
    with (
        savepoint(connection, own=True),
        in_role(connection, POLICY_ROLE, denied),
        connection.cursor() as cursor,
    ):
        cursor.executemany(statement, new)
    return len(missing)


@contextmanager
def policy_connection(url: str, pool: PoolOptions = DEFAULT) -> Iterator[Connection]:
    """One transaction in the role that stores profiles. Raises ProfilesDenied, Unavailable."""
    try:
        with sole_connection(url, pool, role=POLICY_ROLE) as connection:
            yield connection
    except ConfigurationError as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        raise _denied("This") from error


def _denied(this: str) -> ProfilesDenied:
    return ProfilesDenied(
        f"{this} login may not store limit profiles: it is no member of {POLICY_ROLE}, a right apart from "
        "posting. Store what a policy pack allows with `emoney kyc pack store`, by a login that is, or as "
        "the owner of the database."
    )


def _content(profile: LimitProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "currency": profile.currency,
        "time_zone": profile.time_zone,
        "rules": [_rule_to_json(rule) for rule in profile.rules],
        "fiscal_year_starts": profile.fiscal_year_starts,
    }


def _id_of(content: dict[str, Any]) -> UUID:
    return content_id(json.dumps(content, sort_keys=True).encode())


def is_its_own(profile_id: UUID, profile: LimitProfile) -> bool:
    """Whether a profile stands under the id that follows from its content."""
    return profile_id == _id_of(_content(profile))


class ProfileCache:
    """Profiles by id, and how the database counts for them. They never change: what was read stays right.

    `per_person`: whether one of them has limits that all wallets of a holder share; `by_age`: whether one
    asks when a wallet was opened.
    """

    def __init__(self) -> None:
        self._known: dict[UUID, LimitProfile] = {}
        self._layouts: dict[UUID, Layout] = {}
        self.per_person = False
        self.by_age = False

    def get(self, connection: Connection, ids: Iterable[UUID]) -> dict[UUID, LimitProfile]:
        """The profiles of `ids`, reading from the database those not seen before."""
        missing = [profile_id for profile_id in set(ids) if profile_id not in self._known]
        if missing:
            found = load(connection, missing)
            for profile_id, profile in found.items():
                if not is_its_own(profile_id, profile):
                    raise IntegrityViolation(
                        f"limit profile {profile_id} is not what its id was made from: see `emoney verify`"
                    )
            slots = usage.layouts(connection, missing)
            for profile_id, profile in found.items():
                own, with_payee = slots.get(profile_id, ((), ()))
                self._layouts[profile_id] = Layout(tuple(own), tuple(with_payee), profile.fiscal_year_starts)
            self._known.update(found)
            self.per_person = any(profile.per_person for profile in self._known.values())
            self.by_age = any(profile.by_age for profile in self._known.values())
        return self._known

    def layout(self, profile_id: UUID) -> Layout:
        """How usage is counted for a profile that was read."""
        return self._layouts[profile_id]


@reads_tuples
def load(connection: Connection, ids: list[UUID]) -> dict[UUID, LimitProfile]:
    """The stored profiles of `ids`; unknown ids are left out."""
    rows = connection.execute(
        "SELECT id, name, currency, time_zone, rules, fiscal_year_starts"
        " FROM ledger.limit_profile WHERE id = ANY(%s)",
        (ids,),
    )
    return {row[0]: _profile(*row[1:]) for row in rows}


def _profile(
    name: str,
    currency: str,
    time_zone: str,
    rules: list[dict[str, Any]],
    fiscal_year_starts: int,
) -> LimitProfile:
    return LimitProfile(
        name, currency, time_zone, tuple(_rule_from_json(rule) for rule in rules), fiscal_year_starts
    )


def _rule_to_json(rule: LimitRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "metric": rule.metric.value,
        "bound": rule.bound.value,
        "amount": rule.amount,
        "direction": rule.direction.value if rule.direction else None,
        "operations": sorted(operation.value for operation in rule.operations),
        "window": rule.window.value if rule.window else None,
        "on_exceed": rule.on_exceed.value,
        "source": rule.source,
        "scope": rule.scope.value,
        "valid_from": rule.valid_from.isoformat() if rule.valid_from else None,
        "valid_to": rule.valid_to.isoformat() if rule.valid_to else None,
        "after_months": rule.after_months,
    }


def _rule_from_json(stored: dict[str, Any]) -> LimitRule:
    return LimitRule(
        id=stored["id"],
        metric=Metric(stored["metric"]),
        bound=Bound(stored["bound"]),
        amount=stored["amount"],
        direction=Direction(stored["direction"]) if stored["direction"] else None,
        operations=frozenset(Operation(operation) for operation in stored["operations"]),
        window=Window(stored["window"]) if stored["window"] else None,
        on_exceed=OnExceed(stored["on_exceed"]),
        source=stored["source"],
        scope=Scope(stored["scope"]),
        valid_from=_date_from_json(stored["valid_from"]),
        valid_to=_date_from_json(stored["valid_to"]),
        after_months=stored["after_months"],
    )


def _date_from_json(stored: str | None) -> date | None:
    return date.fromisoformat(stored) if stored else None

"""Limit profiles in the database: stored once, never edited, read through a cache."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from emoney.ledger.base.errors import IntegrityViolation
from emoney.ledger.base.ids import content_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits import usage
from emoney.ledger.limits.rules import (
    Bound,
    Counted,
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


@all_or_nothing
def store(connection: Connection, profile: LimitProfile) -> UUID:
    """Store `profile` unless it is there; returns its id, which follows from its content."""
    content = _content(profile)
    profile_id = _id_of(content)
    values = {key: Jsonb(value) if isinstance(value, list) else value for key, value in content.items()}
    connection.execute(
        "INSERT INTO ledger.limit_profile"
        " (id, name, currency, time_zone, rules, counted, counted_per_payee, fiscal_year_starts,"
        " payee_operations, counted_operations)"
        " VALUES (%(id)s, %(name)s, %(currency)s, %(time_zone)s, %(rules)s, %(counted)s,"
        " %(counted_per_payee)s, %(fiscal_year_starts)s, %(payee_operations)s, %(counted_operations)s)"
        " ON CONFLICT (id) DO NOTHING",
        values | {"id": profile_id},
    )
    return profile_id


def _content(profile: LimitProfile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "currency": profile.currency,
        "time_zone": profile.time_zone,
        "rules": [_rule_to_json(rule) for rule in profile.rules],
        "counted": _counted_to_json(profile.counted),
        "counted_per_payee": _counted_to_json(profile.counted_per_payee),
        "fiscal_year_starts": profile.fiscal_year_starts,
        "payee_operations": sorted(operation.value for operation in profile.payee_operations),
        "counted_operations": sorted([each.value, what.value] for each, what in profile.counted_operations),
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
        "SELECT id, name, currency, time_zone, rules, counted, counted_per_payee, fiscal_year_starts,"
        " payee_operations, counted_operations FROM ledger.limit_profile WHERE id = ANY(%s)",
        (ids,),
    )
    return {row[0]: _profile(*row[1:]) for row in rows}


def _profile(
    name: str,
    currency: str,
    time_zone: str,
    rules: list[dict[str, Any]],
    counted: list[list[str]],
    counted_per_payee: list[list[str]],
    fiscal_year_starts: int,
    payee_operations: list[str],
    counted_operations: list[list[str]],
) -> LimitProfile:
    return LimitProfile(
        name,
        currency,
        time_zone,
        tuple(_rule_from_json(rule) for rule in rules),
        _counted_from_json(counted),
        _counted_from_json(counted_per_payee),
        fiscal_year_starts,
        frozenset(Operation(operation) for operation in payee_operations),
        frozenset(
            (Direction(direction), Operation(operation)) for direction, operation in counted_operations
        ),
    )


def _counted_to_json(counted: Counted) -> list[list[str]]:
    return sorted([direction.value, window.value] for direction, window in counted)


def _counted_from_json(stored: list[list[str]]) -> Counted:
    return frozenset((Direction(direction), Window(window)) for direction, window in stored)


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

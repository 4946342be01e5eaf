"""Limit profiles in the database: stored once, never edited, read through a cache."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from ledger.database import Connection
from ledger.ids import content_id
from ledger.limits import Bound, Direction, LimitProfile, LimitRule, Metric, OnExceed, Window
from ledger.operations import Operation


def store(connection: Connection, profile: LimitProfile) -> UUID:
    """Store `profile` unless it is there; returns its id, which follows from its content."""
    rules = [_rule_to_json(rule) for rule in profile.rules]
    counted = sorted([direction.value, window.value] for direction, window in profile.counted)
    content = json.dumps([profile.name, profile.currency, profile.time_zone, rules, counted], sort_keys=True)
    profile_id = content_id(content.encode())
    connection.execute(
        "INSERT INTO ledger.limit_profile (id, name, currency, time_zone, rules, counted)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
        (profile_id, profile.name, profile.currency, profile.time_zone, Jsonb(rules), Jsonb(counted)),
    )
    return profile_id


class ProfileCache:
    """Profiles by id. They never change, so what was read once stays right."""

    def __init__(self) -> None:
        self._known: dict[UUID, LimitProfile] = {}

    def get(self, connection: Connection, ids: Iterable[UUID]) -> dict[UUID, LimitProfile]:
        """The profiles of `ids`, reading from the database those not seen before."""
        missing = [profile_id for profile_id in set(ids) if profile_id not in self._known]
        if missing:
            self._known.update(load(connection, missing))
        return self._known


def load(connection: Connection, ids: list[UUID]) -> dict[UUID, LimitProfile]:
    """The stored profiles of `ids`; unknown ids are left out."""
    rows = connection.execute(
        "SELECT id, name, currency, time_zone, rules, counted FROM ledger.limit_profile WHERE id = ANY(%s)",
        (ids,),
    )
    return {
        profile_id: LimitProfile(
            name,
            currency,
            time_zone,
            tuple(_rule_from_json(rule) for rule in rules),
            frozenset((Direction(direction), Window(window)) for direction, window in counted),
        )
        for profile_id, name, currency, time_zone, rules, counted in rows
    }


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
    )

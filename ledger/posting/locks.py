"""Locks: the accounts of a batch, locked and read in one statement, and the ids it claims.

Order: accounts first (and, under limits of a person, the other wallets of their holders), claims second, each
in id order. Whoever waits for a claim waits for someone who has all accounts, so there is no deadlock.
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from emoney.ledger.base.clock import Clock
from emoney.ledger.base.postgres import cursors as kept
from emoney.ledger.base.postgres.binary_arrays import EPOCH, Bytes, Uuids, packing
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.limits.rules import LimitProfile
from emoney.ledger.limits.usage import Usage
from emoney.ledger.posting.account_state import Accounts, AccountState, WriteMark
from emoney.ledger.posting.partitions import claiming

_queries = queries_beside(__file__)
_LOOK: str = _queries.look.sql

_LAST_POSTED, _PROFILE, _COUNTED, _RESERVED, _HOLDER, _WRITTEN = 13, 14, 15, 17, 18, 18

_Rows = list[tuple[Any, ...]]
"""An AccountState's first fields, when the account last posted as PostgreSQL sends it (reading times is
dear), its profile's id, its counters and their day, whether a hold reserves money on it or for it, and its
holder where siblings were locked, too."""


class Locked(NamedTuple):
    """Accounts under lock."""

    states: Accounts
    last_posted_at: datetime | None


@reads_tuples
def lock_and_claim(
    connection: Connection,
    accounts: Collection[UUID],
    contents: Mapping[UUID, bytes | None],
    profiles: ProfileCache,
) -> tuple[AbstractSet[UUID], Locked]:
    """Lock the accounts and claim the ids not seen before; gives these ids and the accounts.

    `contents`: the ids with the hashes of what is sent under them, None for a transfer's.
    """
    with claiming(), packing(connection).pipeline():
        siblings = profiles.per_person
        asked = _lock(connection, accounts, siblings=siblings)
        connection.pgconn.send_flush_request()  # this answer may come while the ids are claimed
        claimed = connection.execute(
            _queries.claim.sql,
            {
                "ids": Uuids.of(contents),
                "hashes": Bytes.of(contents.values()),
                "sent": len(contents),
            },
        )
        locked = _locked(connection, asked.fetchall(), profiles, siblings=siblings)
        taken = claimed.fetchone()
    return contents.keys() if taken is None or taken[0] is None else set(taken[0]), locked


@reads_tuples
def lock(connection: Connection, accounts: Collection[UUID], profiles: ProfileCache) -> Locked:
    """Lock the accounts; gives them as the lock finds them."""
    siblings = profiles.per_person
    rows = _lock(connection, accounts, siblings=siblings).fetchall()
    return _locked(connection, rows, profiles, siblings=siblings)


def posting_time(clock: Clock, locked: Locked) -> datetime:
    """The posting time for these accounts: never before what was last posted on one of them.

    So the entries of an account are in order of time even where two writers' clocks differ.
    """
    now = clock()
    return now if locked.last_posted_at is None else max(now, locked.last_posted_at)


def _lock(
    connection: Connection, accounts: Collection[UUID], *, siblings: bool
) -> psycopg.Cursor[tuple[Any, ...]]:
    statement = _queries.lock_with_siblings if siblings else _queries.lock_accounts
    return packing(connection).execute(statement.sql, {"accounts": Uuids.of(accounts)}, binary=True)


def _locked(connection: Connection, rows: _Rows, profiles: ProfileCache, *, siblings: bool) -> Locked:
    """The accounts that were locked, with siblings or without: other threads may have met limits since."""
    known = _profiles(connection, rows, profiles)
    if profiles.per_person and not siblings:  # the first limits of a person that this process meets
        return lock(connection, [row[0] for row in rows], profiles)
    states = _states(rows, known, profiles)
    if siblings:
        _join_siblings(states, rows)
    if profiles.by_age:
        _read_openings(connection, states)
    return Locked(states, _last_posted(rows))


def _profiles(connection: Connection, rows: _Rows, profiles: ProfileCache) -> Mapping[UUID, LimitProfile]:
    return profiles.get(connection, {row[_PROFILE] for row in rows if row[_PROFILE] is not None})


def _states(rows: _Rows, known: Mapping[UUID, LimitProfile], profiles: ProfileCache) -> Accounts:
    states: Accounts = {}
    for row in rows:
        state = states[row[0].int] = AccountState(*row[:_LAST_POSTED], profile=None)
        state.reserved = row[_RESERVED]
        if (profile_id := row[_PROFILE]) is not None:
            state.profile = known[profile_id]
            state.usage = Usage(profiles.layout(profile_id), row[_COUNTED], row[_COUNTED + 1])
    return states


def _last_posted(rows: _Rows) -> datetime | None:
    last = [int.from_bytes(row[_LAST_POSTED], signed=True) for row in rows if row[_LAST_POSTED]]
    return EPOCH + timedelta(microseconds=max(last)) if last else None


@reads_tuples
def look(connection: Connection, accounts: Collection[UUID], profiles: ProfileCache) -> Locked:
    """The accounts as they are now, with what their limits have counted, not locked."""
    rows = kept.rows(connection, _LOOK, {"accounts": Uuids.of(accounts)})
    states = _states(rows, _profiles(connection, rows, profiles), profiles)
    for row in rows:
        states[row[0].int].last_written_by = WriteMark(int.from_bytes(row[_WRITTEN]))
    if profiles.by_age:
        _read_openings(connection, states)
    return Locked(states, _last_posted(rows))


def _join_siblings(states: Accounts, rows: _Rows) -> None:
    """Wallets of one holder and currency share the limits that their profiles set per person."""
    families: dict[tuple[UUID, str], list[AccountState]] = {}
    for row in rows:
        state = states[row[0].int]
        if row[_HOLDER] is not None and state.profile is not None and state.profile.per_person:
            families.setdefault((row[_HOLDER], state.currency), []).append(state)
    for family in families.values():
        for state in family:
            state.siblings = tuple(other for other in family if other is not state)


def _read_openings(connection: Connection, states: Accounts) -> None:
    """When the wallets were opened whose profiles ask for their age."""
    asked = {state.id: state.profile for state in states.values() if state.profile and state.profile.by_age}
    rows = connection.execute(_queries.read_openings.sql, {"accounts": Uuids.of(asked)})
    for account_id, opened_at in rows:
        profile = asked[account_id]
        states[account_id.int].opened_on = profile.local_day(opened_at)

"""Refusals among many writers leave no trace: without them the same is posted, to the last byte."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from books import Books
from crash_load import Answer, Key, Town, keys, lane
from crash_writer import WAYS, work
from towns import opened

from emoney.ledger import Database, Operation, Transfer, holds, reversals
from emoney.ledger.holds import Hold
from emoney.ledger.limits.rules import Scope
from emoney.ledger.transfers.transfer import claim_of_group
from emoney.testing import copy_of

CURRENCIES, LANES, STEPS = ("EUR", "GHS"), 4, 50
"""Four lanes in each of the four ways: sixteen writers."""

ASIDE = ("xact", "position")
RULES = {"funds", "flow-out-lifetime", "account.ceiling", "account.frozen_debit", "linked"}


class Done(NamedTuple):
    """Something that was accepted, and how to do it again."""

    position: int
    again: Callable[[Books], bool]


def accepted(connection: psycopg.Connection[Any], after: int) -> list[Done]:
    """All that was accepted after a position, in the order in which accounts saw it."""
    return sorted([*_posted(connection, after), *_holds(connection, after)], key=lambda done: done.position)


def _posted(connection: psycopg.Connection[Any], after: int) -> list[Done]:
    """Each transfer or group, capture and refund. No other on its accounts comes in between a group's."""
    done: list[Done] = []
    groups: dict[UUID, list[Transfer]] = {}
    for (
        position,
        hold,
        released,
        original,
        reason,
        *content,
        operation,
        reference,
        group,
    ) in connection.execute(
        "SELECT t.position, e.hold_id, r.hold_id IS NOT NULL, b.original_id, b.reason, t.id, t.debit_account,"
        " t.credit_account, t.amount, t.currency, t.operation, t.reference, t.group_id"
        " FROM ledger.transfer AS t"
        " LEFT JOIN ledger.hold_event AS e ON e.transfer_id = t.id"
        " LEFT JOIN ledger.hold_event AS r"
        "  ON r.hold_id = e.hold_id AND r.number = e.number + 1 AND r.kind = 'released'"
        " LEFT JOIN ledger.reversal AS b ON b.transfer_id = t.id WHERE t.position > %s ORDER BY t.position",
        (after,),
    ):
        transfer = Transfer(*content, Operation(operation), reference, group)
        if hold:
            again = _capture(hold, transfer, release_rest=released)
        elif original:
            again = _refund(original, transfer, reason)
        elif group in groups:
            groups[group].append(transfer)
            continue
        else:
            again = _post(groups.setdefault(group or transfer.id, [transfer]))
        done.append(Done(position, again))
    return done


def _post(transfers: list[Transfer]) -> Callable[[Books], bool]:
    return lambda books: all(outcome.posted for outcome in books.ledger.post(transfers))


def _capture(hold: UUID, transfer: Transfer, *, release_rest: bool) -> Callable[[Books], bool]:
    taken = transfer.id, transfer.amount
    return lambda books: holds.capture(books.ledger, hold, *taken, release_rest=release_rest).posted


def _refund(original: UUID, transfer: Transfer, reason: str) -> Callable[[Books], bool]:
    given = transfer.id, transfer.amount
    return lambda books: reversals.refund(books.ledger, original, *given, reason=reason).posted


def _holds(connection: psycopg.Connection[Any], after: int) -> list[Done]:
    """Holds placed and voided."""
    done: list[Done] = []
    for position, kind, *content, operation, expires_at, reference in connection.execute(
        "SELECT e.position, e.kind, h.id, h.debit_account, h.credit_account, h.amount, h.currency,"
        " h.operation, h.expires_at, h.reference FROM ledger.event AS e"
        " JOIN ledger.hold AS h ON h.id = (e.payload->>'hold')::uuid"
        " WHERE e.kind IN ('hold.placed', 'hold.voided') AND e.position > %s",
        (after,),
    ):
        hold = Hold(*content, Operation(operation), expires_at, reference)
        done.append(Done(position, _place(hold) if kind == "hold.placed" else _void(hold.id)))
    return done


def _place(hold: Hold) -> Callable[[Books], bool]:
    return lambda books: holds.place(books.ledger, hold).posted


def _void(hold: UUID) -> Callable[[Books], bool]:
    return lambda books: holds.void(books.ledger, hold).remaining == 0


def rows(url: str) -> dict[str, list[str]]:
    """Every row but claims and refusals, with the numbers of transactions and the ids of events aside."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables"
            " WHERE schemaname = 'ledger' AND tablename !~ '^(claim($|_)|refusal$)'"
        ).fetchall()
        return {
            name: connection.execute(
                f"SELECT (to_jsonb(t) - %s::text[])::text FROM ledger.{name} AS t ORDER BY 1",
                ([*ASIDE, *(["id"] if name == "event" else [])],),
            ).fetchall()
            for (name,) in names
        }


def claims(url: str) -> set[UUID]:
    """The ids and groups that were taken by what was not refused."""
    with psycopg.connect(url) as connection:
        taken = {row[0] for row in connection.execute("SELECT id FROM ledger.claim")}
        refused = connection.execute("SELECT transfer_id, group_id FROM ledger.refusal").fetchall()
    return taken - {each for each, _ in refused} - {claim_of_group(group) for _, group in refused if group}


def towns(books: Books, scope: Scope) -> dict[str, Town]:
    """Accounts of every currency, of which one is frozen; limits are reached soon."""
    made = {}
    for currency in CURRENCIES:
        town = opened(books, currency, scope, limit=3_000, ceiling=800, wallets=8)
        books.freeze(town.wallets[0], debit=True, credit=False)
        made[currency] = town
    return made


def one_day(books: Books, chance: random.Random, accounts: dict[str, Town]) -> dict[Key, Answer]:
    """Sixteen writers on the same accounts, each in its way; what they were told."""
    expires_at = books.now + timedelta(days=1)
    lanes = {way: [lane(chance, accounts, expires_at, STEPS) for _ in range(LANES)] for way in WAYS}
    told: dict[Key, Answer] = {}

    def send(way: str) -> bool:
        return work(books.ledger, lanes[way], way, told.__setitem__)

    with ThreadPoolExecutor(len(WAYS)) as pool:
        assert all([*pool.map(send, WAYS)])
    assert {
        key for each in lanes.values() for sent in each for step in sent for key in keys(step)
    } == told.keys()
    return told


@pytest.mark.parametrize(("scope", "seed"), [(Scope.WALLET, 1), (Scope.WALLET, 2), (Scope.PERSON, 3)])
def test_what_was_refused_among_many_left_no_trace(books: Books, scope: Scope, seed: int) -> None:
    """What was accepted, done again in order on a copy that knows of nothing refused, gives the same rows."""
    url = books.owner_url
    accounts = towns(books, scope)
    books.database.close()  # only what nobody is connected to is copied
    with copy_of(url) as copied:
        told = one_day(books, random.Random(seed), accounts)
        refused = {answer[0] for answer in told.values() if isinstance(answer, list)}
        assert refused >= RULES
        books.check()
        with psycopg.connect(url) as connection, psycopg.connect(copied) as before:
            ((after,),) = before.execute("SELECT last_value FROM ledger.event_position").fetchall()
            done = accepted(connection, after)
        copy = Books(Database(copied), copied)
        assert all(each.again(copy) for each in done)
        copy.database.close()
        assert rows(copied) == rows(url)
        assert claims(copied) == claims(url)

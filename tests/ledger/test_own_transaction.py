"""In a transaction of the caller's: what raises leaves nothing behind, and the caller goes on."""

import ast
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from aiosql import from_path
from books import NOON, Books
from psycopg.rows import dict_row

from emoney.ledger import (
    AccountKind,
    NewAccount,
    Operation,
    Outcome,
    account_changes,
    disputes,
    holds,
    profile_changes,
    reversals,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import EmoneyError, TransactionFailed
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing, savepoint
from emoney.ledger.holds import Hold
from emoney.ledger.outbox import append

ROOT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)
SAID = {"actor": "agent-7", "reason": "as asked"}

Act = Callable[[Connection, UUID], Any]


class Town:
    """A payer, a shop, a payment between them and a hold; and acts that raise, and that do not."""

    def __init__(self, books: Books) -> None:
        self.books, self.ledger = books, books.ledger
        self.payer, self.shop = books.funded(1_000), books.account(AccountKind.MERCHANT)
        self.closed = books.account()
        books.close(self.closed)
        self.paid = books.transfer(self.payer, self.shop, 300, Operation.PAY)
        books.posted(self.paid)
        self.hold = self.held(new_id(), 100)
        assert holds.place(self.ledger, self.hold).posted
        self.dispute = new_id()
        opened = {"reason_code": "13.1", "expires_at": NOON + DAY, "actor": "agent-7"}
        assert disputes.open_dispute(self.ledger, self.paid.id, self.dispute, 50, **opened).posted
        self.opened = opened

    def held(self, id_: UUID, amount: int, payee: UUID | None = None) -> Hold:
        return Hold(id_, self.payer, payee or self.shop, amount, "EUR", Operation.PAY, NOON + DAY)

    def post(self, to: UUID) -> Act:
        def act(connection: Connection, id_: UUID) -> list[Outcome]:
            moved = self.books.transfer(self.payer, to, 10, Operation.P2P)
            return self.ledger.post_in(connection, [type(moved)(id_, *_rest(moved))])

        return act


def _rest(transfer: Any) -> list[Any]:
    return [getattr(transfer, name) for name in transfer.__slots__[1:]]


ACTS: dict[str, tuple[Callable[[Town], Act], Callable[[Town], Act]]] = {
    "post": (lambda t: t.post(t.closed), lambda t: t.post(t.shop)),
    "place": (
        lambda t: lambda c, i: holds.place_in(t.ledger, c, t.held(i, 10, t.closed)),
        lambda t: lambda c, i: holds.place_in(t.ledger, c, t.held(i, 10)),
    ),
    "capture": (
        lambda t: lambda c, i: holds.capture_in(t.ledger, c, new_id(), i, 10),
        lambda t: lambda c, i: holds.capture_in(t.ledger, c, t.hold.id, i, 10),
    ),
    "void": (
        lambda t: lambda c, i: holds.void_in(t.ledger, c, i),
        lambda t: lambda c, i: holds.void_in(t.ledger, c, t.hold.id),
    ),
    "refund": (
        lambda t: lambda c, i: reversals.refund_in(t.ledger, c, new_id(), i, 10, reason="returned"),
        lambda t: lambda c, i: reversals.refund_in(t.ledger, c, t.paid.id, i, 10, reason="returned"),
    ),
    "reverse": (
        lambda t: lambda c, i: reversals.reverse_in(t.ledger, c, t.paid.id, t.paid.id, reason="error"),
        lambda t: lambda c, i: reversals.reverse_in(t.ledger, c, t.paid.id, i, 10, reason="error"),
    ),
    "dispute": (
        lambda t: (
            lambda c, i: disputes.open_dispute_in(
                t.ledger, c, t.paid.id, i, 10, **(t.opened | {"expires_at": NOON - DAY})
            )
        ),
        lambda t: lambda c, i: disputes.open_dispute_in(t.ledger, c, t.paid.id, i, 10, **t.opened),
    ),
    "uphold": (
        lambda t: lambda c, i: disputes.uphold_in(t.ledger, c, t.dispute, t.paid.id, 10, **SAID),
        lambda t: lambda c, i: disputes.uphold_in(t.ledger, c, t.dispute, i, 10, **SAID),
    ),
    "reject": (
        lambda t: lambda c, i: disputes.reject_in(t.ledger, c, i, **SAID),
        lambda t: lambda c, i: disputes.reject_in(t.ledger, c, t.dispute, **SAID),
    ),
    "freeze": (
        lambda t: (
            lambda c, i: account_changes.set_freeze(
                c, t.closed, "operator", debit=True, credit=True, at=NOON, **SAID
            )
        ),
        lambda t: (
            lambda c, i: account_changes.set_freeze(
                c, t.shop, "operator", debit=True, credit=True, at=NOON, **SAID
            )
        ),
    ),
    "open": (
        lambda t: lambda c, i: accounts.open_without_limits(c, [_new(i), _new(new_id(), parent_id=t.closed)]),
        lambda t: lambda c, i: accounts.open_without_limits(c, [_new(i)]),
    ),
    "profile": (
        lambda t: lambda c, i: profile_changes.put_under(c, {t.shop: i}, at=NOON, **SAID),
        lambda t: lambda c, i: accounts.set_metadata(c, t.shop, {"n": 1}, at=NOON),
    ),
    "event": (
        lambda t: lambda c, i: append(c, "own.thing", t.payer, {"n": 1}, event_id=_told(c, t, i)),
        lambda t: lambda c, i: append(c, "own.thing", t.payer, {"n": 1}, event_id=i),
    ),
}


def _new(id_: UUID, **more: Any) -> NewAccount:
    return NewAccount(id_, AccountKind.CUSTOMER, "EUR", NOON, **more)


def _told(connection: Connection, town: Town, _: UUID) -> UUID:
    """The id of an event that is there already."""
    row = connection.execute("SELECT id FROM ledger.event LIMIT 1").fetchone()
    assert row is not None
    return UUID(str(row[0] if isinstance(row, tuple) else row["id"]))


@pytest.fixture
def town(books: Books) -> Town:
    books.owner("CREATE TABLE public.own_order (n int)", "GRANT ALL ON public.own_order TO emoney_app")
    return Town(books)


@pytest.mark.parametrize(
    ("act", "begun"), [*((act, True) for act in ACTS), ("post", False), ("refund", False)]
)
def test_a_call_that_raises_leaves_nothing_and_its_id_is_free(town: Town, act: str, begun: bool) -> None:
    raising, posting = (made(town) for made in ACTS[act])
    id_, before = new_id(), town.books.dump()
    with town.books.database.connection() as connection:
        if begun:
            connection.execute("INSERT INTO public.own_order VALUES (1)")
        with pytest.raises((EmoneyError, psycopg.Error)):
            raising(connection, id_)
        connection.execute("INSERT INTO public.own_order VALUES (2)")
    assert town.books.dump() == before
    with town.books.database.connection() as connection:
        posting(connection, id_)
        rows = connection.execute("SELECT n FROM public.own_order ORDER BY n").fetchall()
    assert rows == ([(1,), (2,)] if begun else [(2,)])
    assert town.books.dump() != before
    town.books.check()


def test_an_operators_own_connection_may_read_rows_as_it_likes(town: Town) -> None:
    id_ = new_id()
    with psycopg.connect(town.books.owner_url, row_factory=dict_row) as connection:
        connection.execute("SET ROLE emoney_app")
        (outcome,) = town.post(town.shop)(connection, id_)  # type: ignore[arg-type]
        assert outcome.posted
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_with_sqlalchemy_core_the_transaction_is_begun_first(town: Town) -> None:
    """As docs/embedding.md says; SQLAlchemy does not know of what only the driver did."""
    engine = town.books.database.engine
    before = town.books.balance(town.payer)
    with engine.connect() as core:
        town.post(town.shop)(core.connection.driver_connection, new_id())  # type: ignore[arg-type]
        core.commit()
    assert town.books.balance(town.payer) == before
    with engine.begin() as core:
        town.post(town.shop)(core.connection.driver_connection, new_id())  # type: ignore[arg-type]
    assert town.books.balance(town.payer) == before - 10


def test_a_failed_transaction_is_told_before_anything_is_sent(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    with town.books.database.connection() as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / 0")
        with pytest.raises(TransactionFailed, match="roll it back"):
            town.post(town.shop)(connection, new_id())
        connection.rollback()
        town.post(town.shop)(connection, new_id())
    assert caplog.records == []


def test_in_autocommit_a_call_is_a_transaction(town: Town) -> None:
    with town.books.database.autocommit() as connection:
        (outcome,) = town.post(town.shop)(connection, new_id())
    assert outcome.posted
    town.books.check()


def test_what_others_did_in_the_transaction_stays(town: Town) -> None:
    """Two postings around one that raises, in one transaction."""
    with town.books.database.connection() as connection:
        town.post(town.shop)(connection, new_id())
        with pytest.raises(EmoneyError):
            town.post(town.closed)(connection, new_id())
        town.post(town.shop)(connection, new_id())
    assert town.books.balance(town.payer) == 1_000 - 300 - 20
    town.books.check()


def test_a_call_within_a_call_is_undone_with_it(town: Town) -> None:
    @all_or_nothing
    def outer(connection: Connection) -> None:
        town.post(town.shop)(connection, new_id())
        raise RuntimeError

    before = town.books.dump()
    with town.books.database.connection() as connection:
        connection.execute("SELECT 1")
        with pytest.raises(RuntimeError):
            outer(connection)
        with pytest.raises(ZeroDivisionError), savepoint(connection):
            _posted_and_raised(town, connection)
    assert town.books.dump() == before


def _posted_and_raised(town: Town, connection: Connection) -> None:
    town.post(town.shop)(connection, new_id())
    raise ZeroDivisionError


# -- the kind: every function that writes in a caller's transaction ------------------------------------------

WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "COPY", "PERFORM")
LOCKING = re.compile(r"FOR (NO KEY )?UPDATE")
GUARDS = {"all_or_nothing", "without_expired"}
SAFE = {
    # one statement, after every check; or parts of what is guarded where it begins
    "ledger/limits/usage.py": {"store"},
    "ledger/posting/locks.py": {"lock_and_claim"},
    "ledger/posting/write.py": {"write"},
    "ledger/proofs/log.py": {"append", "append_nodes"},
    "privacy/assessment/facts.py": {"collect"},  # reads who may UPDATE
}


def _unguarded(path: Path) -> set[str]:
    """The public functions of a module that write over their `connection`, and are not guarded."""
    sql = path.with_suffix(".sql")
    queries = from_path(sql, "psycopg", mandatory_parameters=False) if sql.exists() else None
    writing = {
        name
        for name in (queries.available_queries if queries else ())
        if any(word in LOCKING.sub("", getattr(queries, name).sql) for word in WRITES)
    }
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tops = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = {node.name: node for top in tops for node in top.body if isinstance(node, ast.FunctionDef)}

    def writes(name: str, seen: frozenset[str] = frozenset()) -> bool:
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Attribute) and node.attr in writing and _is_queries(node.value):
                return True
            called = node.func if isinstance(node, ast.Call) else None
            inner = getattr(called, "attr", None) or getattr(called, "id", None)
            private = inner in functions and inner.startswith("_") and inner not in {*seen, name}
            if private and writes(inner, seen | {name}):
                return True
        return False

    return {
        name
        for name, node in functions.items()
        if not name.startswith("_")
        and "connection" in [each.arg for each in node.args.args]
        and not GUARDS.intersection(getattr(each, "id", "") for each in node.decorator_list)
        and writes(name)
    }


def _is_queries(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "_queries"


def test_every_function_that_writes_in_a_callers_transaction_is_all_or_nothing() -> None:
    found = {}
    for package in ("ledger", "privacy", "kyc"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if "migrations" not in path.parts and (unguarded := _unguarded(path) - SAFE.get(name, set())):
                found[name] = unguarded
    assert found == {}

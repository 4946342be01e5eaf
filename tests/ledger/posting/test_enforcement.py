"""Enforced twice: with the deciding code broken, or gone around, the database still refuses a wrong state."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from books import APPEND_ONLY, TABLES, Books, post_by_sql, profile, rule
from psycopg import errors, sql

from emoney.ledger import AccountKind, Operation, Transfer
from emoney.ledger import ledger as face
from emoney.ledger.base.errors import EmoneyError, IntegrityViolation
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection, connect
from emoney.ledger.limits.rules import Bound, Direction, Metric, Scope, Window
from emoney.ledger.posting import locked as posting
from emoney.ledger.posting import optimistic, single
from emoney.ledger.posting.account_state import Accounts
from emoney.ledger.posting.decide import Accepted, Decision, Rejected, decide
from emoney.ledger.transfers.transfer import Refusal

Break = Callable[[list[Decision], Accounts], list[Decision]]


def decide_by(patched: pytest.MonkeyPatch, decider: Callable[..., list[Decision]]) -> None:
    """Decide so wherever it is decided: under locks, and on what was read without."""

    def decide_so(todo: Sequence[Transfer], states: Accounts, now: datetime, **_: bool) -> list[Decision]:
        return decider(todo, states, now)

    patched.setattr(posting, "decide", decide_so)
    patched.setattr(optimistic, "decide", decide_so)
    patched.setattr(single, "decide", decide_so)


def accepted(decisions: list[Decision]) -> list[Accepted]:
    return [decision for decision in decisions if isinstance(decision, Accepted)]


def changed(**change: Callable[[Accepted], int]) -> Break:
    """The last accepted transfer with some of its numbers changed."""

    def apply(decisions: list[Decision], _: Accounts) -> list[Decision]:
        last = accepted(decisions)[-1]
        numbers: dict[str, Any] = {name: of(last) for name, of in change.items()}
        wrong = last._replace(**numbers)
        return [wrong if decision is last else decision for decision in decisions]

    return apply


def _first_balance(decisions: list[Decision], _: Accounts) -> list[Decision]:
    first, *rest = accepted(decisions)
    return [first._replace(debit_balance=first.debit_balance + 1), *rest]


def _sides_swapped(decisions: list[Decision], _: Accounts) -> list[Decision]:
    first, *rest = accepted(decisions)
    t = first.transfer
    return [
        first._replace(transfer=replace(t, debit_account=t.credit_account, credit_account=t.debit_account)),
        *rest,
    ]


def _amount(amount: int) -> Break:
    def apply(decisions: list[Decision], _: Accounts) -> list[Decision]:
        return [each._replace(transfer=replace(each.transfer, amount=amount)) for each in accepted(decisions)]

    return apply


def _self_transfer(decisions: list[Decision], _: Accounts) -> list[Decision]:
    return [
        each._replace(transfer=replace(each.transfer, credit_account=each.transfer.debit_account))
        for each in accepted(decisions)
    ]


def _other_currency(decisions: list[Decision], _: Accounts) -> list[Decision]:
    return [each._replace(transfer=replace(each.transfer, currency="USD")) for each in accepted(decisions)]


def _unknown_account(decisions: list[Decision], _: Accounts) -> list[Decision]:
    return [
        each._replace(transfer=replace(each.transfer, credit_account=new_id()))
        for each in accepted(decisions)
    ]


def _twice(decisions: list[Decision], _: Accounts) -> list[Decision]:
    return [*decisions, decisions[-1]]


BROKEN: dict[str, Break] = {
    "debit balance": changed(debit_balance=lambda a: a.debit_balance + 1),
    "credit balance": changed(credit_balance=lambda a: a.credit_balance - 1),
    "balance on the way": _first_balance,
    "debit version skipped": changed(debit_version=lambda a: a.debit_version + 1),
    "credit version skipped": changed(credit_version=lambda a: a.credit_version + 1),
    "version used before": changed(debit_version=lambda a: a.debit_version - 1),
    "negative version": changed(debit_version=lambda a: -1),
    "version zero": changed(credit_version=lambda a: 0),
    "sides swapped": _sides_swapped,
    "other amount": _amount(11),
    "no amount": _amount(0),
    "negative amount": _amount(-10),
    "self-transfer": _self_transfer,
    "other currency": _other_currency,
    "unknown account": _unknown_account,
    "written twice": _twice,
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(("transfers", "few"), [(1, 16), (3, 16), (1, 0), (3, 0), (7, 0)])
def test_a_broken_decision_is_refused_and_nothing_is_written(
    shared_books: Books, monkeypatch: pytest.MonkeyPatch, how: str, transfers: int, few: int
) -> None:
    """Decided on what was read without a lock or, where `few` is 0, under locks."""
    books = shared_books
    # of an account that takes whatever comes, nothing that was decided is written
    a, b = books.funded(100), books.funded(70, profile=profile(rule(Metric.BALANCE, 1_000, None)))
    before = books.dump()

    def broken(todo: Sequence[Transfer], states: Accounts, now: datetime) -> list[Decision]:
        return BROKEN[how](list(decide(todo, states, now)), states)

    sent = [books.transfer(a, b, 10) for _ in range(transfers)]
    with monkeypatch.context() as patched:
        patched.setattr(face, "OPTIMISTIC_TRANSFERS_MAX", few)
        decide_by(patched, broken)
        with pytest.raises(IntegrityViolation):
            books.post(*sent)
    assert books.dump() == before
    books.posted(*sent)
    books.check()


def _decide_nothing_refused(todo: Sequence[Transfer], states: Accounts, now: datetime) -> list[Decision]:
    """As if no rule existed: every transfer moves."""
    for state in states.values():
        state.floor, state.profile = None, None
        state.frozen_debit = state.frozen_credit = False
    return list(decide(todo, states, now))


@pytest.mark.parametrize("case", ["overdraft", "closed", "frozen payer", "frozen payee", "unsafeguarded"])
def test_state_that_the_decision_ignored_is_still_enforced(
    books: Books, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    a, b = (
        books.funded(100),
        books.account(AccountKind.SAFEGUARDING if case == "unsafeguarded" else AccountKind.CUSTOMER),
    )
    books.freeze(a, debit=case == "frozen payer", credit=True)
    books.freeze(b, debit=True, credit=case == "frozen payee")
    if case == "closed":
        books.close(b)
    before = books.dump()
    decide_by(monkeypatch, _decide_nothing_refused)
    monkeypatch.setattr(posting, "check_accounts", lambda transfers, states: None)
    operation = Operation.REDEEM_BANK if case == "unsafeguarded" else Operation.P2P
    with pytest.raises(IntegrityViolation):
        books.post(books.transfer(a, b, 101 if case == "overdraft" else 50, operation))
    assert books.dump() == before


def test_a_refusal_that_is_written_beside_the_transfer_is_not_believed(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = books.funded(100), books.account()
    sent = books.transfer(a, b, 10)

    def both(todo: Sequence[Transfer], states: Accounts, now: datetime) -> list[Decision]:
        return [*decide(todo, states, now), Rejected(todo[0], now, Refusal("funds", "deny", "test"))]

    with monkeypatch.context() as patched:
        decide_by(patched, both)
        books.post(sent)
    with pytest.raises(IntegrityViolation, match="outcome"):
        books.post(sent)


LIMITS = {
    "single": rule(Metric.SINGLE, 60, Direction.OUT),
    "flow of a day": rule(Metric.FLOW, 100, Direction.OUT, Window.DAY),
    "number in 30 days": rule(Metric.COUNT, 1, Direction.OUT, Window.ROLLING_30D),
    "flow of one operation": rule(Metric.FLOW, 100, Direction.OUT, Window.CALENDAR_MONTH, Operation.P2P),
    "single of one operation": rule(Metric.SINGLE, 60, Direction.OUT, None, Operation.P2P),
    "per payee": rule(Metric.FLOW, 100, Direction.OUT, Window.CALENDAR_YEAR, scope=Scope.PAYEE),
    "of the person": rule(Metric.FLOW, 100, Direction.OUT, Window.LIFETIME, scope=Scope.PERSON),
    "of an age": rule(Metric.FLOW, 100, Direction.OUT, Window.FISCAL_YEAR, after_months=0),
    "unknown": rule(Metric.FLOW, None, Direction.OUT, Window.DAY, Operation.P2P, bound=Bound.UNKNOWN),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("transfers", [1, 3])
def test_a_limit_that_the_decision_ignored_is_still_enforced(
    books: Books, monkeypatch: pytest.MonkeyPatch, limit: str, transfers: int
) -> None:
    a, b = books.funded(500, profile=profile(LIMITS[limit])), books.account()
    if limit != "unknown":
        books.posted(books.transfer(a, b, 50))
    before = books.dump()
    decide_by(monkeypatch, _decide_nothing_refused)
    with pytest.raises(IntegrityViolation):
        books.post(*[books.transfer(a, b, amount) for amount in (61, 1, 1)[:transfers]])
    assert books.dump() == before


@pytest.mark.parametrize("person", [False, True])
def test_a_balance_that_the_decision_ignored_is_still_enforced(
    books: Books, monkeypatch: pytest.MonkeyPatch, person: bool
) -> None:
    scope = Scope.PERSON if person else Scope.WALLET
    limited, holder = profile(rule(Metric.BALANCE, 150, None, scope=scope)), new_id()
    payer, payee = books.funded(500), books.funded(40, profile=limited, holder=holder)
    if person:
        books.funded(60, profile=limited, holder=holder)
    before = books.dump()
    decide_by(monkeypatch, _decide_nothing_refused)
    with pytest.raises(IntegrityViolation):
        books.post(books.transfer(payer, payee, 51 if person else 111))
    if not person:  # nor in between, whatever it comes to in the end
        with pytest.raises(IntegrityViolation):
            books.post(books.transfer(payer, payee, 111), books.transfer(payee, payer, 100))
    assert books.dump() == before


@pytest.mark.parametrize("metric", [Metric.BALANCE, Metric.SINGLE])
def test_a_limit_on_what_the_operator_carries_over_is_still_enforced(
    books: Books, monkeypatch: pytest.MonkeyPatch, metric: Metric
) -> None:
    """Most rules leave it out; one over every operation has it, too."""
    funds = books.account(AccountKind.SAFEGUARDING)
    wallet = books.account(
        profile=profile(rule(metric, 150, None if metric is Metric.BALANCE else Direction.IN))
    )
    books.posted(books.transfer(funds, wallet, 1, Operation.OPENING, reference="r"))
    before = books.dump()
    decide_by(monkeypatch, _decide_nothing_refused)
    with pytest.raises(IntegrityViolation):
        books.post(books.transfer(funds, wallet, 151, Operation.OPENING, reference="r"))
    assert books.dump() == before


@pytest.mark.parametrize("late_by", [timedelta(hours=1), timedelta(days=1), timedelta(days=40)])
def test_a_limit_of_another_day_that_the_decision_ignored_is_still_enforced(
    books: Books, monkeypatch: pytest.MonkeyPatch, late_by: timedelta
) -> None:
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))
    a, b = books.funded(500, profile=limited), books.account()
    books.posted(books.transfer(a, b, 10))
    at = books.now - late_by
    books.posted(books.transfer(a, b, 60, at=at))
    before = books.dump()
    decide_by(monkeypatch, _decide_nothing_refused)
    with pytest.raises(IntegrityViolation):
        books.post(books.transfer(a, b, 41, at=at))
    assert books.dump() == before


@pytest.mark.parametrize("metric", [Metric.SINGLE, Metric.BALANCE])
def test_of_what_counts_on_another_day_the_rules_of_that_day_are_enforced(
    books: Books, monkeypatch: pytest.MonkeyPatch, metric: Metric
) -> None:
    """Not those of the day of posting, which allow less today than they did, or more."""
    today = books.now.date()
    raised, lowered = books.now - timedelta(days=1), books.now - timedelta(days=10)
    direction = None if metric is Metric.BALANCE else Direction.IN
    rules = [
        rule(metric, 100, direction, valid_to=lowered.date()),
        rule(metric, 300, direction, valid_from=lowered.date(), valid_to=today),
        rule(metric, 200, direction, valid_from=today),
    ]
    limited = profile(*[replace(each, id=f"t/{number}") for number, each in enumerate(rules)])
    payer = books.funded(1_000)
    for at, amount in ((raised, 250), (lowered - timedelta(days=1), 90)):
        payee = books.account(profile=limited)
        with books.importing():  # others are held to those of the day of posting, too
            books.posted(books.transfer(payer, payee, amount, at=at))
        books.check()
    payee = books.account(profile=limited)
    before = books.dump()
    decide_by(monkeypatch, _decide_nothing_refused)
    for at, amount in ((raised, 301), (lowered - timedelta(days=1), 101), (books.now, 201)):
        with pytest.raises(IntegrityViolation), books.importing():
            books.post(books.transfer(payer, payee, amount, at=at))
    assert books.dump() == before


@pytest.mark.parametrize("metric", [Metric.SINGLE, Metric.BALANCE])
def test_a_limit_that_a_hold_would_pass_is_enforced(books: Books, metric: Metric) -> None:
    """A capture is not asked again about what its placing was asked about."""
    single = metric is Metric.SINGLE
    limited = profile(rule(metric, 60, Direction.OUT if single else None))
    payer = books.funded(500, profile=limited if single else None)
    payee = books.account(profile=None if single else limited)
    before = books.dump()
    place = (
        "INSERT INTO ledger.hold (id, debit_account, credit_account, amount, currency, operation, placed_at,"
        " expires_at) VALUES (gen_random_uuid(), %s, %s, %s, 'EUR', 'p2p', %s, %s)"
    )
    with connect(books.owner_url, role="emoney_app") as app:
        held = (payer, payee, 60, books.now, books.now + timedelta(days=1))
        app.execute(place, held)
        app.rollback()
        with pytest.raises(errors.CheckViolation, match="limit of its profile"):
            app.execute(place, (payer, payee, 61, *held[3:]))
        app.rollback()
    assert books.dump() == before


@pytest.mark.parametrize("operation", [Operation.REFUND, Operation.REVERSAL])
def test_what_gives_back_without_an_original_is_refused(full: Books, operation: Operation) -> None:
    """It passes no limits, so by plain SQL it would move anything."""
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))
    a, b = full.funded(5_000, profile=limited), full.account()
    before = full.dump()
    with connect(full.owner_url, role="emoney_app") as app:
        post_by_sql(app, full.now, replace(full.transfer(a, b, 5_000), operation=operation), 2, 0, 1, 5_000)
        with pytest.raises(errors.IntegrityConstraintViolation, match="gives back what no transfer moved"):
            app.commit()
    assert full.dump() == before


def test_counters_that_were_changed_are_found(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.CALENDAR_MONTH))
    a, b = books.funded(500, profile=limited), books.account()
    books.posted(books.transfer(a, b, 50))
    books.now += timedelta(days=1)
    books.posted(books.transfer(a, b, 20))
    assert books.usage_breaches() == []
    books.owner(f"UPDATE ledger.account SET counters = '{{0, 50}}' WHERE id = '{a}'")
    assert [found[:1] + found[2:] for found in books.usage_breaches()] == [
        (a, books.now.date(), "moved", [20], None)
    ]
    books.owner(f"UPDATE ledger.account SET counters = '{{20, 40}}' WHERE id = '{a}'")
    assert [found[3:] for found in books.usage_breaches()] == [("before", [50], [40])]
    books.owner("DELETE FROM ledger.usage_day")
    assert len(books.usage_breaches()) == 2


# Around the library: what the application's role can do with SQL of its own.


@pytest.fixture(scope="module")
def full(shared_books: Books) -> Books:
    """Books with something in every table."""
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY))
    a, b = shared_books.funded(100, profile=limited), shared_books.account()
    shared_books.posted(shared_books.transfer(a, b, 50))
    shared_books.post(shared_books.transfer(a, b, 51))
    shared_books.now += timedelta(days=1)
    shared_books.posted(shared_books.transfer(a, b, 1))
    dump = shared_books.dump()
    assert all(dump[name] for name in TABLES)
    return shared_books


@pytest.fixture
def app(full: Books) -> Iterator[Connection]:
    """A connection in the application's role."""
    connection = connect(full.owner_url, role="emoney_app")
    yield connection
    connection.close()


def refused(books: Books, connection: Connection, *statements: str) -> psycopg.Error:
    """Run `statements`, the last of which must fail, and see that nothing was written."""
    before = books.dump()
    *first, last = statements
    try:
        for statement in first:
            connection.execute(statement)
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(last)
    finally:
        connection.rollback()
        connection.close()
    assert books.dump() == before
    return raised.value


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["DELETE FROM", "TRUNCATE"])
def test_the_application_removes_nothing(full: Books, app: Connection, table: str, verb: str) -> None:
    assert isinstance(refused(full, app, f"{verb} ledger.{table}"), errors.InsufficientPrivilege)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.transfer SET amount = 1",
        "UPDATE ledger.entry SET amount = 1",
        "UPDATE ledger.claim SET content_hash = content_hash",
        "UPDATE ledger.refusal SET rule = 'x'",
        "UPDATE ledger.limit_profile SET rules = '[]'",
        "UPDATE ledger.account SET debits_posted = 0",
        "UPDATE ledger.account SET credits_posted = credits_posted + 1",
        "UPDATE ledger.account SET credits_pending = 0",
        "UPDATE ledger.account SET version = 0",
        "UPDATE ledger.account SET floor = NULL",
        "UPDATE ledger.account SET sign = -sign",
        "UPDATE ledger.account SET currency = 'USD'",
        "UPDATE ledger.account SET kind = 'own_funds'",
        "UPDATE ledger.account SET counters = NULL",
        "UPDATE ledger.account SET counted_on = counted_on + 1",
        "UPDATE ledger.account SET counted_from = 1000000",
        "UPDATE ledger.usage_day SET moved = '{0}'",
        "INSERT INTO ledger.usage_day VALUES (gen_random_uuid(), gen_random_uuid(), now(), '{0}')",
        "UPDATE ledger.guard SET span_most = NULL",
        "INSERT INTO ledger.guard SELECT * FROM ledger.guard",
        "UPDATE ledger.limit_rule SET most = 1000000",
        "UPDATE ledger.limit_counter SET mask = 0",
        "SELECT ledger.count_v1(id, id, 8, -100, -1, now()) FROM ledger.account",
        "INSERT INTO ledger.entry"
        " SELECT account_id, version + 1, transfer_id, amount, balance_after, posted_at"
        " FROM ledger.entry",
        "INSERT INTO ledger.account (id, kind, currency, opened_at, sign, floor, credits_posted)"
        " VALUES (gen_random_uuid(), 'customer', 'EUR', now(), -1, 0, 100)",
        "INSERT INTO ledger.transfer (id) VALUES (gen_random_uuid())",
        "INSERT INTO ledger.transfer SELECT * FROM ledger.transfer",
        "INSERT INTO ledger.refusal SELECT * FROM ledger.refusal",
        "INSERT INTO ledger.transfer (id, xact) VALUES (gen_random_uuid(), 0)",
        "INSERT INTO ledger.transfer (id, position) VALUES (gen_random_uuid(), 0)",
        "INSERT INTO ledger.refusal (transfer_id, position) VALUES (gen_random_uuid(), 0)",
        "INSERT INTO ledger.refusal (transfer_id, xact) VALUES (gen_random_uuid(), 0)",
        "ALTER TABLE ledger.transfer DISABLE TRIGGER ALL",
        "CREATE TRIGGER t BEFORE INSERT ON ledger.transfer EXECUTE FUNCTION ledger.refuse_change()",
        "DROP TRIGGER append_only ON ledger.transfer",
        "CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
        "CREATE TABLE ledger.mine (id int)",
        "CREATE TEMP TABLE mine () INHERITS (ledger.refusal)",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_may_not(full: Books, app: Connection, statement: str) -> None:
    # the owner under this connection is a superuser, whose role the setting above would ask about
    if statement.startswith("SET"):
        app.execute("SET SESSION AUTHORIZATION emoney_app")
    assert isinstance(refused(full, app, statement), errors.InsufficientPrivilege)


@pytest.mark.parametrize("steps", [0, 1, 16_384])
def test_the_application_cannot_put_a_refusal_anywhere(full: Books, app: Connection, steps: int) -> None:
    """Only beside transfers that its own transaction has written, and not far from them."""
    earlier = app.execute("SELECT id FROM ledger.transfer LIMIT 1").fetchone()
    assert earlier
    refusal = json.dumps(
        [{"transfer_id": str(new_id()), "beside": None if steps > 1 else str(earlier[0]), "steps": steps}]
    )
    statement = f"SELECT ledger.write_refusals_v1('{refusal}', now())"
    assert isinstance(refused(full, app, statement), errors.IntegrityConstraintViolation)


@pytest.mark.parametrize(
    ("kind", "sign", "floor"),
    [
        ("customer", -1, "NULL"),
        ("customer", -1, "-1"),
        ("customer", 1, "0"),
        ("safeguarding", -1, "0"),
        ("safeguarding", 1, "NULL"),
        ("own_funds", -1, "-5"),
        ("vault", -1, "0"),
    ],
)
def test_no_account_is_opened_off_the_chart(
    full: Books, app: Connection, kind: str, sign: int, floor: str
) -> None:
    error = refused(
        full,
        app,
        "INSERT INTO ledger.account (id, kind, currency, opened_at, sign, floor)"
        f" VALUES (gen_random_uuid(), '{kind}', 'EUR', now(), {sign}, {floor})",
    )
    assert isinstance(error, errors.CheckViolation)


@pytest.mark.parametrize(
    ("currency", "external_ref"), [("EURO", "a"), ("E", "a"), ("EUR", ""), ("EUR", "x" * 129)]
)
def test_no_account_is_opened_under_words_that_cannot_be(
    full: Books, app: Connection, currency: str, external_ref: str
) -> None:
    error = refused(
        full,
        app,
        "INSERT INTO ledger.account (id, kind, currency, opened_at, sign, floor, external_ref)"
        f" VALUES (gen_random_uuid(), 'merchant', '{currency}', now(), -1, 0, '{external_ref}')",
    )
    assert isinstance(error, errors.CheckViolation)


def test_value_is_not_issued_without_a_receipt_whatever_it_is_called(books: Books) -> None:
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account()
    before = books.dump()
    for operation in Operation:
        with pytest.raises(errors.IntegrityError), books.database.connection() as connection:
            post_by_sql(connection, books.now, books.transfer(funds, wallet, 5, operation), 1, 5, 1, 5)
    assert books.dump() == before


@pytest.mark.parametrize(
    "operation", [Operation.P2P, Operation.PAY, Operation.FLOAT, Operation.FEE, Operation.BILL]
)
def test_value_is_not_issued_under_another_name(books: Books, operation: Operation) -> None:
    """Limits, receipts and monitoring go by the operation."""
    funds, wallet = books.account(AccountKind.SAFEGUARDING), books.account(AccountKind.AGENT)
    before = books.dump()
    with pytest.raises(errors.IntegrityError), books.database.connection() as connection:
        post_by_sql(
            connection, books.now, books.transfer(funds, wallet, 5, operation, reference="r"), 1, 5, 1, 5
        )
    assert books.dump() == before


def test_tables_of_the_callers_own_do_not_stand_in_for_the_ledgers(books: Books) -> None:
    """Temporary objects come first in a search path that does not say otherwise."""
    a, b = books.funded(100), books.account()
    with books.database.connection() as connection:
        for name in ("posted", "account", "entry", "transfer", "side", "total", "chain"):
            connection.execute(
                sql.SQL("CREATE TEMP TABLE {} (LIKE ledger.entry)").format(sql.Identifier(name))
            )
        connection.execute("SET search_path = pg_temp, ledger")
        books.ledger.post_in(connection, [books.transfer(a, b, 10)])
        with pytest.raises(errors.IntegrityError), connection.transaction():
            post_by_sql(connection, books.now, books.transfer(a, b, 10), 99, 80, 2, 20)
    assert books.balance(b) == 10
    books.check()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ledger.post_one_v1(t.posted_at, {row}, false, NULL) FROM ledger.transfer AS t",
        "SELECT ledger.post_many_v1(t.posted_at, ARRAY[{row}], false) FROM ledger.transfer AS t",
        "SELECT ledger.end_usage_day_v1(account) FROM ledger.account WHERE counters IS NOT NULL",
        "SELECT ledger.lock_side_v1(id, 8, currency, now()) FROM ledger.account",
        "SELECT ledger.draw_receipts_v1('{{}}')",
    ],
)
def test_what_the_posting_functions_call_gives_no_rights(
    full: Books, app: Connection, statement: str
) -> None:
    row = (
        "ROW(gen_random_uuid(), t.debit_account, t.credit_account, 1, t.debit_version + 1, 0,"
        " t.credit_version + 1, 0, t.currency, t.operation, t.reference, NULL, NULL)::ledger.decided_row"
    )
    assert isinstance(refused(full, app, statement.format(row=row)), errors.InsufficientPrivilege)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "verb", ["DELETE FROM ledger.{}", "TRUNCATE ledger.{} CASCADE", "UPDATE ledger.{} SET {} = {}"]
)
def test_not_even_the_owner_changes_history(full: Books, app: Connection, table: str, verb: str) -> None:
    column = {
        "entry": "amount",
        "transfer": "amount",
        "refusal": "rule",
        "claim": "id",
        "limit_profile": "name",
    }[table]
    error = refused(full, psycopg.connect(full.owner_url), verb.format(table, column, column))
    assert isinstance(error, errors.ObjectNotInPrerequisiteState)


@pytest.mark.parametrize("verb", ["DELETE FROM ledger.account", "TRUNCATE ledger.account CASCADE"])
def test_not_even_the_owner_removes_accounts(books: Books, verb: str) -> None:
    books.funded(5)
    error = refused(books, psycopg.connect(books.owner_url), verb)
    assert isinstance(error, errors.ObjectNotInPrerequisiteState)


def test_errors_name_no_reference_and_no_holder(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = books.funded(100), books.account()
    decide_by(monkeypatch, lambda *given: BROKEN["debit balance"](list(decide(*given)), given[1]))
    with pytest.raises(EmoneyError) as raised:
        books.post(books.transfer(a, b, 10, reference="Ama Mensah"))
    assert "Mensah" not in str(raised.value)

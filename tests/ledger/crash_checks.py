"""What must hold of a database after a crash, asked of its rows in sets and apart from the library."""

from itertools import accumulate
from typing import Any
from uuid import UUID

import psycopg
from crash_load import VOIDED, Answer, Capture, Key, Lane, Place, Post, Refund, keys, void_key

from emoney.ledger import Operation
from emoney.ledger.limits.rules import Direction, code

TORN = {
    "a hold and its event": """
        SELECT coalesce(h.id, e.id) FROM ledger.hold AS h
        FULL JOIN (
            SELECT (payload->>'hold')::uuid AS id, count(*) AS told,
                   max((payload->>'minor')::bigint) AS amount
            FROM ledger.event WHERE kind = 'hold.placed' GROUP BY 1
        ) AS e ON e.id = h.id
        WHERE (e.told, e.amount) IS DISTINCT FROM (1, h.amount)""",
    "what became of a hold and its event": """
        SELECT coalesce(b.hold_id, e.id) FROM (
            SELECT hold_id, kind, amount FROM ledger.hold_event WHERE kind <> 'captured'
        ) AS b FULL JOIN (
            SELECT (payload->>'hold')::uuid AS id, substr(kind, 6) AS kind, count(*) AS told,
                   max((payload->>'minor')::bigint) AS amount
            FROM ledger.event WHERE kind IN ('hold.released', 'hold.voided', 'hold.expired') GROUP BY 1, 2
        ) AS e ON e.id = b.hold_id AND e.kind = b.kind
        WHERE (e.told, e.amount) IS DISTINCT FROM (1, b.amount)""",
    "a capture and its transfer": """
        SELECT e.id FROM ledger.hold_event AS e
        JOIN ledger.hold AS h ON h.id = e.hold_id LEFT JOIN ledger.transfer AS t ON t.id = e.transfer_id
        WHERE e.kind = 'captured' AND (t.amount, t.debit_account, t.credit_account, t.operation)
            IS DISTINCT FROM (e.amount, h.debit_account, h.credit_account, h.operation)""",
    "what a hold has left": """
        SELECT h.id FROM ledger.hold AS h LEFT JOIN ledger.open_hold AS o ON o.id = h.id
        LEFT JOIN (
            SELECT hold_id, sum(amount) AS gone FROM ledger.hold_event GROUP BY 1
        ) AS e ON e.hold_id = h.id
        WHERE h.amount - coalesce(e.gone, 0) <> coalesce(o.remaining, 0)""",
    "what is pending on an account": """
        SELECT a.id FROM ledger.account AS a
        LEFT JOIN (SELECT hold.debit_account AS id, sum(remaining) AS held
                   FROM ledger.hold JOIN ledger.open_hold USING (id) GROUP BY 1) AS d ON d.id = a.id
        LEFT JOIN (SELECT hold.credit_account AS id, sum(remaining) AS held
                   FROM ledger.hold JOIN ledger.open_hold USING (id) GROUP BY 1) AS c ON c.id = a.id
        WHERE (a.debits_pending, a.credits_pending) <> (coalesce(d.held, 0), coalesce(c.held, 0))""",
    "a refund, its reversal and its original": """
        SELECT coalesce(t.id, r.transfer_id)
        FROM (SELECT * FROM ledger.transfer WHERE operation IN ('refund', 'reversal')) AS t
        FULL JOIN ledger.reversal AS r ON r.transfer_id = t.id
        LEFT JOIN ledger.transfer AS o ON o.id = r.original_id
        WHERE (t.amount, t.debit_account, t.credit_account, t.reference)
            IS DISTINCT FROM (r.amount, o.credit_account, o.debit_account, o.id::text)""",
    "all that was given back of a transfer": """
        SELECT o.id FROM ledger.reversal AS r JOIN ledger.transfer AS o ON o.id = r.original_id
        GROUP BY o.id, o.amount HAVING sum(r.amount) > o.amount""",
    "floors and ceilings at every entry": """
        SELECT a.id FROM ledger.entry AS e JOIN ledger.account AS a ON a.id = e.account_id
        WHERE e.balance_after < a.floor OR e.balance_after > a.ceiling""",
    "funds and what is held of them": """
        SELECT id FROM ledger.account
        WHERE sign * (debits_posted - credits_posted) - debits_pending < floor""",
}
"""What is never torn apart or passed, and who is concerned where it was."""

COUNTED = """
    WITH given AS (SELECT original_id AS id, sum(amount) AS amount FROM ledger.reversal GROUP BY 1),
    became AS (
        SELECT hold_id AS id, sum(amount) FILTER (WHERE kind <> 'captured') AS back,
               bool_or(kind = 'captured') AS captured
        FROM ledger.hold_event GROUP BY 1
    ),
    moved AS (
        SELECT t.debit_account, t.credit_account, t.operation, t.amount, 1 AS number FROM ledger.transfer AS t
        WHERE t.operation NOT IN ('refund', 'reversal')
            AND NOT EXISTS (SELECT FROM ledger.hold_event AS e WHERE e.transfer_id = t.id)
        UNION ALL SELECT debit_account, credit_account, operation, amount, 1 FROM ledger.hold
        UNION ALL
        SELECT h.debit_account, h.credit_account, h.operation, -b.back, -(NOT b.captured)::integer
        FROM ledger.hold AS h JOIN became AS b ON b.id = h.id WHERE b.back IS NOT NULL
        UNION ALL
        SELECT t.debit_account, t.credit_account, t.operation, -g.amount, -(g.amount = t.amount)::integer
        FROM ledger.transfer AS t JOIN given AS g ON g.id = t.id
    )
    SELECT s.account_id, s.direction, s.operation, sum(s.amount)::bigint, sum(s.number)::bigint
    FROM (
        SELECT debit_account AS account_id, 'out' AS direction, operation, amount, number FROM moved
        UNION ALL SELECT credit_account, 'in', operation, amount, number FROM moved
    ) AS s
    WHERE s.account_id = ANY(%(accounts)s)
    GROUP BY 1, 2, 3 HAVING sum(s.amount) <> 0 OR sum(s.number) <> 0"""
"""What transfers and holds moved, less what was given back, counted anew from their rows."""

SENT = """
    SELECT s.position, s.amount FROM (
        SELECT t.position, t.debit_account AS account_id, t.amount FROM ledger.transfer AS t
        WHERE t.operation NOT IN ('refund', 'reversal')
            AND NOT EXISTS (SELECT FROM ledger.hold_event AS e WHERE e.transfer_id = t.id)
        UNION ALL
        SELECT e.position, h.debit_account,
               (e.payload->>'minor')::bigint * CASE e.kind WHEN 'hold.placed' THEN 1 ELSE -1 END
        FROM ledger.event AS e JOIN ledger.hold AS h ON h.id = (e.payload->>'hold')::uuid
        WHERE e.kind LIKE 'hold.%%'
        UNION ALL
        SELECT t.position, t.credit_account, -t.amount FROM ledger.transfer AS t
        WHERE t.operation IN ('refund', 'reversal')
    ) AS s WHERE s.account_id = ANY(%(accounts)s) ORDER BY s.position"""
"""What wallets sent and got back, in the order in which it happened to each."""

SLOTS = """
    SELECT account_id, measure = 'number', mask, sum(moved)::bigint FROM ledger.usage_moved
    WHERE account_id = ANY(%(accounts)s) AND other_id IS NULL GROUP BY account_id, slot, measure, mask"""


def standing(url: str) -> dict[Key, Answer]:
    """What became of every id, by its one row."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT id::text, NULL, NULL, NULL, NULL::jsonb FROM ledger.transfer"
            " UNION ALL SELECT id::text, NULL, NULL, NULL, NULL FROM ledger.hold"
            " UNION ALL SELECT transfer_id::text, rule, decision, source, numbers FROM ledger.refusal"
        ).fetchall()
        voided = connection.execute("SELECT hold_id FROM ledger.hold_event WHERE kind = 'voided'").fetchall()
    found: dict[Key, Answer] = {
        key: None
        if rule is None
        else [rule, decision, source, *(numbers[name] for name in ("limit", "used", "headroom"))]
        for key, rule, decision, source, numbers in rows
    }
    assert len(found) == len(rows)
    return found | {void_key(hold): VOIDED for (hold,) in voided}


def nothing_half_there(url: str, lanes: list[Lane], found: dict[Key, Answer]) -> None:
    """Every id of the lanes has all that belongs to it, as it was sent, or nothing."""
    with psycopg.connect(url) as connection:
        for what, question in TORN.items():
            assert connection.execute(question).fetchall() == [], what
        transfers = _by_id(
            connection.execute(
                "SELECT id, debit_account, credit_account, amount, currency, operation, reference, group_id"
                " FROM ledger.transfer"
            ).fetchall()
        )
        placed = _by_id(
            connection.execute(
                "SELECT id, debit_account, credit_account, amount, currency, operation, reference, expires_at"
                " FROM ledger.hold"
            ).fetchall()
        )
        captured = _by_id(
            connection.execute("SELECT transfer_id, hold_id FROM ledger.hold_event WHERE kind = 'captured'")
        )
        given = _by_id(connection.execute("SELECT transfer_id, original_id FROM ledger.reversal"))
        claimed = {str(row[0]) for row in connection.execute("SELECT id FROM ledger.claim")}
    for step in (step for lane in lanes for step in lane):
        accepted = [found.get(key, "nothing") is None for key in keys(step)]
        for key in keys(step):
            assert key.startswith("void") or (key in found) == (key in claimed)
        match step:
            case Post(sent):
                assert len(set(accepted)) == 1, "a group is whole or not there"
                assert len({key in found for key in keys(step)}) == 1
                for t in sent if accepted[0] else ():
                    content = (t.debit_account, t.credit_account, t.amount, t.currency, t.operation.value)
                    assert transfers[t.id] == (*content, t.reference, t.group)
            case Place(h) if accepted[0]:
                content = (h.debit_account, h.credit_account, h.amount, h.currency, h.operation.value)
                assert placed[h.id] == (*content, h.reference, h.expires_at)
            case Capture(hold, transfer, amount):
                assert captured.get(transfer) == ((hold,) if accepted[0] else None)
                assert not accepted[0] or amount in (None, transfers[transfer][2])
            case Refund(original, transfer, amount):
                assert given.get(transfer) == ((original,) if accepted[0] else None)
                assert not accepted[0] or amount in (None, transfers[transfer][2])


def _by_id(rows: Any) -> dict[UUID, tuple[Any, ...]]:
    return {key: tuple(rest) for key, *rest in rows}


def counted_is_what_moved(url: str, wallets: list[UUID]) -> None:
    """Every slot counted what was moved and not given back."""
    with psycopg.connect(url) as connection:
        asked: dict[str, Any] = {"accounts": wallets}
        moved = connection.execute(COUNTED, asked).fetchall()
        slots = connection.execute(SLOTS, asked).fetchall()
        breaches = connection.execute(
            "SELECT account_id FROM ledger.usage_breaches_v1(%(accounts)s)", asked
        ).fetchall()
    assert breaches == []
    assert slots
    for account_id, numbers, mask, found in slots:
        expected = [
            number if numbers else amount
            for of, direction, operation, amount, number in moved
            if of == account_id and mask >> code(Direction(direction), Operation(operation)) & 1
        ]
        assert found == sum(expected), (account_id, numbers, mask)


def most_sent(url: str, wallets: list[UUID]) -> int:
    """The most that wallets had sent together, less what came back, at any moment; minor units."""
    with psycopg.connect(url) as connection:
        changes = [amount for _, amount in connection.execute(SENT, {"accounts": wallets})]
    return max(accumulate(changes), default=0)


def issued(url: str) -> dict[str, tuple[int, int, int]]:
    """Of each currency: issued and not redeemed, held by holders and as fees, and held at the bank."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT currency,"
            " (SELECT coalesce(sum(t.amount * CASE WHEN t.operation = %s THEN 1 ELSE -1 END), 0)::bigint"
            "  FROM ledger.transfer AS t WHERE t.currency = a.currency AND t.operation IN (%s, %s)),"
            " sum(credits_posted - debits_posted) FILTER (WHERE sign < 0)::bigint,"
            " sum(debits_posted - credits_posted) FILTER (WHERE sign > 0)::bigint"
            " FROM ledger.account AS a GROUP BY currency",
            (Operation.LOAD.value, Operation.LOAD.value, Operation.REDEEM_BANK.value),
        ).fetchall()
    return {currency: (made, held, banked) for currency, made, held, banked in rows}


def fingerprint(url: str) -> dict[str, tuple[Any, ...]]:
    """How many rows each table has, and a sum of hashes that any change of one changes."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'ledger' ORDER BY 1"
        ).fetchall()
        return {
            name: connection.execute(
                f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM ledger.{name} AS t"
            ).fetchone()
            for (name,) in names
        }

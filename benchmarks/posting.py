"""Posting, against the ceiling of what PostgreSQL can write.

Random pairs of wallets, batches of 1,000, durable commits, in turns so that a drift of the machine hits all:

- `posting`: `Ledger.post` with idempotency, funds, a tier's day and month limits, the trigger;
- `posting, no limits`: the same wallets without a limit profile;
- `ceiling`: COPY of the same transfer and entry rows and one balance update, same indexes, no checks.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from uuid import UUID

import psycopg

from benchmarks.figures import Figure
from benchmarks.scratch import scratch_database
from kyc import load_pack
from kyc.wallets import profile_id
from ledger import AccountKind, Database, Ledger, NewAccount, Operation, Transfer, accounts
from ledger.ids import new_id

BATCH = 1_000
OPENING = 3_000_000
AMOUNT_MAX = 100


def measure(*, smoke: bool) -> list[Figure]:
    """Transfers per second of each way, and their ratio to the ceiling."""
    wallets, rounds = (1_000, 2) if smoke else (10_000, 15)
    with scratch_database() as (database, _), psycopg.connect(database.url) as bare:
        limited, free = _open_wallets(database, wallets, "enhanced"), _open_wallets(database, wallets, None)
        _prepare_ceiling(bare, limited)
        with psycopg.connect(database.url, autocommit=True) as owner:
            owner.execute("VACUUM ANALYZE")
        ledger, chance = Ledger(database), random.Random(1)
        rates: dict[str, list[float]] = {"posting": [], "posting, no limits": [], "ceiling": []}
        for turn in range(rounds + 1):
            timed = {
                "posting": _timed(lambda batch: _post(ledger, batch), _batch(limited, chance)),
                "posting, no limits": _timed(lambda batch: _post(ledger, batch), _batch(free, chance)),
                "ceiling": _timed(lambda batch: _write_bare(bare, batch), _batch(limited, chance)),
            }
            if turn:  # the first turn warms caches and plans
                for name, seconds in timed.items():
                    rates[name].append(BATCH / seconds)
    ceiling = median(rates["ceiling"])
    return [
        Figure(
            f"{name}, batches of {BATCH:,}",
            median(rate),
            "transfers/s",
            median(rate) / ceiling,
            "the ceiling",
        )
        for name, rate in rates.items()
    ]


def _open_wallets(database: Database, count: int, tier: str | None) -> list[UUID]:
    pack, now = load_pack("gh-bog-2024"), datetime.now(UTC)
    funds, wallets = new_id(), [new_id() for _ in range(count)]
    with database.connection() as connection:
        profile = profile_id(connection, pack, tier) if tier else None
        accounts.open_accounts(connection, [NewAccount(funds, AccountKind.SAFEGUARDING, "GHS", now)])
        accounts.open_accounts(
            connection, [NewAccount(w, AccountKind.CUSTOMER, "GHS", now, profile_id=profile) for w in wallets]
        )
    ledger = Ledger(database)
    for start in range(0, count, BATCH):
        ledger.post(
            [
                Transfer(new_id(), funds, w, OPENING, "GHS", Operation.OPENING, "opening")
                for w in wallets[start : start + BATCH]
            ]
        )
    return wallets


def _batch(wallets: list[UUID], chance: random.Random) -> list[Transfer]:
    pairs = (chance.sample(wallets, 2) for _ in range(BATCH))
    return [
        Transfer(new_id(), payer, payee, chance.randint(1, AMOUNT_MAX), "GHS", Operation.P2P, f"T{number}")
        for number, (payer, payee) in enumerate(pairs)
    ]


def _timed(work: Callable[[list[Transfer]], None], batch: list[Transfer]) -> float:
    began = time.perf_counter()
    work(batch)
    return time.perf_counter() - began


def _post(ledger: Ledger, batch: list[Transfer]) -> None:
    assert all(outcome.posted for outcome in ledger.post(batch))


def _prepare_ceiling(bare: "psycopg.Connection[tuple[object, ...]]", wallets: list[UUID]) -> None:
    bare.execute("CREATE SCHEMA bare")
    for name in ("transfer", "entry", "account"):
        bare.execute(f"CREATE TABLE bare.{name} (LIKE ledger.{name} INCLUDING DEFAULTS INCLUDING INDEXES)")
    bare.execute("ALTER TABLE bare.account SET (fillfactor = 60)")
    bare.execute("INSERT INTO bare.account SELECT * FROM ledger.account WHERE id = ANY(%s)", (wallets,))
    bare.commit()


def _write_bare(bare: "psycopg.Connection[tuple[object, ...]]", batch: list[Transfer]) -> None:
    now = datetime.now(UTC)
    debits: dict[UUID, int] = {}
    credits: dict[UUID, int] = {}
    moved: dict[UUID, int] = {}
    with bare.cursor() as cursor:
        with cursor.copy(
            "COPY bare.transfer (id, debit_account, credit_account, amount, currency, operation, reference,"
            " effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance)"
            " FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(
                [
                    "uuid",
                    "uuid",
                    "uuid",
                    "int8",
                    "text",
                    "text",
                    "text",
                    "timestamptz",
                    "timestamptz",
                    *["int8"] * 4,
                ]
            )
            for number, t in enumerate(batch):
                copy.write_row(
                    (
                        t.id,
                        t.debit_account,
                        t.credit_account,
                        t.amount,
                        "GHS",
                        "p2p",
                        t.reference,
                        now,
                        now,
                        number,
                        1,
                        number,
                        1,
                    )
                )
        with cursor.copy("COPY bare.entry FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "int8", "uuid", "int8", "int8", "timestamptz", "int2"])
            for t in batch:
                for account, direction in ((t.debit_account, 1), (t.credit_account, -1)):
                    moved[account] = moved.get(account, _version(account)) + 1
                    copy.write_row((account, moved[account], t.id, t.amount, 1, now, direction))
                debits[t.debit_account] = debits.get(t.debit_account, 0) + t.amount
                credits[t.credit_account] = credits.get(t.credit_account, 0) + t.amount
        _versions.update(moved)
        touched = list(moved)
        cursor.execute(
            "UPDATE bare.account AS a SET debits_posted = a.debits_posted + n.debit,"
            " credits_posted = a.credits_posted + n.credit, version = n.version"
            " FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " AS n (id, debit, credit, version) WHERE a.id = n.id",
            (
                touched,
                [debits.get(account, 0) for account in touched],
                [credits.get(account, 0) for account in touched],
                list(moved.values()),
            ),
        )
    bare.commit()


_versions: dict[UUID, int] = {}


def _version(account: UUID) -> int:
    return _versions.get(account, 1)

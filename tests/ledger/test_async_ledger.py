"""The async face: all that the sync face does, without blocking the loop, and bounded."""

import asyncio
import contextvars
import inspect
import threading
from datetime import timedelta
from typing import Any

import pytest
from books import NOON, Books

from emoney.ledger import (
    AccountKind,
    AsyncLedger,
    GroupCommit,
    Key,
    Ledger,
    Operation,
    account_changes,
    disputes,
    holds,
    reversals,
    transfers,
)
from emoney.ledger.acts import OpenDispute, Refund, Reject, Uphold, Void
from emoney.ledger.async_ledger import AsyncReading
from emoney.ledger.base.errors import ConfigurationError, InvalidInput
from emoney.ledger.group_commit.commit import Closed, Overloaded
from emoney.ledger.holds import Hold
from emoney.ledger.reading import Reading

SAID = {"actor": "a", "reason": "r"}


def public(owner: Any) -> set[str]:
    return {name for name, each in vars(owner).items() if not name.startswith("_") and callable(each)}


def test_it_covers_what_the_sync_face_does() -> None:
    assert public(Reading) == public(AsyncReading)
    for module in (holds, reversals, disputes, account_changes):
        for name, each in vars(module).items():
            own = inspect.isfunction(each) and each.__module__ == module.__name__ and not name.startswith("_")
            if own and next(iter(inspect.signature(each).parameters)) == "ledger":
                in_own_transaction = "connection" not in inspect.signature(each).parameters
                called = "close_account" if each is account_changes.close else name
                assert hasattr(AsyncLedger, called) == in_own_transaction, name
    others = {"post_in", "post_all", "account_cache", "run"}  # of a caller with connections or threads
    assert public(Ledger) - others <= public(AsyncLedger)


def test_everything_from_tasks(books: Books) -> None:
    payer, shop = books.funded(1_000), books.account(AccountKind.MERCHANT, ref="shop")

    async def work() -> None:
        async with AsyncLedger(books.ledger) as ledger:
            pay = {"payer": payer, "merchant": shop, "amount": 10, "currency": "EUR"}
            sent = [transfers.pay(**pay, key=f"p{n}") for n in range(20)]
            outcomes = await asyncio.gather(*(ledger.post(each) for each in sent))
            assert [outcome.key for outcome in outcomes] == [f"p{n}" for n in range(20)]
            assert all(outcome.posted for outcome in await ledger.post_batch([transfers.pay(**pay)]))
            fees = await ledger.open_account(AccountKind.FEES, "EUR", "fees")
            group = transfers.with_fee(transfers.pay(**pay), fees=fees, fee=1)
            assert all(outcome.posted for outcome in await ledger.post_group(group))
            hold = Hold(Key("h"), payer, shop, 100, "EUR", Operation.PAY, NOON + timedelta(days=1))
            assert (await ledger.place(hold)).posted
            assert (await ledger.capture(Key("h"), Key("c"), 40)).posted
            assert (await ledger.refund(Key("c"), Key("r"), 10, reason="returned")).posted
            placed = [
                Hold(Key(f"h{n}"), payer, shop, 5, "EUR", Operation.PAY, NOON + timedelta(days=1))
                for n in range(4)
            ]
            assert all(each.posted for each in await asyncio.gather(*map(ledger.carry_out, placed)))
            voided = await ledger.carry_out_batch([Void(each.id) for each in placed])
            assert [each.replayed for each in voided] == [False] * 4
            said = {"reason_code": "1", "expires_at": NOON + timedelta(days=1), "actor": "a"}
            disputed = [OpenDispute(Key(f"p{n}"), Key(f"d{n}"), 5, **said) for n in range(4)]
            assert all(each.posted for each in await asyncio.gather(*map(ledger.carry_out, disputed)))
            assert (await ledger.carry_out(Uphold(Key("d0"), Key("u0"), **SAID))).key == "u0"
            paid = transfers.pay(**pay)
            mixed = [paid, Refund(paid.id, Key("r1"), 10, "returned"), Reject(Key("d1"), **SAID)]
            assert all(each.posted for each in await ledger.carry_out_batch(mixed))
            assert (await ledger.carry_out(paid)).replayed
            await ledger.freeze(shop, **SAID)
            with pytest.raises(InvalidInput):
                await ledger.close_account(shop, **SAID)
            page, balances = await asyncio.gather(
                ledger.reading.transfers(account="shop", limit=5), ledger.reading.balances(["shop", "fees"])
            )
            assert len(page.items) == 5
            assert (balances["shop"].balance, balances["fees"].balance) == (220 + 30 - 5, 1)
        with pytest.raises(Closed):
            await ledger.reading.transfer(Key("c"))
        with pytest.raises(Closed):
            await ledger.post(transfers.pay(**pay))

    asyncio.run(work())
    books.check()


def test_calls_are_bounded_and_the_loop_is_free(books: Books) -> None:
    mark: contextvars.ContextVar[int] = contextvars.ContextVar("mark")
    go_on = threading.Event()

    async def work() -> None:
        with GroupCommit(books.ledger) as commits:
            async with AsyncLedger(books.ledger, threads=1, calls_max=2, commits=commits) as ledger:
                mark.set(7)
                running = asyncio.create_task(ledger.call(go_on.wait, 20))
                waiting = asyncio.create_task(ledger.call(mark.get))
                await asyncio.sleep(0)  # the loop goes on while a thread waits
                with pytest.raises(Overloaded):
                    await ledger.call(mark.get)
                running.cancel()
                go_on.set()
                assert await waiting == 7
                with pytest.raises(asyncio.CancelledError):
                    await running
                assert await ledger.call(mark.get) == 7

    asyncio.run(work())
    for wrong in ({"threads": 0}, {"threads": 5, "calls_max": 4}):
        with pytest.raises(ConfigurationError):
            AsyncLedger(books.ledger, **wrong)

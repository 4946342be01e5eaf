"""Group commit as a careful hand would write it on the ordered walk: one thread writes what waits."""

import asyncio
import threading
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from benchmarks.bare import Walk
from emoney.ledger import Transfer

BATCH_MAX = 1_000

_Call = tuple[Transfer, "Future[bool]"]


class GroupCommitByHand:
    """Posts single transfers of many callers; no limits, and nothing may be refused."""

    def __init__(self, url: str) -> None:
        self._walk = Walk(url)
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="by-hand", daemon=True)
        self._thread.start()

    def post(self, transfer: Transfer) -> bool:
        """Committed when this returns."""
        return self._sent(transfer).result()

    async def apost(self, transfer: Transfer) -> bool:
        """The same for tasks."""
        return await asyncio.wrap_future(self._sent(transfer))

    def close(self) -> None:
        """Write what waits, and stop."""
        self._queue.put(None)
        self._thread.join()
        self._walk.close()

    def _sent(self, transfer: Transfer) -> "Future[bool]":
        future: Future[bool] = Future()
        self._queue.put((transfer, future))
        return future

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            calls, ended = [first], False
            while len(calls) < BATCH_MAX and not ended:
                try:
                    call = self._queue.get_nowait()
                except Empty:
                    break
                if call is None:
                    ended = True
                else:
                    calls.append(call)
            try:
                self._walk.post([transfer for transfer, _ in calls])
            except Exception as error:  # whoever waits is told; the next batch may succeed
                for _, future in calls:
                    future.set_exception(error)
            else:
                for _, future in calls:
                    future.set_result(True)
            if ended:
                return

"""A writer that may be killed: sends its lanes in one way, and writes each answer down once it has it.

Ends with 0 when all was answered, with GONE when the database was gone; anything else is an error that should
not have reached a caller.
"""

import json
import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crash_load import Answer, Key, Lane, answers, send_in_batches

from emoney.ledger import Database, Ledger, Outcome, Transfer
from emoney.ledger.base.errors import Unavailable
from emoney.ledger.group_commit.commit import GroupCommit

GONE = 3
WAYS = ("group commit", "one by one", "batches", "batches in a row")


def work(ledger: Ledger, lanes: list[Lane], way: str, tell: Callable[[Key, Answer], None]) -> bool:
    """Send the lanes side by side, each until the database is gone; whether it was there to the end."""

    def send(lane: Lane) -> bool:
        try:
            if way in ("group commit", "one by one"):
                for step in lane:
                    for key, answer, _ in answers(ledger, step, post):
                        tell(key, answer)
            else:
                post_all = ledger.post_all if way == "batches in a row" else lambda b: map(ledger.post, b)
                for key, answer, _ in send_in_batches(ledger, lane, post_all):
                    tell(key, answer)
        except Unavailable:
            return False
        return True

    def shared(transfers: tuple[Transfer, ...]) -> list[Outcome]:
        return commits.post_group(transfers) if transfers[0].group else [commits.post(transfers[0])]

    post = shared if way == "group commit" else ledger.post
    with GroupCommit(ledger) as commits, ThreadPoolExecutor(len(lanes)) as pool:
        return all([*pool.map(send, lanes)])


def main(url: str, plan: Path, book: Path, way: str) -> int:
    """Read the plan, say that all is ready, and send it."""
    lanes: list[Lane] = pickle.loads(plan.read_bytes())
    writing = threading.Lock()
    with book.open("a") as lines:

        def tell(key: Key, answer: Answer) -> None:
            with writing:
                lines.write(json.dumps([key, answer]) + "\n")
                lines.flush()  # to the system, which outlives this process

        ledger = Ledger(Database(url))
        print("ready", flush=True)
        return 0 if work(ledger, lanes, way, tell) else GONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]))

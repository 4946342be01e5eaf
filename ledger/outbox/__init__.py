"""The outbox: every committed outcome, at least once, in order per account, for consumers that resume.

`Consumer` reads and acknowledges, `append` adds events of other kinds, `find` reads one event again.
Why the order holds: docs/events.md.
"""

from emoney.ledger.outbox.consumer import Consumer, ConsumerMoved, Start
from emoney.ledger.outbox.consumer_states import ConsumerState, consumers
from emoney.ledger.outbox.dead_letters import DeadLetter, dead_letters
from emoney.ledger.outbox.event import Event
from emoney.ledger.outbox.recorded import append, append_to_each, find

__all__ = [
    "Consumer",
    "ConsumerMoved",
    "ConsumerState",
    "DeadLetter",
    "Event",
    "Start",
    "consumers",
    "dead_letters",
    "find",
    "append",
    "append_to_each",
]

"""Requests that are no plain transfer, such as a capture or a refund: idempotent by an id, like transfers."""

import hashlib
from collections.abc import Mapping
from uuid import UUID

from emoney.ledger.base.errors import IdempotencyConflict, IntegrityViolation
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.ledger.transfers.transfer import Outcome, Refusal

_queries = queries_beside(__file__)


def content_hash(kind: str, *parts: str) -> bytes:
    """SHA-256 of a request's kind and content (32 bytes), each part behind its length."""
    digest = hashlib.sha256()
    for part in (kind, *parts):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.digest()


def earlier_outcome(
    connection: Connection, request_id: UUID, content: bytes, key: str | None = None
) -> Outcome:
    """The outcome of an id that was claimed before. Raises IdempotencyConflict for other content."""
    return earlier_outcomes(connection, {request_id: (content, key)})[request_id]


@reads_tuples
def earlier_outcomes(
    connection: Connection, sent: Mapping[UUID, tuple[bytes, str | None]]
) -> dict[UUID, Outcome]:
    """The outcomes of ids that were claimed before, with the hash of their content and their key."""
    if not sent:
        return {}
    rows = connection.execute(_queries.earlier.sql, {"ids": list(sent)}).fetchall()
    claimed = {row[0]: row[1:] for row in rows}
    outcomes: dict[UUID, Outcome] = {}
    for request_id, (content, key) in sent.items():
        claim = claimed.get(request_id)
        if claim is None or claim[0] != content:
            raise IdempotencyConflict(
                f"{request_id} was sent before with other content; a new request needs a new id"
            )
        _, accepted, rule, decision, source, numbers = claim
        if accepted is not (rule is None):
            raise IntegrityViolation(f"{request_id} was claimed but has not one outcome: see trial balance")
        refusal = Refusal(rule, decision, source, **numbers) if rule else None
        outcomes[request_id] = Outcome(request_id, refusal, replayed=True, key=key)
    return outcomes

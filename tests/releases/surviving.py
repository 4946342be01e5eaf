"""What of a database must be the same after every upgrade: how many rows there are, and what they say.

The queries say what is kept in the words of the newest schema. A revision that renames or moves a column
changes them, so that they give the same values from where these lie now.
"""

import hashlib
from typing import Any

from emoney.jobs.revisions import PACKAGES

CONTENTS = {
    "transfers": "SELECT id, debit_account, credit_account, amount, currency, operation, reference, group_id,"
    " effective_at, posted_at, debit_version, debit_balance, credit_version, credit_balance, position"
    " FROM ledger.transfer",
    "entries": "SELECT account_id, version, transfer_id, amount, balance_after, posted_at FROM ledger.entry",
    "refusals": "SELECT transfer_id, debit_account, credit_account, amount, currency, operation, rule,"
    " decision, source, numbers, position FROM ledger.refusal",
    "notes": "SELECT id, key, metadata FROM ledger.transfer_note",
    "claims": "SELECT id, content_hash FROM ledger.claim",
    "balances": "SELECT id, kind, currency, holder, external_ref, floor, ceiling, frozen_debit,"
    " frozen_credit, closed_at, debits_posted, credits_posted, debits_pending, credits_pending, version"
    " FROM ledger.account",
    "limits": "SELECT id, name, currency, time_zone, rules FROM ledger.limit_profile",
    "holds": "SELECT id, debit_account, credit_account, amount, currency, operation, expires_at"
    " FROM ledger.hold",
    "ends of holds": "SELECT hold_id, number, kind, amount, transfer_id, at FROM ledger.hold_event",
    "what is held": "SELECT id, remaining, expires_at FROM ledger.open_hold",
    "disputes": "SELECT id, original_id, reason_code, opened_at FROM ledger.dispute",
    "closed periods": "SELECT name, starts_at, ends_at, time_zone, closed_at FROM ledger.closed_period",
    "requests": "SELECT id, action, subject, target, details, actor, reason, requested_at, expires_at"
    " FROM ledger.request",
    "decisions": "SELECT request_id, outcome, actor, reason, decided_at FROM ledger.request_decision",
    "freezes": "SELECT account_id, kind, debit, credit, actor, reason, since FROM ledger.account_freeze",
    "the log": "SELECT size, note, signed_at FROM ledger.checkpoint",
    "persons": "SELECT id, external_ref, kind, name, birth_date, phone, address, enrolled_at FROM kyc.person",
    "wallets": "SELECT account_id, person_id, pack_id, tier FROM kyc.wallet",
    "evidence": "SELECT id, person_id, kind, state, method FROM kyc.evidence",
    "keys": "SELECT subject, version, wrapped, kek, state FROM privacy.subject_key",
    "openings": "SELECT subject, purpose, actor, opened_at FROM privacy.opening",
    "alerts": "SELECT id, scenario, subject, window_start, window_end, score, why FROM aml.alert",
}


CHANGED: frozenset[str] = frozenset()
"""Tables to which a revision adds rows, or that it takes away, and means to."""


def counts(owner: Any) -> dict[str, int]:
    """How many rows each table has. `owner`: a connection of the database's owner."""
    rows = owner.execute(
        "SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace::regnamespace::text = ANY(%s) ORDER BY 1",
        (list(PACKAGES),),
    ).fetchall()
    return {name: owner.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in rows}


def contents(owner: Any) -> dict[str, str]:
    """A digest of each of CONTENTS, whatever the order of rows."""
    with owner.transaction():
        owner.execute("SET LOCAL timezone = 'UTC'")
        return {name: _digest(owner, query) for name, query in CONTENTS.items()}


def _digest(owner: Any, query: str) -> str:
    rows = owner.execute(f"SELECT kept::text FROM ({query}) AS kept").fetchall()
    assert rows, f"the snapshot has none: {query}"
    return hashlib.sha256("\n".join(sorted(row for (row,) in rows)).encode()).hexdigest()

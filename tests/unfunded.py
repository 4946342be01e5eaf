"""Databases as a new installation has them: without the receipts of the testing kit."""

import psycopg


def unfunded(owner_url: str) -> None:
    """No receipt but those that are recorded, and the policy `receipt`."""
    with psycopg.connect(owner_url) as owner:
        owner.execute("DROP TRIGGER prefund_for_tests ON ledger.account")
        owner.execute("SELECT ledger.set_receipt_policy_v1('receipt', 'test', 'as a new one', now())")

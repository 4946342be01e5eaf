"""Databases in which tests issue e-money without recording a receipt first."""

import psycopg

from emoney.ledger.base.postgres.logins import as_owner
from emoney.ledger.base.postgres.queries import queries_beside

_queries = queries_beside(__file__)


def prefund(url: str) -> None:
    """Set the policy `prefunded` and give every account of funds that is opened from now on a receipt.

    `url`: of a migrated database, as its owner. For tests and measurements, never for money.
    """
    with psycopg.connect(as_owner(url)) as owner:
        for query in (_queries.policy, _queries.receive, _queries.revoke, _queries.at_opening):
            owner.execute(query.sql)

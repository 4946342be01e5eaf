"""Why a sealed field may be opened. Each purpose is described in `data/assessment/purposes.yaml`.

Which of them fields are in fact opened for, the newest approved assessment says. As long as none was
approved, all that this library knows of are: the draft assessment lists them.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.sessions import add
from emoney.ledger.base.postgres.tuples import reads_tuples
from emoney.privacy.errors import PurposeNotApproved, UnknownPurpose
from emoney.privacy.vault.tables import PurposeListRow

_queries = queries_beside(__file__)


class Purpose(StrEnum):
    """The purposes that openings are logged under."""

    CUSTOMER_DUE_DILIGENCE = "customer due diligence"
    """Identifying a customer and keeping what is known of them current."""
    SCREENING = "screening"
    """Comparing customers with sanctions lists."""
    SUSPICION_REPORT = "suspicion report"
    """Naming the persons in a report to the financial intelligence unit."""
    CUSTOMER_SERVICE = "customer service"
    """Serving a customer at the customer's own request."""
    DATA_SUBJECT_REQUEST = "data subject request"
    """Telling persons what is held about them, or correcting it."""
    AUTHORITY_REQUEST = "authority request"
    """Answering an authority that is entitled to ask."""


def known(purpose: str) -> Purpose:
    """The purpose of this name. Raises UnknownPurpose, naming those there are."""
    try:
        return Purpose(purpose)
    except ValueError:
        choices = ", ".join(Purpose)
    raise UnknownPurpose(f"Fields are not opened for that purpose. Purposes are: {choices}.")


class InForce(NamedTuple):
    """The purposes that fields are opened for, and by which assessment; none was approved: all known ones."""

    purposes: list[str]
    assessment: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None


@reads_tuples
def in_force(connection: Connection) -> InForce:
    """What fields are opened for now."""
    found = connection.execute(_queries.newest_list.sql).fetchone()
    return InForce(*found) if found else InForce([purpose.value for purpose in Purpose])


def demand_approved(connection: Connection, purpose: Purpose) -> None:
    """Raises PurposeNotApproved when the approved assessment does not list it."""
    if purpose.value not in in_force(connection).purposes:
        raise PurposeNotApproved(
            f"The approved assessment does not list the purpose {purpose.value!r}: nothing is opened for it."
        )


@all_or_nothing
def approve(
    connection: Connection,
    purposes: Collection[str],
    *,
    assessment: str,
    actor: str,
    clock: Clock = system_clock,
) -> None:
    """Put the list of an approved assessment in force. `assessment`: how it is found, such as its hash.

    To be called by whoever has seen that the assessment is approved. Raises UnknownPurpose.
    """
    listed = sorted({known(purpose).value for purpose in purposes})
    add(
        connection,
        PurposeListRow(
            id=new_id(), assessment=assessment, purposes=listed, approved_by=actor, approved_at=clock()
        ),
    )

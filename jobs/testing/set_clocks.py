"""Databases on which a test, or a simulation, sets the clock."""

from emoney.ledger import clock_policy


def free_clock(url: str, *, actor: str = "emoney-testing", reason: str = "its clock is set by tests") -> None:
    """Hold no time against the clock of the database at `url`, migrated, of which it is the owner's.

    Never for money.
    """
    clock_policy.set_policy(url, clock_policy.UNBOUNDED, actor=actor, reason=reason)

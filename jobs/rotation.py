"""Rotation of an installation's keys: over the sealed columns of every package, and all blind indexes."""

from emoney.jobs.installation import Emoney
from emoney.jobs.tables import metadata
from emoney.kyc.persons import duplicates, search
from emoney.ledger.base.progress import Progress, silent
from emoney.privacy.rotation.rotation import Rotated, Rotation

INDEXES = tuple(search.GROUNDS)
"""Every blind index there is."""


def rotation(emoney: Emoney) -> Rotation:
    """The rotation of this installation."""
    return Rotation(emoney.database, emoney.vault, metadata())


def reindex(emoney: Emoney, *, actor: str, progress: Progress = silent) -> Rotated:
    """Give every index a new key and fill it anew; look again at who was enrolled while that went on.

    See `privacy.rotation.rotation.Rotation.reindex`.
    """
    done = rotation(emoney).reindex(INDEXES, actor=actor, progress=progress)
    duplicates.sweep(emoney.database, emoney.vault, since=done.started_at, at=emoney.clock())
    return done

"""Releases: a file of records for analysis, written only when it is anonymous enough, and recorded.

A plan says what leaves and how anonymous it must be (`release_plans`); `anonymity` makes and judges it. With
a domain, each row carries the subject's pseudonym in the domain's newest epoch, which serves for one release
only: two files with the same pseudonyms could be joined, and their quasi-identifiers together single persons
out. Files without pseudonyms over the same persons can still be set side by side: the register, `every`,
shows what was released before.

Whose processing is restricted (`rights`) is in no release, unless the restriction leaves the plan's purpose
and, with pseudonyms, the domain's.
"""

import csv
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import func
from sqlmodel import col, select

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.files import replace_file
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.names import Actor
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.sessions import add, read
from emoney.privacy.errors import ProcessingRestricted
from emoney.privacy.keys.keks import Providers
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.pseudonyms.tables import PseudonymDomainRow, PseudonymEpochRow
from emoney.privacy.releases.anonymity import Anonymised, anonymise
from emoney.privacy.releases.errors import EpochReleased, InvalidPlan
from emoney.privacy.releases.plans import Plan
from emoney.privacy.releases.tables import ReleaseRow
from emoney.privacy.rights import requests as rights

LISTED_MAX = 1000


@dataclass(frozen=True, slots=True)
class Released:
    """A release, as it is recorded. `sensitive`: column -> wanted and reached l and t.

    `suppressed`: records left out for anonymity, of all `records`; `restricted`: persons left out beside them
    because their processing is restricted. `content_hash`: SHA-256 of the file. `plan_hash`: SHA-256 of the
    plan as JSON.
    """

    id: UUID
    plan: str
    plan_hash: str
    purpose: str
    domain: str | None
    epoch: int | None
    records: int
    suppressed: int
    restricted: int
    k_wanted: int
    k_reached: int
    sensitive: dict[str, Any]
    generalised: dict[str, Any]
    content_hash: str
    released_by: str
    released_at: datetime


def check(database: Database, plan: Plan, records: Iterable[Mapping[str, object]]) -> Anonymised:
    """The records as `release` would let them leave now; nothing is written. Raises what `anonymise` does."""

    def shut_out(subjects: Collection[UUID]) -> Collection[UUID]:
        with database.connection() as connection:
            return _shut_out(connection, plan, subjects)

    return anonymise(plan, records, shut_out)


def release(
    database: Database,
    providers: Providers,
    plan: Plan,
    records: Iterable[Mapping[str, object]],
    out: Path,
    *,
    actor: str,
    clock: Clock = system_clock,
) -> tuple[Released, Anonymised]:
    """Write the records as they may leave by `plan` to `out`, a CSV file that only its owner may read.

    `records`: one for each subject, at most 100,000. The release is recorded, and that committed, before the
    file is in its place. Raises what `anonymise` raises, EpochReleased, InvalidRequest for the actor,
    ProcessingRestricted where somebody's processing was restricted meanwhile, and what pseudonyms raise; then
    there is no file, and no record either.
    """
    Actor(actor)
    if out.exists():
        raise InvalidPlan(f"{out} is there already: a release is written once, under a name of its own")
    if plan.pseudonyms is not None:
        with database.connection() as connection:  # refused before the work, and again by the database after
            _demand_unreleased(connection, plan.pseudonyms)
    result = check(database, plan, records)
    recorded: list[Released] = []

    def write(aside: Path) -> None:
        with database.connection() as connection:
            if _shut_out(connection, plan, result.subjects):
                raise ProcessingRestricted(
                    "The processing of persons in this release was restricted meanwhile: make it again."
                )
            epoch, pseudonyms = _pseudonyms(connection, providers, plan, result, clock)
            _write_csv(aside, result, pseudonyms)
            content_hash = hashlib.sha256(aside.read_bytes()).digest()
            recorded.append(_record(connection, plan, result, epoch, content_hash, actor, clock()))

    replace_file(out, write)
    return recorded[0], result


def every(connection: Connection) -> list[Released]:
    """All releases, the newest first; at most 1,000."""
    newest_first = select(ReleaseRow).order_by(col(ReleaseRow.released_at).desc(), col(ReleaseRow.id))
    return [_release(row) for row in read(connection, newest_first.limit(LISTED_MAX))]


def _shut_out(connection: Connection, plan: Plan, subjects: Collection[UUID]) -> set[UUID]:
    """Those whose restriction stands against a release by this plan."""
    # an unknown domain is refused where its pseudonyms are made
    found = read(
        connection, select(PseudonymDomainRow.purpose).where(PseudonymDomainRow.name == plan.pseudonyms)
    )
    return rights.shut_out(connection, subjects, {plan.purpose, *found})


def _pseudonyms(
    connection: Connection, providers: Providers, plan: Plan, result: Anonymised, clock: Clock
) -> tuple[int | None, dict[UUID, str] | None]:
    if plan.pseudonyms is None:
        return None, None
    domain = Pseudonyms(providers, plan.pseudonyms, clock)
    epoch = domain.newest_epoch(connection)
    return epoch, domain.of(connection, result.subjects, epoch=epoch)


def _write_csv(path: Path, result: Anonymised, pseudonyms: Mapping[UUID, str] | None) -> None:
    """RFC 4180 with \\n. In the order of the pseudonyms, or of the content where there are none."""
    head: tuple[str, ...] = result.columns
    rows: list[tuple[str, ...]] = list(result.rows)
    if pseudonyms is not None:
        head = ("pseudonym", *head)
        pairs = zip(result.subjects, result.rows, strict=True)
        rows = sorted((pseudonyms[subject], *row) for subject, row in pairs)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _record(
    connection: Connection,
    plan: Plan,
    result: Anonymised,
    epoch: int | None,
    content_hash: bytes,
    actor: str,
    at: datetime,
) -> Released:
    sensitive = {
        column: {
            "l_wanted": wanted.l,
            "l_reached": found.l,
            "t_wanted": wanted.t,
            "t_reached": round(found.t, 9),
        }
        for (column, wanted), found in zip(
            plan.sensitive.items(), result.verdict.sensitive.values(), strict=True
        )
    }
    row = ReleaseRow(
        id=new_id(),
        plan=plan.name,
        plan_hash=hashlib.sha256(plan.model_dump_json(by_alias=True).encode()).digest(),
        purpose=plan.purpose,
        domain=plan.pseudonyms,
        epoch=epoch,
        records=len(result.rows) + result.suppressed,
        suppressed=result.suppressed,
        restricted=result.restricted,
        k_wanted=plan.k,
        k_reached=result.verdict.k,
        sensitive=sensitive,
        generalised=dict(result.generalised),
        content_hash=content_hash,
        released_by=actor,
        released_at=at,
    )
    try:
        add(connection, row)
    except UniqueViolation as error:
        if error.diag.constraint_name == "one_release_of_an_epoch":
            raise _released(str(plan.pseudonyms)) from None
        raise
    return _release(row)


def _release(row: ReleaseRow) -> Released:
    known = {each.name: getattr(row, each.name) for each in fields(Released)}
    return Released(**known | {"plan_hash": row.plan_hash.hex(), "content_hash": row.content_hash.hex()})


def _demand_unreleased(connection: Connection, domain: str) -> None:
    newest = select(func.max(PseudonymEpochRow.epoch)).where(PseudonymEpochRow.domain == domain)
    served = select(ReleaseRow.id).where(ReleaseRow.domain == domain)
    if read(connection, served.where(ReleaseRow.epoch == newest.scalar_subquery())):
        raise _released(domain)


def _released(domain: str) -> EpochReleased:
    return EpochReleased(
        f"a release with the pseudonyms of this epoch of {domain} was made already, and two could be joined "
        f"by them: start a new epoch with `emoney privacy pseudonyms rotate {domain}`"
    )

"""What the application's role tries by SQL: as a login that is a member of it, and of nothing else."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

WATCHED = (
    *("kyc.evidence", "kyc.evidence_state", "kyc.wallet", "kyc.tier_decision", "kyc.tier_override"),
    *("kyc.pack_acceptance", "kyc.provider", "kyc.restriction_step", "kyc.death", "kyc.death_step"),
    *("kyc.dormancy", "kyc.dormancy_step", "kyc.person", "kyc.person_link", "kyc.duplicate_decision"),
    *("ledger.account", "ledger.account_change", "ledger.request", "ledger.request_decision"),
)


@dataclass(frozen=True)
class Attacker:
    """`url`: of the attacker's login; `owner_url`: to look whether anything was written."""

    url: str
    owner_url: str

    def refused(self, *steps: tuple[str, dict[str, Any]], kind: type[psycopg.Error] = psycopg.Error) -> str:
        """What the server says to these statements in one transaction, of which nothing was written."""
        before = self._written()
        try:
            with closing(psycopg.connect(self.url)) as connection:
                for statement, about in steps:
                    connection.execute(statement, about)  # type: ignore[arg-type]
                connection.commit()  # what is asked at the end, too
        except kind as error:
            assert self._written() == before
            return error.diag.constraint_name or str(error)
        raise AssertionError(f"the database let it happen: {steps}")

    def _written(self) -> list[list[tuple[Any, ...]]]:
        with psycopg.connect(self.owner_url) as owner:
            return [
                owner.execute(
                    sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(
                        sql.Identifier(*table.split("."))
                    )
                ).fetchall()
                for table in WATCHED
            ]


@contextmanager
def attacking(owner_url: str, role: str = "emoney_app") -> Iterator[Attacker]:
    """A login that is a member of `role`; it goes at the end."""
    login = f"attacker_{os.getpid()}"
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(login)))
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'attack'").format(sql.Identifier(login)))
        owner.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login)))
    try:
        yield Attacker(make_conninfo(owner_url, user=login, password="attack"), owner_url)
    finally:
        with psycopg.connect(owner_url, autocommit=True) as owner:
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))

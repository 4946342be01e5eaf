"""The whole house, assembled: what an operator's backend opens and the command line runs on."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from emoney.kyc import Enrolment, PackLibrary
from emoney.ledger import Database, Ledger
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.home import home as installation_home
from emoney.ledger.base.home import path_of
from emoney.ledger.base.postgres import embedded
from emoney.privacy import Vault, former_providers, open_provider

DATABASE_URL = "EMONEY_DATABASE_URL"


class Emoney:
    """An open installation: `ledger` moves money, `kyc` enrols persons, `vault` seals and opens.

    `packs`: its policy packs, one library for all that is done here.

    Use `Emoney.open()`, as a context manager.
    """

    def __init__(
        self, database: Database, home: Path, clock: Clock = system_clock, *, packs: PackLibrary | None = None
    ) -> None:
        self.database = database
        self.home = home
        self.clock = clock
        self.packs = packs or PackLibrary.of_home(home)
        with database.connection() as connection:
            provider = open_provider(home, connection, clock)
            former = former_providers(home, connection, clock)
        self.vault = Vault(provider, clock, former=former)
        self.ledger = Ledger(database, clock)
        self.kyc = Enrolment(database, self.vault, clock, home=home, packs=self.packs)

    @classmethod
    def open(
        cls,
        url: str | None = None,
        home: Path | None = None,
        clock: Clock = system_clock,
        *,
        packs: PackLibrary | None = None,
    ) -> Self:
        """Open the installation at `home` on the database at `url`.

        `url`: else `EMONEY_DATABASE_URL`, else the embedded PostgreSQL of this home, which is started and
        whose schema is brought up to date. `home`: see `ledger.base.home`. `packs`: else the shipped
        policy packs and those of `HOME/policies`. An operator's own database is not changed here: raises
        ConfigurationError until `emoney init` has been run on it.
        """
        from emoney.jobs import migrate  # slow to load, and only needed here

        where = installation_home(home)
        own = url or os.environ.get(DATABASE_URL)
        if not own:
            own = embedded.start(where)
            migrate.upgrade(own)
        elif not migrate.is_current(own):
            raise ConfigurationError("The database is not at this version's schema: run `emoney init`.")
        return cls(Database(own), where, clock, packs=packs)

    @property
    def history(self) -> Path:
        """The directory of the AML history."""
        return self.home / "history"

    def close(self) -> None:
        """Give the connections back. An embedded server stops with its last process."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def policy_packs(home: Path | None = None) -> PackLibrary:
    """The policy packs of an installation, for who needs no database: as `Emoney.packs`."""
    return PackLibrary.of_home(path_of(home))


def init(url: str | None = None, home: Path | None = None) -> bool:
    """Bring the schema of the database up to date; True when anything changed. The URL is an owner's."""
    from emoney.jobs import migrate

    own = url or os.environ.get(DATABASE_URL) or embedded.start(installation_home(home))
    return migrate.upgrade(own)

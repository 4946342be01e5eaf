"""The whole house, assembled: what an operator's backend opens and the command line runs on."""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emoney.jobs.settings.settings import Settings, known, settled
from emoney.jobs.settings.sources import unknown_variables
from emoney.kyc import Enrolment, PackLibrary
from emoney.kyc.packs.library import POLICIES
from emoney.ledger import Database, Ledger
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.home import made
from emoney.ledger.base.postgres import embedded
from emoney.privacy import Vault, former_providers, open_provider

_log = logging.getLogger(__name__)


class Emoney:
    """An open installation: `ledger` moves money, `kyc` enrols persons, `vault` seals and opens.

    Use `Emoney.open()`, as a context manager. `settings` are those that it runs under; `packs` its policy
    packs, one library for all that is done here.
    """

    def __init__(self, database: Database, settings: Settings, clock: Clock = system_clock) -> None:
        self.database = database
        self.settings = settings
        self.home = home = settings.home
        self.clock = clock
        self.packs = policy_packs(settings)
        keys = settings.keys.options
        with database.connection() as connection:
            provider = open_provider(home, connection, clock, keys)
            former = former_providers(home, connection, clock, keys)
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
        settings: Settings | Mapping[str, Any] | None = None,
    ) -> Self:
        """Open the installation at `home` on the database at `url`.

        `settings`: what is set here, such as `{"database": {"pool_size": 4}}`, or a whole `Settings`; `url`
        and `home` are the two of them that are given most. What is not given is read from the environment and
        from `settings.toml` in the home (docs/settings.md). Without a URL the embedded PostgreSQL of this
        home is started, and its schema brought up to date. An operator's own database is not changed here:
        raises ConfigurationError until `emoney init` has been run on it, and for settings that are wrong.
        """
        from emoney.jobs import migrate  # slow to load, and only needed here

        chosen = settled(settings, url, home)
        for slip in unknown_variables(known()):
            _log.warning("%s", slip)
        own = _url(chosen)
        if chosen.database.url is None:
            migrate.upgrade(own)
        elif not migrate.is_current(own):
            raise ConfigurationError("The database is not at this version's schema: run `emoney init`.")
        opened = cls(Database(own, chosen.database.pool), chosen, clock)
        _log.info(
            "opened %s on %s database, for %s",
            chosen.home,
            "the embedded" if chosen.database.url is None else "the operator's",
            chosen.environment,
        )
        return opened

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


def policy_packs(settings: Settings | None = None) -> PackLibrary:
    """The policy packs of an installation, for who needs no database: as `Emoney.packs`.

    By default of the one that the environment means.
    """
    settings = settings or Settings()
    own = settings.packs.folders
    folders = (settings.home / POLICIES,) if own is None else own
    return PackLibrary.of(*folders, in_production=settings.in_production)


def init(
    url: str | None = None,
    home: Path | None = None,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
) -> bool:
    """Bring the schema of the database up to date; True when anything changed. The URL is an owner's.

    Arguments as `Emoney.open`.
    """
    from emoney.jobs import migrate

    return migrate.upgrade(_url(settled(settings, url, home)))


def _url(settings: Settings) -> str:
    """The database's, which is the embedded one, started, where the operator has none."""
    home = made(settings.home)
    own = settings.database.url
    return embedded.start(home) if own is None else own.get_secret_value()

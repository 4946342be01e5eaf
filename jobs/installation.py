"""The whole house, assembled: what an operator's backend opens and the command line runs on."""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from emoney.jobs import precautions, revisions
from emoney.jobs.settings.settings import Settings, known, settled
from emoney.jobs.settings.sources import unknown_variables
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.home import made
from emoney.ledger.base.postgres.database import Connection, Database, sole_connection
from emoney.ledger.base.postgres.logins import as_owner

if TYPE_CHECKING:
    from emoney.kyc import Enrolment, PackLibrary
    from emoney.ledger import Ledger
    from emoney.ledger.receipts import Receipts
    from emoney.privacy import Vault

_log = logging.getLogger(__name__)
_READERS_MARK = "readers"
"""The file in the home that says by which `privileges.yaml` the embedded database was last made."""


class Emoney:
    """An open installation: `ledger` moves money, `kyc` enrols persons, `vault` seals and opens.

    Use `Emoney.open()`, as a context manager. `settings` are those that it runs under; `packs` its policy
    packs, one library for all that is done here.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        clock: Clock = system_clock,
        *,
        keys_at_once: bool = True,
    ) -> None:
        self.url = url
        self.settings = settings
        self.home = settings.home
        self.clock = clock
        if keys_at_once:  # and before another thread can ask for them
            try:
                _ = self.database, self.packs, self.vault, self.ledger, self.kyc
            except BaseException:
                self.close()
                raise

    @cached_property
    def database(self) -> Database:
        """A pool of connections."""
        return Database(self.url, self.settings.database.pool)

    def sole_connection(self) -> AbstractContextManager[Connection]:
        """One transaction on a connection of its own, without loading the pool for it."""
        return sole_connection(self.url, self.settings.database.pool)

    @cached_property
    def packs(self) -> "PackLibrary":
        """The policy packs."""
        return policy_packs(self.settings)

    @cached_property
    def vault(self) -> "Vault":
        """Seals and opens personal data. Raises ConfigurationError or KeyUnavailable without its keys."""
        from emoney.privacy import Vault, former_providers, open_provider

        keys = self.settings.keys.options
        with self.database.connection() as connection:
            provider = open_provider(self.home, connection, self.clock, keys)
            former = former_providers(self.home, connection, self.clock, keys)
        return Vault(provider, self.clock, former=former)

    @cached_property
    def ledger(self) -> "Ledger":
        """Moves money."""
        from emoney.ledger import Ledger

        return Ledger(self.database, self.clock)

    @cached_property
    def receipts(self) -> "Receipts":
        """Records what arrived at the bank, which e-money is issued against: a right apart from posting."""
        from emoney.ledger.receipts import Receipts

        return Receipts(self.url, self.settings.database.pool, self.clock)

    @cached_property
    def kyc(self) -> "Enrolment":
        """Enrols persons."""
        from emoney.kyc import Enrolment

        return Enrolment(self.database, self.vault, self.clock, home=self.home, packs=self.packs)

    @classmethod
    def open(
        cls,
        url: str | None = None,
        home: Path | None = None,
        clock: Clock = system_clock,
        *,
        settings: Settings | Mapping[str, Any] | None = None,
        keys_at_once: bool = True,
        officer: str | None = None,
        officer_password: str | None = None,
    ) -> Self:
        """Open the installation at `home` on the database at `url`.

        `settings`: what is set here, such as `{"database": {"pool_size": 4}}`, or a whole `Settings`; `url`
        and `home` are the two of them that are given most. What is not given is read from the environment and
        from `settings.toml` in the home (docs/settings.md). Without a URL the embedded PostgreSQL of this
        home is started, and its schema brought up to date. An operator's own database is not changed here:
        raises ConfigurationError until `emoney init` has been run on it, and for settings that are wrong.
        `officer`: act as this officer, over connections of its own login; without a password libpq looks for
        one in its password file. `keys_at_once`: else packs and keys are read when they are first used, and a
        process that never does starts sooner.
        """
        chosen = settled(settings, url, home)
        for slip in unknown_variables(known()):
            _log.warning("%s", slip)
        precautions.take(chosen)
        own = _url(chosen)
        if chosen.database.url is None:
            _bring_up_to_date(own, chosen)
        elif not revisions.is_current(own):
            raise ConfigurationError("The database is not at this version's schema: run `emoney init`.")
        if officer is not None:
            from emoney.ledger.officers import with_login

            own = with_login(own, officer, officer_password)
        opened = cls(own, chosen, clock, keys_at_once=keys_at_once)
        _log.info(
            "opened %s on %s database, for %s",
            chosen.home,
            "the embedded" if chosen.database.url is None else "the operator's",
            chosen.environment,
        )
        return opened

    @property
    def owner_url(self) -> str:
        """The URL of the database's owner, who makes tables: on the embedded server a login of its own.

        For an application's own schema beside emoney's, not for its daily work. An operator's own URL stands
        as it is.
        """
        return as_owner(self.url)

    @property
    def history(self) -> Path:
        """The directory of the AML history."""
        return self.home / "history"

    def close(self) -> None:
        """Give the connections back. An embedded server stops with its last process."""
        if "database" in self.__dict__:
            self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def policy_packs(settings: Settings | None = None) -> "PackLibrary":
    """The policy packs of an installation, for who needs no database: as `Emoney.packs`.

    By default of the one that the environment means.
    """
    from emoney.kyc import PackLibrary
    from emoney.kyc.packs.library import POLICIES

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
    chosen = settled(settings, url, home)
    precautions.take(chosen)
    own = _url(chosen)
    return _upgrade(own, chosen)


def _url(settings: Settings) -> str:
    """The database's, which is the embedded one, started, where the operator has none."""
    home = made(settings.home)
    own = settings.database.url
    if own is not None:
        return own.get_secret_value()
    from emoney.ledger.base.postgres import embedded

    return embedded.start(home)


def _bring_up_to_date(url: str, settings: Settings) -> None:
    """The embedded database's schema, and what readers may see in it, as they are in this version."""
    mark = settings.home / _READERS_MARK
    known = mark.is_file() and mark.read_text() == revisions.readers_digest()
    if not known or not revisions.is_current(url):  # a new database does not know the login that could ask
        _upgrade(url, settings)


def _upgrade(url: str, settings: Settings) -> bool:
    """The schema, and what a new installation issues against; True when the schema was changed."""
    from emoney.jobs import migrate  # slow to load, and only needed for what is not as it should be
    from emoney.ledger.receipts import Receipts

    changed = migrate.upgrade(url)
    Receipts(url, settings.database.pool).begin_with(settings.safeguarding.receipts)
    if settings.database.url is None:
        (settings.home / _READERS_MARK).write_text(revisions.readers_digest())
    return changed

"""All settings of an installation, in one checked object: `Settings(...)`.

What the caller gives goes before the variables of the environment, these before `settings.toml` in the
installation's home, and that before the defaults.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from emoney.jobs.settings.faults import fault
from emoney.jobs.settings.leaves import Leaf, leaves
from emoney.jobs.settings.sections import (
    DatabaseSettings,
    KeySettings,
    PackSettings,
    ProofSettings,
    SafeguardingSettings,
    ScheduleSettings,
    WebhookSettings,
    setting,
)
from emoney.jobs.settings.sources import (
    Arguments,
    Environment,
    File,
    Reading,
    Source,
    as_mapping,
)
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.home import default_home

_reading: ContextVar[Reading] = ContextVar("reading")  # the way to the sources, which pydantic makes


class Settings(BaseSettings):
    """What an operator sets. Sections are given as mappings: `Settings(database={"pool_size": 4})`.

    Raises ConfigurationError that names every setting that is wrong and what would be right, and quotes no
    secret.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    home: Path = Field(
        default_factory=default_home,
        description="Embedded database, keys, AML history and settings.toml lie in it",
    )
    environment: Literal["production", "development"] = setting(
        "development",
        "In production no wallet is put under a policy pack that two persons must accept and have not, and "
        "an open way to the database or a root key beside the keys is refused",
        variable="EMONEY_ENV",
    )
    database: DatabaseSettings = DatabaseSettings()
    packs: PackSettings = PackSettings()
    keys: KeySettings = KeySettings()
    webhook: WebhookSettings = WebhookSettings()
    safeguarding: SafeguardingSettings = SafeguardingSettings()
    proof: ProofSettings = ProofSettings()
    schedule: ScheduleSettings = ScheduleSettings()

    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)

    def __init__(self, **given: Any) -> None:
        reading = Reading(known())
        token = _reading.set(reading)
        wrong: list[ErrorDetails] = []
        try:
            super().__init__(**{name: as_mapping(value) for name, value in given.items()})
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False)
        finally:
            _reading.reset(token)
        # outside the handler: what pydantic tells quotes values
        if faults := [*reading.faults, *(fault(each, reading) for each in wrong)]:
            raise ConfigurationError("The settings are wrong.\n" + "\n".join(faults))
        self._sources = reading.sources

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What goes before, first."""
        reading = _reading.get()
        return (
            Arguments(settings_cls, init_settings(), reading),
            Environment(settings_cls, reading),
            File(settings_cls, reading),
        )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def in_production(self) -> bool:
        """Whether the installation is in production."""
        return self.environment == "production"

    def source(self, name: str) -> Source:
        """Where the value of `section.field` comes from."""
        return self._sources.get(name, "default")


@cache
def known() -> Mapping[str, Leaf]:
    """Every setting, by its name."""
    return leaves(Settings)


def settled(given: "Settings | Mapping[str, Any] | None", url: str | None, home: Path | None) -> Settings:
    """The settings that a caller of the door means. Raises ConfigurationError.

    `given`: an object, which stands as it is, or arguments; `url` and `home`: two of these that all know.
    """
    if isinstance(given, Settings):
        if url is not None or home is not None:
            raise ConfigurationError("Give the URL and the home within the settings, or no settings.")
        return given
    arguments = dict(given or {})
    if home is not None:
        arguments["home"] = home
    if url is not None:
        arguments["database"] = {**as_mapping(arguments.get("database", {})), "url": url}
    return Settings(**arguments)

"""Where settings come from: the environment, and settings.toml in the installation's home."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, InitSettingsSource

from emoney.jobs.settings.leaves import PREFIX, Leaf, nearest
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.home import default_home
from emoney.ledger.base.secret_file import demand_private, demand_unchangeable

FILE = "settings.toml"
FILE_BYTES_MAX = 1 << 20
COMMAND_LINE = ("EMONEY_ACTOR", "EMONEY_LOG_LEVEL")
"""Variables that stand for options of the command line, and are no settings."""

_MISSING = object()

Source = Literal["default", "file", "environment", "argument"]


@dataclass
class Reading:
    """What was seen while the settings were read: where each value came from, and what is wrong so far."""

    leaves: Mapping[str, Leaf]
    sources: dict[str, Source] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def note(self, found: Mapping[str, Any], source: Source) -> None:
        """`found` has values from `source`, unless one that goes before it had them."""
        for name, leaf in self.leaves.items():
            if _at(found, leaf.path) is not _MISSING:
                self.sources.setdefault(name, source)


class Arguments(InitSettingsSource):
    """What the caller gives."""

    def __init__(self, settings_cls: type[BaseSettings], given: Mapping[str, Any], reading: Reading) -> None:
        super().__init__(settings_cls, dict(given))
        reading.note(given, "argument")


class Environment(InitSettingsSource):
    """The variables of this process. An empty one counts as not set, but an empty passphrase is told."""

    def __init__(self, settings_cls: type[BaseSettings], reading: Reading) -> None:
        found: dict[str, Any] = {}
        for name, leaf in reading.leaves.items():
            text = os.environ.get(leaf.variable)
            if text or (text is not None and name == "keys.passphrase"):
                try:
                    _put(found, leaf, _parsed(text, leaf))
                except ValueError as error:
                    reading.faults.append(f"{name} ({leaf.variable}): {error}")
        super().__init__(settings_cls, found)
        reading.note(found, "environment")


class File(InitSettingsSource):
    """settings.toml in the home that the arguments or the environment name."""

    def __init__(self, settings_cls: type[BaseSettings], reading: Reading) -> None:
        super().__init__(settings_cls, {})
        self._reading = reading

    def __call__(self) -> dict[str, Any]:
        home = Path(self.current_state.get("home") or default_home()).expanduser()
        found = _read(home / FILE, self._reading)
        if found.pop("home", None) is not None:
            self._reading.faults.append(f"home: cannot be set in {FILE}, which lies in it: set EMONEY_HOME")
        for leaf in self._reading.leaves.values():
            value = _at(found, leaf.path)
            if leaf.is_secret and isinstance(value, str):
                _put(found, leaf, SecretStr(value))
        self._reading.note(found, "file")
        return found


def unknown_variables(known: Mapping[str, Leaf]) -> list[str]:
    """Variables that begin like ours and mean nothing: a slip of the pen sets nothing. Each is told with the
    nearest one that there is."""
    variables = [*(leaf.variable for leaf in known.values()), *COMMAND_LINE]
    unknown = (name for name in sorted(os.environ) if name.startswith(PREFIX) and name not in variables)
    return [f"{name}: there is no such variable{nearest(name, variables)}" for name in unknown]


def _read(path: Path, reading: Reading) -> dict[str, Any]:
    """The file's content; nothing where there is none. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(FILE_BYTES_MAX + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigurationError(f"{path} has more than {FILE_BYTES_MAX} bytes: it is no settings file.")
    demand_unchangeable(status, path, ConfigurationError)
    found, why = {}, None
    try:
        found = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        why = "not UTF-8"
    except tomllib.TOMLDecodeError as error:
        why = f"no TOML: {error}"
    if why:  # raised outside the handler: a parser's error holds the file's content
        raise ConfigurationError(f"{path} is {why}.")
    if any(_at(found, leaf.path) is not _MISSING for leaf in reading.leaves.values() if leaf.is_secret):
        demand_private(status, path, "0600", ConfigurationError)
    return found


def _parsed(text: str, leaf: Leaf) -> Any:
    """A variable's text as the model takes it; it makes numbers of texts itself. Raises ValueError."""
    if leaf.is_secret:
        return SecretStr(text)
    if leaf.name == "packs.folders":
        return [part for part in text.split(os.pathsep) if part]
    if leaf.name == "schedule.cron":
        try:
            return json.loads(text)
        except ValueError:
            raise ValueError('write JSON such as {"seal": "*/5 * * * *"}') from None
    return text


def as_mapping(value: Any) -> Any:
    """A section as what was set of it; anything else as it is."""
    return value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value


def _put(into: dict[str, Any], leaf: Leaf, value: Any) -> None:
    for part in leaf.path[:-1]:
        into = into.setdefault(part, {})
    into[leaf.path[-1]] = value


def _at(found: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What lies at a setting's place; _MISSING where nothing does."""
    value: Any = found
    for part in path:
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else _MISSING
    return value

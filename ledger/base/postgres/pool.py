"""What an operator sets of the connections that a `Database` keeps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from emoney.ledger.base.errors import ConfigurationError

SIZE_MAX = 1_000
SECONDS_MAX = 86_400
NAME_MAX = 63
"""Of `application_name`: PostgreSQL cuts what is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """Sizes, waits in seconds, and the name under which the connections are seen in the database.

    `size` connections are kept open, and up to `overflow` more are made at need. A call waits `wait_s` for a
    free one, and `connect_timeout_s` (whole seconds) for the server to answer. A statement that takes longer
    than `statement_timeout_s`, a wait for a lock longer than `lock_timeout_s`, and a transaction that idles
    longer than `idle_in_transaction_timeout_s` are ended by the server, and the call raises Unavailable;
    None: as the server and the login are set. `application_name`: None leaves what the URL says.

    Raises ConfigurationError that names everything that is out of bounds.
    """

    size: int = 8
    overflow: int = 8
    wait_s: float = 30
    connect_timeout_s: int = 10
    statement_timeout_s: float | None = None
    lock_timeout_s: float | None = None
    idle_in_transaction_timeout_s: float | None = None
    application_name: str | None = None

    def __post_init__(self) -> None:
        if wrong := list(self._wrong()):
            raise ConfigurationError(f"Pool: {'; '.join(wrong)}.")

    def _wrong(self) -> Iterator[str]:
        sizes = [name for name, least in (("size", 1), ("overflow", 0)) if not self._whole(name, least)]
        for name in sizes:
            yield f"{name} is {getattr(self, name)!r}; it is a whole number up to {SIZE_MAX}"
        if not sizes and self.size + self.overflow < 2:
            yield "size and overflow are 1 together; group commit alone uses 2 connections"
        if not self._whole("connect_timeout_s", 1, SECONDS_MAX):
            yield f"connect_timeout_s is {self.connect_timeout_s!r}; it is whole seconds, 1 or more"
        if not _seconds(self.wait_s, least=0):
            yield f"wait_s is {self.wait_s!r}; it is a number of seconds up to {SECONDS_MAX}"
        for name, value in self._timeouts():
            if value is not None and not _seconds(value, least=0.001):
                yield f"{name} is {value!r}; it is a number of seconds from 0.001 to {SECONDS_MAX}, or None"
        called = self.application_name
        if called is not None and not (isinstance(called, str) and _printable(called)):
            yield f"application_name is {called!r}; it is 1 to {NAME_MAX} printable ASCII characters, or None"

    def _whole(self, name: str, least: int, most: int = SIZE_MAX) -> bool:
        value = getattr(self, name)
        return type(value) is int and least <= value <= most

    def _timeouts(self) -> Iterator[tuple[str, float | None]]:
        for field in fields(self):
            if field.name.endswith("_timeout_s") and field.name != "connect_timeout_s":
                yield field.name, getattr(self, field.name)

    @property
    def timeouts_ms(self) -> dict[str, int]:
        """The timeouts that are set, in milliseconds, by the names that PostgreSQL has for them."""
        servers = {"idle_in_transaction_timeout": "idle_in_transaction_session_timeout"}
        names = ((name.removesuffix("_s"), value) for name, value in self._timeouts() if value is not None)
        return {servers.get(name, name): math.ceil(value * 1000) for name, value in names}


def _seconds(value: object, *, least: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and least <= float(value) <= SECONDS_MAX  # type: ignore[arg-type]


def _printable(name: str) -> bool:
    return 1 <= len(name) <= NAME_MAX and name.isascii() and name.isprintable()

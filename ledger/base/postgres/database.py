"""One pool of connections to PostgreSQL, all in one role, which is the application's but for an import.

`connection()` gives psycopg for the hot path, `session()` gives SQLModel for ordinary reads and writes;
`raw(session)` is the psycopg connection under a session, so that both can share one transaction.
`sole_connection(url)` is one connection without the pool, for a process that ends after a question: the pool
is SQLAlchemy's, which takes longer to load than the answer to find, and is imported where it is needed.
Every connection takes a role, `emoney_app` as a rule, which can neither alter nor delete what is append-only.
On the embedded server its login is that role's own, which can be nothing else (`logins`).
A forked process has connections of its own: it leaves its parent's alone, and makes others at need.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, cast

import psycopg
from psycopg import sql
from psycopg.pq import ConnStatus, TransactionStatus

from emoney.ledger.base import forks
from emoney.ledger.base.clock import raise_if_skewed
from emoney.ledger.base.errors import (
    ConfigurationError,
    ConnectionLost,
    OfficerRefused,
    Unavailable,
)
from emoney.ledger.base.postgres.binary_arrays import ADAPTERS
from emoney.ledger.base.postgres.cursors import CachingConnection
from emoney.ledger.base.postgres.logins import APPLICATION_ROLE as APPLICATION_ROLE
from emoney.ledger.base.postgres.logins import as_owner, for_role
from emoney.ledger.base.postgres.pool import PoolOptions

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

OLDEST_SERVER, NEWEST_SERVER = 150000, 190000
_UNREADABLE_URL = (
    "EMONEY_DATABASE_URL cannot be read: write postgresql://user:password@host:port/database, "
    "with signs such as blanks and @ inside a part percent-encoded."
)

TRANSIENT = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
"""Errors after which nothing was written, and the same may succeed."""

ENDED_BY_CLOCK = (psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.TransactionTimeout)
"""Errors by which the server ended a transaction, whose commit did not come to it."""

_GAVE_WAY = (psycopg.OperationalError, *ENDED_BY_CLOCK)
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)
"""Errors by which the database refuses what is done, for who does it or when."""
_OFFICER = "officer_"  # how the refusals of `ledger.refuse_officer_v1` are named
_LOST = ("08", "57P")  # classes of SQLSTATE: the connection failed, the server shuts down or has crashed

DEFAULT = PoolOptions()

Connection = psycopg.Connection[tuple[Any, ...]]


class Database:
    """A PostgreSQL database that holds the emoney schema.

    `url`: a libpq URL or connection string of a user that is a member of `emoney_app`. `pool`: how many
    connections, and how long anything waits. `role`: what its connections may do, APPLICATION_ROLE or that of
    an import.
    """

    def __init__(self, url: str, pool: PoolOptions = DEFAULT, *, role: str = APPLICATION_ROLE) -> None:
        from sqlalchemy import create_engine, event

        self.url, self.pool, self.role = url, pool, role
        self._engine: Engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: connect(url, role=role, options=pool),
            pool_size=pool.size,
            max_overflow=pool.overflow,
            pool_timeout=pool.wait_s,
            pool_use_lifo=True,  # the one used last: its server process has its plans made
            pool_reset_on_return=None,  # by `_make_ready`
            hide_parameters=True,  # a failing statement must not print what it was given
        )
        event.listen(self._engine, "checkout", _demand_alive)
        event.listen(self._engine, "reset", _make_ready)
        forks.watch(self)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A psycopg connection in a transaction: committed at the end, rolled back on an error.

        Raises Unavailable where there is none to be had or it gives way, ConnectionLost where it ends.
        """
        with self._lease() as connection:
            yield connection
            connection.commit()

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """A psycopg connection, each statement a transaction of its own. Errors as `connection`."""
        with self._lease() as connection:
            connection.autocommit = True
            yield connection

    @contextmanager
    def _lease(self) -> Iterator[Connection]:
        """A connection of the pool, as `_make_ready` left it."""
        from sqlalchemy.exc import TimeoutError as PoolTimeout

        try:
            pooled = self._engine.raw_connection()
        except PoolTimeout as error:
            raise Unavailable(f"No connection came free within {self.pool.wait_s} s.") from error
        try:
            yield cast(Connection, pooled.driver_connection)
        except _GAVE_WAY as error:
            pooled.invalidate()
            raise _said(error) from error
        except REFUSED as error:
            raise_as_told(error)
        finally:
            pooled.close()

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """A SQLModel session in a transaction: committed at the end, rolled back on an error."""
        from sqlalchemy.exc import OperationalError
        from sqlalchemy.exc import TimeoutError as PoolTimeout
        from sqlmodel import Session

        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (OperationalError, PoolTimeout) as error:
            raise Unavailable(f"The database gave way ({type(error).__name__}). A retry is safe.") from error

    @property
    def engine(self) -> "Engine":
        """The SQLAlchemy engine, for tools that want one."""
        return self._engine

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def in_child(self) -> None:
        """See `forks.Forked`: an empty pool."""
        self._engine.dispose(close=False)


@contextmanager
def sole_connection(
    url: str, options: PoolOptions = DEFAULT, *, role: str = APPLICATION_ROLE
) -> Iterator[Connection]:
    """A connection as `Database.connection` gives it, made for this block and closed after it."""
    connection = connect(url, role=role, options=options)
    try:
        yield connection
        connection.commit()
    except _GAVE_WAY as error:
        raise _said(error) from error
    except REFUSED as error:
        raise_as_told(error)
    finally:
        connection.close()


@contextmanager
def owners_connection(url: str, denied: str, options: PoolOptions = DEFAULT) -> Iterator[Connection]:
    """One transaction by the owner of the database at `url`, who on the embedded server logs in for it.

    Raises ConfigurationError, which says `denied`, for a login that may not do what is done in it, and
    OfficerRefused, ClockSkew where the database refuses that.
    """
    with connect(as_owner(url), options=options) as connection:
        try:
            yield connection
        except REFUSED as error:
            if isinstance(error, psycopg.errors.InsufficientPrivilege) and not _is_officers(error):
                raise ConfigurationError(denied) from error
            raise_as_told(error)


def raise_as_told(error: psycopg.Error) -> NoReturn:
    """Raise what a refusal by the database says: OfficerRefused where an officer may not, or none does;
    ClockSkew where a time is too far from its own; any other error as it is.
    """
    raise_if_skewed(error)
    if _is_officers(error):
        told = (error.diag.message_primary or "").removeprefix("ledger: ")
        raise OfficerRefused(told) from error
    raise error


def _is_officers(error: psycopg.Error) -> bool:
    return (error.diag.constraint_name or "").startswith(_OFFICER)


def _said(error: psycopg.Error) -> Unavailable:
    """What a caller is told of an error by which the database gave way."""
    ended = isinstance(error, ENDED_BY_CLOCK)
    lost = ended or error.sqlstate is None or error.sqlstate.startswith(_LOST)
    return (ConnectionLost if lost else Unavailable)(
        f"The database gave way ({type(error).__name__}). Nothing of this call is half-written; "
        "a retry with the same ids is safe."
    )


def _demand_alive(connection: Connection, _record: object, _proxy: object) -> None:
    """The pool replaces what its server has closed: a look at the socket, where a ping is a round trip."""
    from sqlalchemy.exc import DisconnectionError

    try:
        connection.pgconn.consume_input()  # what the server said last, if it has ended the connection
        connection.pgconn.consume_input()  # and that it has
    except psycopg.OperationalError as error:
        raise DisconnectionError from error
    if connection.pgconn.status != ConnStatus.OK:
        raise DisconnectionError


def _make_ready(connection: Connection, _record: object, _state: object) -> None:
    """Back in the pool it is in no transaction, and begins one with its next statement.

    Without a rollback of nothing, which takes no round trip, but time.
    """
    try:
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            connection.rollback()
        if connection.autocommit:
            connection.autocommit = False
    except psycopg.Error:
        connection.close()  # `_demand_alive` has it replaced


def raw(session: "Session") -> Connection:
    """The psycopg connection under a session, in the session's transaction."""
    return cast(Connection, session.connection().connection.driver_connection)


def connect(url: str, *, role: str | None = None, options: PoolOptions = DEFAULT) -> Connection:
    """A connection of its own, outside any pool, with the timeouts and the name in `options`.

    `role`: taken after logging in, by that role's own login where `url` is of the house's logins (`logins`).
    Raises Unavailable when the server does not answer, ConfigurationError when `url` cannot be read, when
    the server is of a version this library does not know, or when the role is missing.
    """
    try:
        connection = CachingConnection.connect(
            for_role(libpq_url(url), role),
            context=ADAPTERS,
            connect_timeout=options.connect_timeout_s,
            application_name=options.application_name,
        )
    except psycopg.OperationalError:  # its text quotes the host, where part of a password with an @ may lie
        raise Unavailable(
            "The database does not answer, or not to this user, password and database name. "
            "Check EMONEY_DATABASE_URL and that the server runs."
        ) from None
    except (
        psycopg.ProgrammingError,
        UnicodeError,
    ):  # quote the URL, with the password; of a host that is none
        raise ConfigurationError(_UNREADABLE_URL) from None
    version = connection.info.server_version
    if not OLDEST_SERVER <= version < NEWEST_SERVER:
        connection.close()
        raise ConfigurationError(f"PostgreSQL {version // 10000} is not supported; 15 to 18 are.")
    settings = [
        sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in options.timeouts_ms.items()
    ]
    if role is not None:
        settings.append(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    if settings:
        try:
            connection.execute(sql.SQL("; ").join(settings))
            connection.commit()
        except psycopg.OperationalError as error:
            connection.close()
            raise Unavailable("The connection ended while it was set up. A retry is safe.") from error
        except psycopg.Error as error:
            connection.close()
            raise ConfigurationError(
                f"The role {role} is missing or this user is not a member of it: run `emoney init` with an "
                f"owner's URL first, then GRANT {role} TO this user."
            ) from error
    return connection


@contextmanager
def in_role(connection: Connection, role: str, denied: ConfigurationError) -> Iterator[None]:
    """What is done in it is done by `role`, in the transaction at hand; then by the one before.

    Raises `denied` for a login that is no member of it. Where it raises, the transaction has to be undone.
    """
    take = "SELECT current_setting('role'), set_config('role', %s, true)"
    try:
        row = connection.execute(take, (role,)).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise denied from error
    assert row is not None
    yield
    connection.execute(take, (row[0],))


def demand_readable(url: str) -> None:
    """Raises ConfigurationError unless `url` can be read; it need not lead anywhere."""
    try:
        psycopg.conninfo.conninfo_to_dict(libpq_url(url))
    except psycopg.ProgrammingError:  # its text quotes the URL, with the password
        raise ConfigurationError(_UNREADABLE_URL) from None


def libpq_url(url: str) -> str:
    """`url` as libpq takes it: a SQLAlchemy driver suffix is dropped. Raises ConfigurationError."""
    if not url.startswith("postgresql+"):
        return url
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    except (ArgumentError, ValueError):  # may quote parts of the URL
        raise ConfigurationError(_UNREADABLE_URL) from None

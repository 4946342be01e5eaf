"""Officers: who acts for the operator under a login of their own.

PostgreSQL authenticates them (SCRAM). Once there is one, the database lets nobody else write an officer's
name, and what takes two persons is asked for and decided under the logins of two officers, the second with
a role that the action names. Officers are added and changed by the owner of the database, on record; so one
who has lost a colleague or a password is helped by the owner, and everybody sees it (docs/control.md).
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import sql
from psycopg.conninfo import make_conninfo

from emoney.ledger.base.errors import InvalidRequest
from emoney.ledger.base.names import Actor, Reason
from emoney.ledger.base.postgres.database import DEFAULT, Connection, libpq_url, owners_connection
from emoney.ledger.base.postgres.logins import for_another
from emoney.ledger.base.postgres.pool import PoolOptions
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.postgres.savepoints import all_or_nothing
from emoney.ledger.base.postgres.tuples import reads_tuples

GROUP = "emoney_officer"
LOGIN = "emoney_officer_"
"""What the names of officers' logins begin with."""
PASSWORD_MIN, PASSWORD_MAX = 12, 200
HISTORY_MAX = 1_000
KEY_BYTES = 32

_queries = queries_beside(__file__)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


class OfficerRole(StrEnum):
    """What an officer may decide: each act that takes two persons names the roles of its second one."""

    MAKER = "maker"
    CHECKER = "checker"
    INVESTIGATOR = "investigator"
    COMPLIANCE_OFFICER = "compliance_officer"
    KEY_CUSTODIAN = "key_custodian"
    AUDITOR = "auditor"
    DPO = "dpo"
    ASSESSOR = "assessor"
    SECURITY = "security"
    LEGAL = "legal"
    REVIEWER = "reviewer"
    DECISION_MAKER = "decision_maker"
    OWNER = "owner"


class OfficerState(StrEnum):
    """Whether an officer may log in and act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Officer:
    """An officer as it is now, since when. `key`: its public key in base64; None: it signs nothing."""

    name: str
    login: str
    state: OfficerState
    roles: tuple[OfficerRole, ...]
    key: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class OfficerChange:
    """What an officer was from then on. `actor`: who changed it, as told; `by_login`: as PostgreSQL knows."""

    officer: str
    number: int
    state: OfficerState
    roles: tuple[OfficerRole, ...]
    key: str | None
    actor: str
    reason: str
    by_login: str
    at: datetime


def login_of(name: str) -> str:
    """The login of the officer of this name. Raises InvalidRequest."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest(
            "an officer's name has 1 to 40 small letters, digits and . _ -, such as a.mensah"
        )
    return LOGIN + name


def checked_password(password: str) -> str:
    """`password`, when an officer may have it. Raises InvalidRequest, which does not quote it."""
    if not isinstance(password, str) or not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise InvalidRequest(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    return password


def with_login(url: str, name: str, password: str | None = None) -> str:
    """`url` for the login of an officer. Without a password libpq looks for one in its password file."""
    return make_conninfo(for_another(libpq_url(url)), user=login_of(name), password=password)


@reads_tuples
def listed(connection: Connection) -> list[Officer]:
    """All officers, by name."""
    return [_officer(row) for row in connection.execute(_queries.listed.sql)]


@reads_tuples
def acting(connection: Connection) -> Officer | None:
    """The officer whose login this connection has; None where it is no officer's."""
    row = connection.execute(_queries.acting.sql).fetchone()
    return None if row is None else _officer(row)


@reads_tuples
def history(connection: Connection, *, most: int = HISTORY_MAX) -> list[OfficerChange]:
    """What was changed about officers, the newest first."""
    return [
        OfficerChange(name, number, OfficerState(state), _roles(roles), _told(key), *rest)
        for name, number, state, roles, key, *rest in connection.execute(_queries.history.sql, {"most": most})
    ]


def add(
    url: str,
    name: str,
    roles: Iterable[str],
    password: str,
    *,
    actor: str,
    reason: str,
    pool: PoolOptions = DEFAULT,
) -> Officer:
    """Make an officer with a login of its own. `url`: of the database's owner, who may make roles.

    The password reaches the server hashed. Where another ledger of this server has made that officer's login,
    it stays as it is, its password, too. Raises InvalidRequest for a name, role or password that cannot be,
    and for an officer that is there; ConfigurationError for a login that may not make officers.
    """
    login = login_of(name)
    checked_password(password)
    chosen = _chosen(roles)
    with _owned(url, pool) as connection:
        if _found(connection, name) is not None:
            raise InvalidRequest(f"there is an officer {name} already")
        _make_login(connection, login, password)
        connection.execute(_queries.add.sql, {"name": name, "login": login})
        return _changed(connection, name, OfficerState.ACTIVE, chosen, None, actor, reason)


def suspend(url: str, name: str, *, actor: str, reason: str, pool: PoolOptions = DEFAULT) -> Officer:
    """Let an officer neither log in nor act from now on; its sessions end. Raises as `add`."""
    with _owned(url, pool) as connection:
        officer = _demanded(connection, name)
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(officer.login)))
        changed = _changed(
            connection, name, OfficerState.SUSPENDED, officer.roles, officer.key, actor, reason
        )
        connection.commit()  # before they end, so that they do not begin anew
        connection.execute(_queries.end_sessions.sql, {"login": officer.login})
        return changed


def reinstate(url: str, name: str, *, actor: str, reason: str, pool: PoolOptions = DEFAULT) -> Officer:
    """Let a suspended officer act again. Raises as `add`."""
    with _owned(url, pool) as connection:
        officer = _demanded(connection, name)
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(officer.login)))
        return _changed(connection, name, OfficerState.ACTIVE, officer.roles, officer.key, actor, reason)


def change_roles(
    url: str, name: str, roles: Iterable[str], *, actor: str, reason: str, pool: PoolOptions = DEFAULT
) -> Officer:
    """Give an officer exactly these roles. Raises as `add`."""
    chosen = _chosen(roles)
    with _owned(url, pool) as connection:
        officer = _demanded(connection, name)
        return _changed(connection, name, officer.state, chosen, officer.key, actor, reason)


@all_or_nothing
def register_key(connection: Connection, key: bytes, *, reason: str) -> None:
    """Register the Ed25519 public key of the officer whose login this is: from now on it signs.

    Another in its place is the owner's to register (`replace_key`). Raises OfficerRefused, InvalidRequest.
    """
    connection.execute(_queries.register_key.sql, {"key": _checked_key(key), "reason": Reason(reason)})


def replace_key(
    url: str, name: str, key: bytes, *, actor: str, reason: str, pool: PoolOptions = DEFAULT
) -> Officer:
    """Give an officer another key, as when its own is lost. What was signed before still verifies. Raises
    as `add`."""
    told = b64encode(_checked_key(key)).decode()
    with _owned(url, pool) as connection:
        officer = _demanded(connection, name)
        return _changed(connection, name, officer.state, officer.roles, told, actor, reason)


@reads_tuples
def keys(connection: Connection, name: str) -> list[bytes]:
    """The public keys that an officer has had, the newest first."""
    return [key for (key,) in connection.execute(_queries.keys.sql, {"name": name})]


def demand_signatures(
    url: str, demanded: bool, *, actor: str, reason: str, pool: PoolOptions = DEFAULT
) -> None:
    """Whether all officers sign what takes two persons, or only those who have a key. Raises as `add`."""
    row = {"demanded": bool(demanded), "actor": Actor(actor), "reason": Reason(reason)}
    with _owned(url, pool) as connection:
        connection.execute(_queries.demand_signatures.sql, row)


@reads_tuples
def signatures_demanded(connection: Connection) -> bool:
    """Whether officers without a key cannot ask or decide."""
    row = connection.execute(_queries.signatures_demanded.sql).fetchone()
    return row is not None and row[0]


def _checked_key(key: bytes) -> bytes:
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise InvalidRequest(f"an Ed25519 public key has {KEY_BYTES} bytes")
    return key


def _owned(url: str, pool: PoolOptions) -> AbstractContextManager[Connection]:
    return owners_connection(
        url,
        "This login may not make or change officers: it takes the URL of the database's owner, "
        "with the right to make roles.",
        pool,
    )


def _make_login(connection: Connection, login: str, password: str) -> None:
    row = connection.execute(_queries.login.sql, {"login": login}).fetchone()
    if row is not None:
        if not row[0]:
            raise InvalidRequest(f"the server has a role {login} that is no officer's: choose another name")
        return
    hashed = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL(
            "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {} IN ROLE {}"
        ).format(sql.Identifier(login), sql.Literal(hashed), sql.Identifier(GROUP))
    )


def _changed(
    connection: Connection,
    name: str,
    state: OfficerState,
    roles: tuple[OfficerRole, ...],
    key: str | None,
    actor: str,
    reason: str,
) -> Officer:
    row = {
        "name": name,
        "state": state,
        "roles": [*roles],
        "key": None if key is None else b64decode(key),
        "actor": Actor(actor),
        "reason": Reason(reason),
    }
    connection.execute(_queries.change.sql, row)
    return _demanded(connection, name)


def _found(connection: Connection, name: str) -> Officer | None:
    row = connection.execute(_queries.found.sql, {"name": name}).fetchone()
    return None if row is None else _officer(row)


def _demanded(connection: Connection, name: str) -> Officer:
    login_of(name)
    if (officer := _found(connection, name)) is None:
        raise InvalidRequest(f"there is no officer {name}")
    return officer


def _chosen(roles: Iterable[str]) -> tuple[OfficerRole, ...]:
    try:
        chosen = {OfficerRole(role) for role in roles}
    except ValueError:
        raise InvalidRequest(f"the roles of officers are {', '.join(OfficerRole)}") from None
    if not chosen:
        raise InvalidRequest("an officer has one role, or more")
    return tuple(role for role in OfficerRole if role in chosen)


def _roles(names: Iterable[str]) -> tuple[OfficerRole, ...]:
    return tuple(map(OfficerRole, names))


def _officer(row: tuple[Any, ...]) -> Officer:
    name, login, state, roles, key, since = row
    return Officer(name, login, OfficerState(state), _roles(roles), _told(key), since)


def _told(key: bytes | None) -> str | None:
    return None if key is None else b64encode(key).decode()

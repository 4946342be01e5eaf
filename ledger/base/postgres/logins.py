"""Who logs in: each role of the house has a login of its own, a member of that role and of ALSO at most.

A connection never gets more by giving its role back (RESET ROLE): its login is a plain member. The logins of
the embedded server have passwords that nobody chose, each in a file of the login's name, beside the others in
one directory of the home. A URL names a login and its file (libpq's `passfile`), and holds no secret:

| login                 | is                                    | used by                                    |
|-----------------------|---------------------------------------|--------------------------------------------|
| `emoney_app_login`    | a member of `emoney_app`              | the application                            |
| `emoney_import_login` | a member of `emoney_import`           | the import of a history                    |
| `emoney_receipts_login` | a member of `emoney_receipts`       | who records what arrived at the bank       |
| `emoney_policy_login` | a member of `emoney_policy`           | who stores limits, as the application may  |
| `emoney_owner`        | the database's owner, no superuser    | `init`, migrations, policies on clocks     |
| `postgres`            | the server's superuser                | nobody here; whoever administers by hand   |

With such a URL, whatever is done by another role logs in anew, as that role's login. Any other URL stands as
it is: its login is then a member of all the roles that it is used for.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.secret_file import SecretFile

APPLICATION_ROLE = "emoney_app"
IMPORT_ROLE = "emoney_import"
RECEIPTS_ROLE = "emoney_receipts"
POLICY_ROLE = "emoney_policy"

ROLES = (APPLICATION_ROLE, IMPORT_ROLE, RECEIPTS_ROLE, POLICY_ROLE)
"""All roles that somebody logs in for. Migrations make them; the logins are made here."""

ALSO = {APPLICATION_ROLE: (POLICY_ROLE,), IMPORT_ROLE: (POLICY_ROLE,)}
"""What a login of the embedded server may be beside its own role: its application stores limits itself."""

OWNER = "emoney_owner"
SUPERUSER = "postgres"
DIRECTORY = "logins"

_MADE = ("CREATE ROLE {login} LOGIN PASSWORD {stored} IN ROLE {roles}",)
_PUT_BACK = (
    "ALTER ROLE {login} LOGIN PASSWORD {stored}",
    "ALTER ROLE {login} RESET ALL",
    "ALTER ROLE {login} IN DATABASE {database} RESET ALL",
)

_FILE_BYTES_MAX = 4096
_STRETCHED = 1
"""Rounds of SCRAM's hash: a password of 256 random bits needs none against guessing, and each costs time."""


def login_of(role: str) -> str:
    """The name of a role's login."""
    return f"{role}_login"


MEMBERS = tuple(map(login_of, ROLES))
LOGINS = (*MEMBERS, OWNER, SUPERUSER)
"""All logins of an embedded server."""


def url_of(home: Path, socket_directory: Path, database: str, role: str = APPLICATION_ROLE) -> str:
    """Where a role's login finds the embedded database of this home."""
    from urllib.parse import quote

    login = login_of(role)
    where = {"host": str(socket_directory), "passfile": str(home / DIRECTORY / login)}
    options = "&".join(f"{name}={quote(value, safe='/')}" for name, value in where.items())
    return f"postgresql://{login}@/{database}?{options}"


def for_role(url: str, role: str | None) -> str:
    """`url` with the login of `role`, where it is of another role's login of the house; else as it is.

    One of the owner's, or the superuser's, stays: it was chosen for all that is done by it.
    """
    return _as(url, login_of(role), MEMBERS) if role in ROLES else url


def as_owner(url: str) -> str:
    """`url` with the login of the database's owner, where it is of the house's logins; else as it is."""
    return _as(url, OWNER, MEMBERS)


def as_superuser(url: str) -> str:
    """`url` with the superuser's login, where it is of the house's logins; else as it is."""
    return _as(url, SUPERUSER, LOGINS)


def for_another(url: str) -> str:
    """`url` without the password file of the house's login: for a person's, who has one of their own."""
    if _directory(url, LOGINS) is None:
        return url
    parts = conninfo_to_dict(url)
    return make_conninfo(**{name: str(value) for name, value in parts.items() if name != "passfile"})


def _directory(url: str, known: Sequence[str]) -> Path | None:
    """The directory of the logins' files, where `url` is of one of the `known` logins and names its file."""
    if "passfile" not in url:
        return None
    given = conninfo_to_dict(url)
    file = Path(str(given.get("passfile") or ""))
    return file.parent if file.name == given.get("user") and file.name in known else None


def _as(url: str, login: str, known: Sequence[str]) -> str:
    directory = _directory(url, known)
    return url if directory is None else make_conninfo(url, user=login, passfile=str(directory / login))


def make_passwords(home: Path) -> dict[str, str]:
    """The files of all logins, made where missing: for each login, what its server stores of its password."""
    return {login: _verifier(_password(home / DIRECTORY, login)) for login in LOGINS}


def make_logins(owner: psycopg.Connection[Any], url: str) -> None:
    """Have the server know each role's login, in the transaction of its `owner`, with the roles made.

    A login may change its own password and settings: both are put back. Nothing where `url` is not of the
    house's logins.
    """
    directory = _directory(url, LOGINS)
    if directory is None:
        return
    known = {name for (name,) in owner.execute("SELECT rolname FROM pg_catalog.pg_roles")}
    for role in ROLES:
        login = login_of(role)
        named = {
            "login": sql.Identifier(login),
            "roles": sql.SQL(", ").join(map(sql.Identifier, (role, *ALSO.get(role, ())))),
            "stored": sql.Literal(_verifier(_password(directory, login))),
            "database": sql.Identifier(owner.info.dbname),
        }
        for statement in _PUT_BACK if login in known else _MADE:
            owner.execute(sql.SQL(statement).format(**named))


def _password(directory: Path, login: str) -> str:
    """A login's password, from its file, which is made where it is missing."""
    file = SecretFile(directory / login, _FILE_BYTES_MAX, _missing, _unsafe)
    file.write_once(f"*:*:*:{login}:{os.urandom(32).hex()}\n".encode())
    return file.read().decode().strip().rpartition(":")[2]


def _verifier(password: str) -> str:
    """What the server keeps of a password (RFC 5803), so that no statement and no log of its holds it."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _STRETCHED)
    client, server = (hmac.digest(salted, key, "sha256") for key in (b"Client Key", b"Server Key"))
    parts = (salt, hashlib.sha256(client).digest(), server)
    told_salt, stored, served = (base64.b64encode(part).decode() for part in parts)
    return f"SCRAM-SHA-256${_STRETCHED}:{told_salt}${stored}:{served}"


def _missing(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is missing: the password of a login of the embedded server. Bring it back from a copy."
    )


def _unsafe(text: str) -> ConfigurationError:
    return ConfigurationError(text)


def first_statements(stored: dict[str, str], database: str) -> Iterable[str]:
    """SQL that a new server is made ready by, in `template1` as its superuser, one statement a line.

    No login but a superuser's makes a large object, which no privilege of a table governs; none but the
    owner's ends another's connection; none comes into another database than the house's.
    """
    yield f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{stored[OWNER]}'"
    yield f"REVOKE EXECUTE ON FUNCTION {', '.join(_SUPERUSERS_OWN)} FROM PUBLIC"
    yield f"GRANT EXECUTE ON FUNCTION {', '.join(_ENDING)} TO {OWNER}"  # of an officer who is suspended
    yield f"GRANT pg_signal_backend TO {OWNER}"
    yield f"CREATE DATABASE {database} OWNER {OWNER}"
    yield "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC"


_ENDING = (
    "pg_catalog.pg_cancel_backend(integer)",
    "pg_catalog.pg_terminate_backend(integer, bigint)",
)
_SUPERUSERS_OWN = (
    "pg_catalog.lo_creat(integer)",
    "pg_catalog.lo_create(oid)",
    "pg_catalog.lo_from_bytea(oid, bytea)",
    *_ENDING,
)

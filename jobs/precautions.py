"""What an installation is told, or in production refused: a way to the database that others can read, and
keys that lie open beside what they open.
"""

import ipaddress
import logging

import psycopg
from psycopg.conninfo import conninfo_to_dict

from emoney.jobs.settings.settings import Settings
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.database import demand_readable, libpq_url

_log = logging.getLogger(__name__)

_VERIFIED = ("verify-ca", "verify-full")
_ENCRYPTED = ("require", *_VERIFIED)


def take(settings: Settings) -> None:
    """Log a warning of each thing that is open, once a call. Raises ConfigurationError in production."""
    if found := list(_open(settings)):
        if settings.in_production:
            raise ConfigurationError("Not in production. " + " ".join(found))
        for each in found:
            _log.warning("%s", each)


def _open(settings: Settings) -> list[str]:
    found: list[str] = []
    url = settings.database.url
    if url is not None and (open_way := _open_way(url.get_secret_value(), verified=settings.in_production)):
        found.append(open_way)
    keys = settings.keys
    beside = keys.provider == "local" and keys.passphrase is None and keys.root_key_file is None
    if beside and settings.in_production:
        found.append(
            "The root key would lie in the home, beside the keys that it opens: set a passphrase "
            "(EMONEY_KEYRING_PASSPHRASE), keep the root key's file elsewhere (EMONEY_ROOT_KEY_FILE), or have "
            "a key service hold the keys (EMONEY_KEY_PROVIDER)."
        )
    return found


def _open_way(url: str, *, verified: bool) -> str | None:
    """What is wrong with how the connection to another machine is kept from others, if anything."""
    demand_readable(url)
    defaults = {
        each.keyword.decode(): each.val.decode() for each in psycopg.pq.Conninfo.get_defaults() if each.val
    }
    given = defaults | {name: str(value) for name, value in conninfo_to_dict(libpq_url(url)).items()}
    hosts = (given.get("hostaddr") or given.get("host") or "").split(",")
    if all(map(_is_here, hosts)):
        return None
    mode = given.get("sslmode", "prefer")
    bound = mode == "require" and given.get("channel_binding") == "require"
    if mode in (_VERIFIED if verified else _ENCRYPTED) or bound:
        return None
    return (
        f"The database is on another machine, and the connection to it is not "
        f"{'sure to be to that one' if mode in _ENCRYPTED else 'sure to be encrypted'} (sslmode={mode}): add "
        "sslmode=verify-full to EMONEY_DATABASE_URL, with sslrootcert=… or sslrootcert=system."
    )


def _is_here(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

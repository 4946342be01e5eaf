"""SQL lives in `.sql` files beside the module that runs it, each query under a name and a comment."""

import re
from pathlib import Path
from typing import Any

import aiosql


def queries_beside(module_file: str) -> Any:
    """The named queries of the `.sql` file beside a module (its `__file__`); `queries.NAME.sql` is a text.

    Parameters are written `:name` in the file and given to psycopg as a dict. In the file a name ends in `!`
    where the statement is neither a query nor an INSERT, UPDATE or DELETE.
    """
    return aiosql.from_path(Path(module_file).with_suffix(".sql"), "psycopg", mandatory_parameters=False)


def positional(query: str) -> tuple[bytes, list[str]]:
    """A query for libpq itself: the names of its parameters, each of which it uses once, in their order."""
    names = re.findall(r"%\((\w+)\)s", query)
    for number, name in enumerate(names, 1):
        query = query.replace(f"%({name})s", f"${number}")
    return query.encode(), names

"""JSON that a command reads from a file or standard input, never from arguments, which others can see."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from emoney.jobs.cli.output import fail

BYTES_MAX = 65_536
PATH_MAX = 1024

JsonInput = Annotated[
    str, typer.Argument(metavar="FILE", help="A file with one JSON object; - : standard input.")
]


def read_object(source: str) -> dict[str, Any]:
    """The JSON object in a file, or of standard input for `-`. Ends the command when there is none."""
    if source == "-":
        raw = sys.stdin.buffer.read(BYTES_MAX + 1)
    else:
        path = Path(source)
        if len(source) > PATH_MAX or not path.is_file():  # not shown: it may be the details themselves
            fail("there is no such file; details are read from a file or, with -, from standard input", 2)
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    if len(raw) > BYTES_MAX:
        fail(f"the input is longer than {BYTES_MAX} bytes; it is one JSON object")
    try:
        content = json.loads(raw.decode("utf-8"), object_pairs_hook=_each_once)
    except UnicodeDecodeError:
        fail("the input is not UTF-8")
    except (json.JSONDecodeError, RecursionError) as error:
        where = (
            f" at line {error.lineno}, column {error.colno}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        fail(f"the input is not one JSON object{where}")
    if not isinstance(content, dict):
        fail("the input is not one JSON object")
    return content


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names differ: of two values for one name, neither is known to be meant."""
    if len({name for name, _ in pairs}) < len(pairs):
        fail("the input gives a field twice")
    return dict(pairs)

"""What an import refuses a file for: where it is, what is wrong and what would be right."""

from emoney.ledger.base.errors import InvalidInput

_SHOWN_MAX = 60


class BadFile(InvalidInput):
    """A file that cannot be imported as it stands. Nothing of it is in the ledger.

    `file`: its name without folders. `line`: counted from 1, the header included; for Parquet the row,
    counted from 1. `column`: as the file names it. Line and column are None where the file as a whole is
    wrong.
    """

    def __init__(
        self, file: str, what: str, right: str, *, line: int | None = None, column: str | None = None
    ) -> None:
        self.file, self.line, self.column, self.what, self.right = file, line, column, what, right
        place = file if line is None else f"{file}:{line}"
        where = "" if column is None else f"column {column}: "
        super().__init__(f"{place}: {where}{what}; {right}")


class BadValue(Exception):
    """One value of a row that is wrong; whoever knows file and line makes a BadFile of it."""

    def __init__(self, column: str, what: str, right: str) -> None:
        super().__init__(what)
        self.column, self.what, self.right = column, what, right


def shown(value: object) -> str:
    """`value` as an error names it: quoted, and cut when long."""
    text = str(value)
    return repr(text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…")


def shape(value: object) -> str:
    """What `value` looks like, for an error about a column in which a slip may have put anything.

    Letters as x and digits as 9, quoted, and cut when long: a name in the column of amounts is not repeated.
    """
    return shown("".join("9" if sign.isdigit() else "x" if sign.isalpha() else sign for sign in str(value)))

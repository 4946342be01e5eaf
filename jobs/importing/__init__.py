"""Importing an operator's history: a file becomes accounts, opening balances and transfers of the ledger."""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.jobs.importing.bad_file import BadFile
    from emoney.jobs.importing.result import ImportResult, RefusedRow
    from emoney.jobs.importing.run import DEFAULT_START, run_import
else:
    __getattr__ = face(
        __name__,
        {
            "run_import": "run",
            "ImportResult": "result",
            "RefusedRow": "result",
            "BadFile": "bad_file",
            "DEFAULT_START": "run",
        },
    )

__all__ = ["run_import", "ImportResult", "RefusedRow", "BadFile", "DEFAULT_START"]

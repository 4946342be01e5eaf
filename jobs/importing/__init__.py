"""Importing an operator's history: a file becomes accounts, opening balances and transfers of the ledger."""

from emoney.jobs.importing.bad_file import BadFile
from emoney.jobs.importing.result import ImportResult, RefusedRow
from emoney.jobs.importing.run import DEFAULT_START, run_import

__all__ = ["run_import", "ImportResult", "RefusedRow", "BadFile", "DEFAULT_START"]

"""Checks on extracted transfers, made with Great Expectations before they are admitted to the history."""

import sys
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emoney.aml.errors import QualityError
from emoney.ledger.transfers.operations import Operation

REQUIRED = (
    "transfer_id",
    "at",
    "operation",
    "amount",
    "currency",
    "debit_account",
    "credit_account",
    "debit_ref",
    "credit_ref",
    "debit_kind",
    "credit_kind",
)
"""Columns in which no value may be missing."""

TWO_ACCOUNTS = "debit and credit differ"


@dataclass(slots=True)
class QualityGate:
    """The expectations on a chunk of transfers, set up once and used for every chunk.

    Great Expectations takes seconds to import, so it is imported with the first gate. Its usage statistics
    are off in this context.
    """

    _context: Any = field(init=False)
    _batch: Any = field(init=False)
    _suite: Any = field(init=False)

    def __post_init__(self) -> None:
        gx = _great_expectations()
        types = import_module("great_expectations.data_context.types.base")
        self._context = gx.get_context(
            mode="ephemeral",
            project_config=types.DataContextConfig(
                store_backend_defaults=types.InMemoryStoreBackendDefaults(), analytics_enabled=False
            ),
        )
        self._context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        asset = self._context.data_sources.add_pandas("extraction").add_dataframe_asset("transfers")
        self._batch = asset.add_batch_definition_whole_dataframe("chunk")
        expect: Any = gx.expectations
        self._suite = gx.ExpectationSuite(
            "transfers",
            expectations=[
                *(expect.ExpectColumnValuesToNotBeNull(column=name) for name in REQUIRED),
                expect.ExpectColumnValuesToBeUnique(column="transfer_id"),
                expect.ExpectColumnValuesToBeBetween(column="amount", min_value=1),
                expect.ExpectColumnValuesToBeInSet(column=TWO_ACCOUNTS, value_set=[True]),
                expect.ExpectColumnValuesToBeInSet(
                    column="operation", value_set=[operation.value for operation in Operation]
                ),
            ],
        )

    def check(self, chunk: pa.Table) -> None:
        """Raise QualityError for the first expectation that `chunk` (columns:
        `aml.history.transfers.COLUMNS`) fails.
        """
        # one comparison of columns here: the expectation over pairs goes row by row and takes seconds
        two_accounts = pc.not_equal(chunk["debit_account"], chunk["credit_account"])
        frame = chunk.select([*REQUIRED]).append_column(TWO_ACCOUNTS, two_accounts).to_pandas()
        result = self._batch.get_batch({"dataframe": frame}).validate(self._suite, result_format="SUMMARY")
        for each in result.results:
            if not each.success:
                asked = each.expectation_config
                count = each.result.get("unexpected_count", len(frame))
                raise QualityError(asked.type, asked.kwargs["column"], int(count), len(frame))


def _great_expectations() -> Any:
    if "great_expectations" not in sys.modules:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside that package are not the operator's concern
            import_module("great_expectations")
    return sys.modules["great_expectations"]

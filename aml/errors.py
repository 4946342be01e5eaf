"""What AML refuses, each as a type of its own."""

from emoney.ledger.base.errors import ConfigurationError, EmoneyError, InvalidInput


class QualityError(EmoneyError):
    """Extracted rows broke an expectation. Nothing of that extraction was admitted to the history.

    `expectation` names the check, `unexpected` counts the rows that failed it.
    """

    def __init__(self, expectation: str, column: str, unexpected: int, rows: int) -> None:
        super().__init__(
            f"{unexpected} of {rows} extracted transfers fail {expectation} on {column}; "
            "nothing was admitted. The ledger refuses such rows, so look for what wrote past it."
        )
        self.expectation = expectation
        self.column = column
        self.unexpected = unexpected


class HistoryError(ConfigurationError):
    """A history directory belongs to another database, or lacks files that this database has admitted."""


class InvalidScenario(InvalidInput):
    """Scenario parameters that are missing, unknown, of the wrong type or out of range."""

"""AML: watches the transfers. History, scenarios, alerts and the monitoring report.

extract(database, directory)   transfers of the ledger to day-partitioned Parquet, checked, each once
run(database, directory)       every scenario over that history, alerts stored once with their evidence
list_alerts(connection)        alerts with accounts and transfers by the operator's references
write_report(database, directory, path)   one HTML file
"""

from aml.alerts import Alert, list_alerts
from aml.errors import HistoryError, InvalidScenario, QualityError
from aml.history import Extracted, extract, open_history
from aml.monitoring import MonitoringResult, ScenarioResult, run
from aml.report import write_report
from aml.scenarios import Scenario
from aml.scenarios import load as load_scenarios

__all__ = [
    "extract",
    "Extracted",
    "open_history",
    "run",
    "MonitoringResult",
    "ScenarioResult",
    "list_alerts",
    "Alert",
    "write_report",
    "load_scenarios",
    "Scenario",
    "HistoryError",
    "InvalidScenario",
    "QualityError",
]

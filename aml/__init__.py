"""AML: watches the transfers. History, scenarios, alerts and the monitoring report.

extract(database, directory)   transfers of the ledger to day-partitioned Parquet, checked, each once
run(database, directory)       every scenario over that history, alerts stored once with their evidence
list_alerts(connection)        alerts with accounts and transfers by the operator's references
write_report(database, directory, path)   one HTML file
"""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.aml.alerts.alert import Alert, list_alerts
    from emoney.aml.errors import HistoryError, InvalidScenario, QualityError
    from emoney.aml.history.transfers import Extracted, extract, open_history
    from emoney.aml.monitoring import MonitoringResult, ScenarioResult, run
    from emoney.aml.report import write_report
    from emoney.aml.scenarios import Scenario
    from emoney.aml.scenarios import load as load_scenarios
else:
    __getattr__ = face(
        __name__,
        {
            "extract": "history.transfers",
            "Extracted": "history.transfers",
            "open_history": "history.transfers",
            "run": "monitoring",
            "MonitoringResult": "monitoring",
            "ScenarioResult": "monitoring",
            "list_alerts": "alerts.alert",
            "Alert": "alerts.alert",
            "write_report": "report",
            "load_scenarios": "scenarios:load",
            "Scenario": "scenarios",
            "HistoryError": "errors",
            "InvalidScenario": "errors",
            "QualityError": "errors",
        },
    )

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

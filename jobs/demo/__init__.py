"""The demo: a simulated wallet operator in Ghana, from enrolment to alerts and reports."""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.jobs.demo.home import OccupiedDirectory
    from emoney.jobs.demo.result import DemoResult, Planted
    from emoney.jobs.demo.run import run_demo
    from emoney.jobs.demo.table import render
else:
    __getattr__ = face(
        __name__,
        {
            "run_demo": "run",
            "render": "table",
            "DemoResult": "result",
            "Planted": "result",
            "OccupiedDirectory": "home",
        },
    )

__all__ = ["run_demo", "render", "DemoResult", "Planted", "OccupiedDirectory"]

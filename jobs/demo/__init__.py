"""The demo: a simulated wallet operator in Ghana, from enrolment to alerts and reports."""

from jobs.demo.home import OccupiedDirectory
from jobs.demo.result import DemoResult, Planted
from jobs.demo.run import Observe, run_demo

__all__ = ["run_demo", "DemoResult", "Planted", "Observe", "OccupiedDirectory"]

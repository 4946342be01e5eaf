"""The demo: a simulated wallet operator in Ghana, from enrolment to alerts and reports."""

from jobs.demo.home import OccupiedDirectory
from jobs.demo.result import DemoResult, Planted
from jobs.demo.run import Observe, run_demo
from jobs.demo.table import render

__all__ = ["run_demo", "render", "DemoResult", "Planted", "Observe", "OccupiedDirectory"]

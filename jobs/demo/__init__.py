"""The demo: a simulated wallet operator in Ghana, from enrolment to alerts and reports."""

from emoney.jobs.demo.home import OccupiedDirectory
from emoney.jobs.demo.result import DemoResult, Planted
from emoney.jobs.demo.run import run_demo
from emoney.jobs.demo.table import render

__all__ = ["run_demo", "render", "DemoResult", "Planted", "OccupiedDirectory"]

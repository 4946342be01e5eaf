"""The tables of `aml`, gathered from its rooms: for the inventory of what is held."""

import emoney.aml.alerts.tables
import emoney.aml.history.tables  # noqa: F401  mapped there, found here

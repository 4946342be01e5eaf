"""Alerts: what scenarios find, stored once with its evidence."""

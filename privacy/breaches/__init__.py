"""Breaches: what was exposed, and the register with its hours."""

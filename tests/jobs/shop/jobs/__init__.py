"""The shop's own package, which has the name of a folder of emoney's repository."""

WHOSE = "the shop's jobs"

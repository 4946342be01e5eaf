"""Releases: records and counts for analysis, anonymous enough or refused."""

"""Persons: enrolled, found, corrected, erased. Their details are always sealed."""

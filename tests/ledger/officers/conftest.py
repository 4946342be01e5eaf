"""The officers of these tests."""

from officer_logins import hired as hired

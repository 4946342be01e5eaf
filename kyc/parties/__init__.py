"""Parties beside the holder: guardians, owners, businesses."""

"""What every floor stands on, and nothing of a ledger: errors, time, ids, names, files."""

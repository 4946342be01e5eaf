"""Group commit: callers with single transfers share a batch. `ledger.GroupCommit` is the way in."""

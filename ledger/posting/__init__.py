"""Posting: how a batch is locked or read, decided and written. `ledger.Ledger` is the way in."""

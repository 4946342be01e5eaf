DROP INDEX ledger.entry_posted_at;

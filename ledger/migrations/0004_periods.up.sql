-- What was posted after a moment is read from the end of the table: the chart of accounts as of a past day's end.
CREATE INDEX entry_posted_at ON ledger.entry USING brin (posted_at) WITH (pages_per_range = 32, autosummarize = on);

-- name: write_posted
SELECT ledger.write_posted_v1(:at, :decided, :refused, :noted);

-- name: write_each
-- Each in a statement of its own, as the database knows what captures a hold.
SELECT ledger.write_posted_v1(:at, ARRAY[t], NULL, NULL) FROM unnest(:decided::ledger.decided_row[]) AS t;

-- name: write_notes
SELECT ledger.write_notes_v1(:noted);

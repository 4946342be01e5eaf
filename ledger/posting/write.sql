-- name: write_posted
SELECT ledger.write_posted_v1(:at, :decided, :refused, :noted, :captures);

-- name: write_notes
SELECT ledger.write_notes_v1(:noted);

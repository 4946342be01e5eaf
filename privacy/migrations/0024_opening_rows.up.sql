-- A row of the log tells of all fields of one row that a call opened: the log grows by a fifth of what it did where
-- whole records are read. Rows from before name one column each.
COMMENT ON TABLE privacy.opening IS
    'Append-only. One row for each row of which a call opened sealed fields; column_name: theirs, with commas between.';

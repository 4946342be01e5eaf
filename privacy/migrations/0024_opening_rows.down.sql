COMMENT ON TABLE privacy.opening IS 'Append-only. One row for each sealed field that was opened.';

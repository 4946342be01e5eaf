-- A default that is drawn for each row makes COPY write row by row; with the salt in the row it writes pages. The salt
-- keeps a leaf from being guessed, which is in the hands of whoever writes the row either way; xact, which orders
-- the leaves, stays the database's.
GRANT INSERT (salt) ON privacy.opening TO emoney_app;

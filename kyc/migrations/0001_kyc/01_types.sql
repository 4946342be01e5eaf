-- The schema, and the types that its tables share. What tells who a holder is stands as bytes, sealed under that
-- person's own key. Rows about a person go only when that person is erased, in the transaction that
-- privacy.destruction allows (triggers named `removal`); what is about an account stays, and forgets whose it is
-- (triggers named `forgetting`).

CREATE SCHEMA kyc;
GRANT USAGE ON SCHEMA kyc TO emoney_app;

-- No sealed field is shorter or longer (see privacy/sealing.py): a name stored as it is does not fit by accident.
CREATE DOMAIN kyc.sealed AS bytea CHECK (octet_length(VALUE) BETWEEN 97 AND 4200);

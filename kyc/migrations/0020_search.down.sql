CREATE TABLE kyc.fingerprint_key (
    id uuid PRIMARY KEY,
    index_name text NOT NULL UNIQUE CHECK (length(index_name) BETWEEN 1 AND 40),
    sealed kyc.sealed NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE TABLE kyc.fingerprint (
    index_name text NOT NULL,
    code bytea NOT NULL CHECK (octet_length(code) = 16),
    person_id uuid NOT NULL REFERENCES kyc.person (id),
    PRIMARY KEY (code, index_name, person_id)
);
CREATE INDEX fingerprint_person ON kyc.fingerprint (person_id);
GRANT SELECT, INSERT ON kyc.fingerprint_key TO emoney_app;
GRANT SELECT, INSERT, DELETE ON kyc.fingerprint TO emoney_app;

REVOKE UPDATE (name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address)
    ON kyc.person FROM emoney_app;

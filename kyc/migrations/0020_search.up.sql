-- Sealed columns may be sealed anew: by a rotation of keys, and when a detail is corrected. An older ciphertext
-- put back does not open (privacy.sealed_row).
GRANT UPDATE (name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address)
    ON kyc.person TO emoney_app;

-- Persons are found by privacy.index_entry from here on, under keys that rotate. Codes do not move from one key to
-- another: `emoney privacy rotate --indexes` fills the indexes for persons enrolled before.
DROP TABLE kyc.fingerprint, kyc.fingerprint_key;

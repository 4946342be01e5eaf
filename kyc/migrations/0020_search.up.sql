-- Sealed columns may be sealed anew: by a rotation of keys, and when a detail is corrected. An older ciphertext
-- put back does not open (privacy.sealed_row).
GRANT UPDATE (name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address)
    ON kyc.person TO emoney_app;
GRANT UPDATE (sealed) ON kyc.fingerprint_key TO emoney_app;

REVOKE UPDATE (name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address)
    ON kyc.person FROM emoney_app;
REVOKE UPDATE (sealed) ON kyc.fingerprint_key FROM emoney_app;

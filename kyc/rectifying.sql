-- name: person
-- What of a person can be corrected, locked until it is.
SELECT kind, external_ref, name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address
FROM kyc.person WHERE id = :person FOR NO KEY UPDATE;

-- name: drop_codes!
DELETE FROM privacy.index_entry WHERE row_id = :person AND index_name = ANY (:indexes);

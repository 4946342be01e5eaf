-- name: lock
SELECT details_version, name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address
FROM kyc.person WHERE id = :person FOR NO KEY UPDATE;

-- name: rectify!
UPDATE kyc.person
SET name = :name, birth_date = :birth_date, phone = :phone, id_kind = :id_kind, id_number = :id_number,
    id_country = :id_country, tax_number = :tax_number, tax_country = :tax_country, address = :address,
    details_version = details_version + 1
WHERE id = :person;

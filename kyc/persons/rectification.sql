-- name: lock
SELECT details_version, name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address
FROM kyc.person WHERE id = :person FOR NO KEY UPDATE;

-- name: asked
SELECT r.person_id, p.external_ref, p.kind, coalesce(p.holder_id, p.id), p.enrolled_at, r.version, r.fields,
       r.needs_two, r.reason, r.id_expires_on, r.name, r.birth_date, r.phone, r.id_kind, r.id_number, r.id_country,
       r.tax_number, r.tax_country, r.address
FROM kyc.rectification AS r JOIN kyc.person AS p ON p.id = r.person_id WHERE r.id = :id;

-- name: rectify!
UPDATE kyc.person
SET name = :name, birth_date = :birth_date, phone = :phone, id_kind = :id_kind, id_number = :id_number,
    id_country = :id_country, tax_number = :tax_number, tax_country = :tax_country, address = :address,
    details_version = details_version + 1
WHERE id = :person;

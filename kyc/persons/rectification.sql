-- name: lock
SELECT details_version, name, birth_date, phone, id_kind, id_number, id_country, tax_number, tax_country, address
FROM kyc.person WHERE id = :person FOR NO KEY UPDATE;

-- name: ask!
INSERT INTO kyc.rectification (id, person_id, version, fields, name, birth_date, phone, id_kind, id_number, id_country,
    tax_number, tax_country, address, id_expires_on, needs_two, requested_by, reason, requested_at)
VALUES (:id, :person, :version, :fields::text[], :name, :birth_date, :phone, :id_kind, :id_number, :id_country,
    :tax_number, :tax_country, :address, :id_expires_on, :needs_two, :actor, :reason, :at);

-- name: asked
SELECT r.person_id, p.external_ref, p.kind, coalesce(p.holder_id, p.id), p.enrolled_at, r.version, r.fields,
       r.needs_two, r.reason, r.id_expires_on, r.name, r.birth_date, r.phone, r.id_kind, r.id_number, r.id_country,
       r.tax_number, r.tax_country, r.address
FROM kyc.rectification AS r JOIN kyc.person AS p ON p.id = r.person_id WHERE r.id = :id;

-- name: keep!
INSERT INTO kyc.person_version (id, person_id, number, name, birth_date, phone, id_kind, id_number, id_country,
    tax_number, tax_country, address, rectification_id, needs_two, fields, replaced_by, reason, replaced_at,
    approval_id)
VALUES (:id, :person, :number, :name, :birth_date, :phone, :id_kind, :id_number, :id_country, :tax_number,
    :tax_country, :address, :asked, :needs_two, :fields::text[], :actor, :reason, :at, :approval);

-- name: rectify!
UPDATE kyc.person
SET name = :name, birth_date = :birth_date, phone = :phone, id_kind = :id_kind, id_number = :id_number,
    id_country = :id_country, tax_number = :tax_number, tax_country = :tax_country, address = :address,
    details_version = details_version + 1
WHERE id = :person;

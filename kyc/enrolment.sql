-- name: enrolled_among
SELECT external_ref FROM kyc.person WHERE external_ref = ANY(:refs::text[]);

-- name: record_person!
INSERT INTO kyc.person (id, external_ref, name, birth_date, phone, id_kind, id_number, address, enrolled_at)
VALUES (:id, :external_ref, :name, :birth_date, :phone, :id_kind, :id_number, :address, :at);

-- name: record_evidence!
INSERT INTO kyc.evidence (id, person_id, kind, state, method, recorded_at)
SELECT id, person_id, kind, state, method, :at
FROM unnest(:ids::uuid[], :persons::uuid[], :kinds::text[], :states::text[], :methods::text[])
    AS new (id, person_id, kind, state, method);

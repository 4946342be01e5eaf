-- name: record_person!
INSERT INTO kyc.person (id, external_ref, name, birth_date, phone, id_kind, id_number, address, enrolled_at)
VALUES (:id, :external_ref, :name, :birth_date, :phone, :id_kind, :id_number, :address, :at);

-- name: record_evidence!
INSERT INTO kyc.evidence (id, person_id, kind, state, method, recorded_at)
VALUES (:id, :person, :kind, 'captured', 'enrolment', :at);

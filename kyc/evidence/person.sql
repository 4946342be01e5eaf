-- name: by_ref
SELECT id, external_ref, kind, coalesce(holder_id, id), enrolled_at FROM kyc.person WHERE external_ref = :ref;

-- name: by_id
SELECT id, external_ref, kind, coalesce(holder_id, id), enrolled_at FROM kyc.person WHERE id = :id;

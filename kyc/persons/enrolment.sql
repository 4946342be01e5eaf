-- name: enrolled_among
SELECT external_ref FROM kyc.person WHERE external_ref = ANY(:refs::text[]);

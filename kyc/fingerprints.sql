-- name: find_key
SELECT id, sealed FROM kyc.fingerprint_key WHERE index_name = :index;

-- name: keep_key!
INSERT INTO kyc.fingerprint_key (id, index_name, sealed, made_at) VALUES (:id, :index, :sealed, :at)
ON CONFLICT (index_name) DO NOTHING;

-- name: holders
-- Each code by the primary key; a code that many share tells little, so only so many are read.
SELECT asked.place, found.person_id
FROM unnest(:indexes::text[], :codes::bytea[]) WITH ORDINALITY AS asked (index_name, code, place)
CROSS JOIN LATERAL (
    SELECT f.person_id FROM kyc.fingerprint AS f
    WHERE f.code = asked.code AND f.index_name = asked.index_name ORDER BY f.person_id LIMIT :most
) AS found;

-- name: pairs
-- For each person by index, then each code by the primary key.
SELECT DISTINCT least(n.person_id, o.person_id), greatest(n.person_id, o.person_id), n.index_name
FROM kyc.fingerprint AS n
CROSS JOIN LATERAL (
    SELECT f.person_id FROM kyc.fingerprint AS f
    WHERE f.code = n.code AND f.index_name = n.index_name AND f.person_id <> n.person_id
    ORDER BY f.person_id LIMIT :most
) AS o
WHERE n.person_id = ANY(:persons::uuid[]);

-- name: remove!
DELETE FROM kyc.fingerprint WHERE person_id = :person;

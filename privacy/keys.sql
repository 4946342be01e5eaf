-- name: latest_keys
-- The newest key of each subject that has one.
SELECT DISTINCT ON (subject) subject, version, kek, state, wrapped
FROM privacy.subject_key
WHERE subject = ANY(:subjects::uuid[])
ORDER BY subject, version DESC;

-- name: keys_of_versions
-- The keys that ciphertexts name.
SELECT subject, version, kek, state, wrapped
FROM privacy.subject_key
JOIN unnest(:subjects::uuid[], :versions::integer[]) AS wanted (subject, version) USING (subject, version);

-- name: insert_first_keys
-- In subject order, so that two transactions with the same new subjects wait for each other and cannot
-- deadlock; of two first keys of one subject the one that commits first stays.
WITH fresh AS (
    SELECT * FROM unnest(:events::uuid[], :subjects::uuid[], :wrapped::bytea[]) AS f (event, subject, wrapped)
), made AS (
    INSERT INTO privacy.subject_key (subject, version, wrapped, kek, state, created_at)
    SELECT subject, 1, wrapped, :kek, 'active', :now FROM fresh ORDER BY subject
    ON CONFLICT DO NOTHING
    RETURNING subject, version
)
INSERT INTO privacy.key_event (id, subject, version, kek, event, happened_at)
SELECT fresh.event, made.subject, made.version, :kek, 'created', :now FROM made JOIN fresh USING (subject);

-- name: active_keys
-- Locks what is about to be destroyed.
SELECT version, kek FROM privacy.subject_key
WHERE subject = :subject AND state = 'active' ORDER BY version FOR UPDATE;

-- name: destroy_key!
UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL
WHERE subject = :subject AND version = :version;

-- name: insert_event!
INSERT INTO privacy.key_event (id, subject, version, kek, event, actor, reason, happened_at)
VALUES (:id, :subject, :version, :kek, :event, :actor, :reason, :now);

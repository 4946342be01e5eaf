-- name: living_of_subject
SELECT subject, version, kek FROM privacy.subject_key
WHERE subject = :target AND state <> 'destroyed' ORDER BY version FOR UPDATE;

-- name: living_index_key
SELECT index_name, version, kek FROM privacy.index_key
WHERE index_name || '/' || version = :target AND state <> 'destroyed';

-- name: living_epoch_key
-- With whether its epoch is the newest of the domain.
SELECT domain, epoch, kek,
       NOT EXISTS (SELECT FROM privacy.pseudonym_epoch AS l WHERE l.domain = e.domain AND l.epoch > e.epoch)
FROM privacy.pseudonym_epoch AS e
WHERE domain || '/' || epoch = :target AND wrapped IS NOT NULL FOR NO KEY UPDATE;

-- name: keys_below
-- Those of subjects, and all others.
SELECT (SELECT count(*) FROM privacy.subject_key WHERE kek = :target AND state <> 'destroyed'),
       (SELECT count(*) FROM privacy.index_key WHERE kek = :target AND state <> 'destroyed')
       + (SELECT count(*) FROM privacy.pseudonym_epoch WHERE kek = :target);

-- name: destroy_below!
UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL
WHERE kek = :target AND state <> 'destroyed';

-- name: destroy_kek
UPDATE privacy.kek SET state = 'destroyed' WHERE id = :target AND state <> 'destroyed' RETURNING provider;

-- name: destroy_subject!
UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL
WHERE subject = (:target)::uuid AND state <> 'destroyed';

-- name: destroy_index_key!
UPDATE privacy.index_key SET state = 'destroyed', wrapped = NULL
WHERE index_name || '/' || version = :target AND state <> 'destroyed';

-- name: destroy_epoch_key!
UPDATE privacy.pseudonym_epoch SET wrapped = NULL, kek = NULL, destroyed_at = :now
WHERE domain || '/' || epoch = :target AND wrapped IS NOT NULL;

-- name: compromise_subject!
UPDATE privacy.subject_key SET state = 'compromised'
WHERE subject = (:target)::uuid AND state IN ('pre-active', 'active', 'decrypt-only');

-- name: compromise_kek!
UPDATE privacy.kek SET state = 'compromised'
WHERE id = :target AND state IN ('pre-active', 'active', 'decrypt-only');

-- name: compromise_index_key!
UPDATE privacy.index_key SET state = 'compromised'
WHERE index_name || '/' || version = :target AND state IN ('pre-active', 'active', 'decrypt-only');

-- name: active_kek
-- Locked against being retired until this transaction ends, so that a rotation misses nothing wrapped under it.
SELECT id, provider FROM privacy.kek
WHERE use = :use AND expires_month IS NOT DISTINCT FROM :month::date AND state = 'active' FOR SHARE;

-- name: set_kek_state!
UPDATE privacy.kek SET state = :state WHERE id = :kek;

-- name: keks
SELECT id, provider, use, expires_month, state, created_at, seal_until, open_until,
       (SELECT count(*) FROM privacy.subject_key WHERE kek = privacy.kek.id AND wrapped IS NOT NULL)
       + (SELECT count(*) FROM privacy.index_key WHERE kek = privacy.kek.id AND wrapped IS NOT NULL)
       + (SELECT count(*) FROM privacy.pseudonym_epoch WHERE kek = privacy.kek.id)
FROM privacy.kek ORDER BY created_at, id;

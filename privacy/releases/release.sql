-- name: insert!
INSERT INTO privacy.release
    (id, plan, plan_hash, purpose, domain, epoch, records, suppressed, restricted, k_wanted, k_reached, "sensitive",
     generalised, content_hash, released_by, released_at)
VALUES (:id, :plan, :plan_hash, :purpose, :domain, :epoch, :records, :suppressed, :restricted, :k_wanted, :k_reached,
        :sensitive, :generalised, :content_hash, :released_by, :released_at);

-- name: purpose_of
SELECT purpose FROM privacy.pseudonym_domain WHERE name = :domain;

-- name: newest_released
-- Whether the newest epoch of a domain has served a release.
SELECT FROM privacy.release WHERE domain = :domain
    AND epoch = (SELECT max(epoch) FROM privacy.pseudonym_epoch WHERE domain = :domain);

-- name: every
SELECT id, plan, encode(plan_hash, 'hex'), purpose, domain, epoch, records, suppressed, restricted, k_wanted, k_reached,
       "sensitive", generalised, encode(content_hash, 'hex'), released_by, released_at
FROM privacy.release ORDER BY released_at DESC, id LIMIT :most;

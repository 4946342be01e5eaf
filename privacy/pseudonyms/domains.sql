-- name: create
-- A domain with its first epoch, or neither; nothing where there is one of this name.
WITH made AS (
    INSERT INTO privacy.pseudonym_domain (name, purpose, reversible, created_by, created_at)
    VALUES (:domain, :purpose, :reversible, :actor, :at)
    ON CONFLICT (name) DO NOTHING RETURNING name
)
INSERT INTO privacy.pseudonym_epoch (id, domain, epoch, reversible, wrapped, kek, started_by, started_at)
SELECT :id, name, 1, :reversible, :wrapped, :kek, :actor, :at FROM made;

-- name: next_epoch!
INSERT INTO privacy.pseudonym_epoch (id, domain, epoch, reversible, wrapped, kek, started_by, started_at)
VALUES (:id, :domain, :epoch, :reversible, :wrapped, :kek, :actor, :at);

-- name: lock_domain
-- Two rotations of one domain go one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('privacy.pseudonym_domain/' || :domain, 0));

-- name: epoch_of
-- The epoch asked for, or the newest.
SELECT e.epoch, e.reversible, d.purpose, e.wrapped, e.kek, k.provider, e.destroyed_at
FROM privacy.pseudonym_epoch AS e JOIN privacy.pseudonym_domain AS d ON d.name = e.domain LEFT JOIN privacy.kek AS k ON k.id = e.kek
WHERE e.domain = :domain AND (:epoch::integer IS NULL OR e.epoch = :epoch)
ORDER BY e.epoch DESC LIMIT 1;

-- name: under_former
-- Keys under a key-encryption key that is not active any more.
SELECT e.domain, e.epoch, e.wrapped, e.kek, k.provider
FROM privacy.pseudonym_epoch AS e JOIN privacy.kek AS k ON k.id = e.kek
WHERE k.state <> 'active' ORDER BY e.domain, e.epoch FOR NO KEY UPDATE OF e;

-- name: rewrap!
UPDATE privacy.pseudonym_epoch SET wrapped = :wrapped, kek = :kek WHERE domain = :domain AND epoch = :epoch;

-- name: tokens
SELECT of_subject, of_token FROM privacy.tokens_v1(:domain, :epoch, :subjects::uuid[], :fresh::bytea[], :at);

-- name: forget
SELECT privacy.forget_tokens_v1(:subject);

-- name: held
SELECT privacy.held_tokens_v1(:subjects::uuid[]);

-- name: domains
SELECT d.name, d.purpose, d.reversible, max(e.epoch), max(e.started_at)
FROM privacy.pseudonym_domain AS d JOIN privacy.pseudonym_epoch AS e ON e.domain = d.name
GROUP BY d.name ORDER BY d.name LIMIT :most;

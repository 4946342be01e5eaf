-- name: lock_domain
-- Two rotations of one domain go one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('privacy.pseudonym_domain/' || :domain, 0));

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

-- name: newest_released
-- Whether the newest epoch of a domain has served a release.
SELECT FROM privacy.release WHERE domain = :domain
    AND epoch = (SELECT max(epoch) FROM privacy.pseudonym_epoch WHERE domain = :domain);

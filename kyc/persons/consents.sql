-- name: standing
-- What a person last said of each kind of terms.
SELECT DISTINCT ON (t.kind) t.kind, t.version, t.locale, c.given, c.channel, c.recorded_at
FROM kyc.consent AS c JOIN kyc.terms AS t ON t.id = c.terms_id
WHERE c.person_id = :person ORDER BY t.kind, c.recorded_at DESC, c.id DESC;

-- name: newest
-- The version of each kind that is in effect on a day.
SELECT DISTINCT ON (kind) kind, version FROM kyc.terms WHERE effective_from <= :day
ORDER BY kind, effective_from DESC, published_at DESC;

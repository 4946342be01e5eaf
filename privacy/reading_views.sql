-- What the login at hand was given: parts of the views of readers. session_user is who logged in, whatever role
-- they have since taken.

-- name: everyone
SELECT FROM privacy.reader_pack AS given WHERE given.reader = session_user AND given.pack_id = '*'

-- name: persons
SELECT wallet.person_id
FROM kyc.wallet AS wallet JOIN privacy.reader_pack AS given ON given.pack_id = wallet.pack_id
WHERE given.reader = session_user

-- name: accounts
SELECT wallet.account_id
FROM kyc.wallet AS wallet JOIN privacy.reader_pack AS given ON given.pack_id = wallet.pack_id
WHERE given.reader = session_user

-- name: evidence
SELECT evidence.id
FROM kyc.evidence AS evidence
JOIN kyc.wallet AS wallet ON wallet.person_id = evidence.person_id
JOIN privacy.reader_pack AS given ON given.pack_id = wallet.pack_id
WHERE given.reader = session_user

-- name: made_of
-- What the views were made of, as the comment of their schema keeps it.
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = :schema;

-- name: local_keks
-- The key-encryption keys of a local keyring that this database still needs.
SELECT id FROM privacy.kek WHERE provider = 'local' AND state <> 'destroyed';

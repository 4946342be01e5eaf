-- name: listed
SELECT name, login, state, roles, key, since FROM ledger.officer_now ORDER BY name;

-- name: found
SELECT name, login, state, roles, key, since FROM ledger.officer_now WHERE name = :name;

-- name: acting
SELECT name, login, state, roles, key, since FROM ledger.officer_now WHERE login = session_user;

-- name: history
SELECT officer, number, state, roles, key, actor, reason, by_login, at FROM ledger.officer_change
ORDER BY at DESC, officer, number DESC LIMIT :most;

-- name: add!
INSERT INTO ledger.officer (name, login) VALUES (:name, :login);

-- name: change!
INSERT INTO ledger.officer_change (officer, number, state, roles, key, actor, reason)
SELECT :name::ledger.actor, count(*) + 1, :state, :roles, :key, :actor, :reason
FROM ledger.officer_change WHERE officer = :name;

-- name: register_key
SELECT ledger.register_key_v1(:key, :reason);

-- name: keys
SELECT key FROM ledger.officer_change WHERE officer = lower(:name COLLATE "C") AND key IS NOT NULL ORDER BY number DESC;

-- name: demand_signatures!
INSERT INTO ledger.signature_rule (number, demanded, actor, reason)
SELECT coalesce(max(number), 0) + 1, :demanded, :actor, :reason FROM ledger.signature_rule;

-- name: signatures_demanded
SELECT demanded FROM ledger.signature_rule ORDER BY number DESC LIMIT 1;

-- name: login
-- A role that is there already, as another ledger of this server may have made it: who may log in and is an officer's.
SELECT rolcanlogin AND NOT rolsuper AND NOT rolcreaterole AND NOT rolbypassrls AND NOT rolreplication
       AND pg_has_role(oid, 'emoney_officer', 'MEMBER')
FROM pg_catalog.pg_roles WHERE rolname = :login;

-- name: end_sessions
SELECT count(pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
WHERE usename = :login AND datname = current_database() AND pid <> pg_backend_pid();

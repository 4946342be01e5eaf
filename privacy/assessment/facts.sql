-- name: tables
-- Each named table that exists: its size as the server estimates it, and the guards on it.
-- Append-only is triggers that refuse updates and deletes of everyone, the owner included (tgtype bits: 8 delete, 16
-- update; tgenabled: O or A fire in ordinary sessions). The one that guards the removal of requests lets a row go only
-- with the erased person that it is about, and never a request on the way back from a pseudonym.
SELECT name,
       greatest(class.reltuples, 0)::bigint AS estimate,
       has_table_privilege(class.oid, 'SELECT') AS may_read,
       (
           SELECT coalesce(bit_or(guard.tgtype) & 24 = 24, false)
           FROM pg_trigger AS guard JOIN pg_proc AS function ON function.oid = guard.tgfoid
           WHERE guard.tgrelid = class.oid AND guard.tgenabled IN ('O', 'A')
             AND function.pronamespace = 'ledger'::regnamespace
             AND function.proname IN ('refuse_change', 'guard_request_removal_v1')
       ) AS append_only,
       has_any_column_privilege(:role, class.oid, 'UPDATE') AS may_update,
       has_table_privilege(:role, class.oid, 'DELETE') AS may_delete
FROM unnest(:names::text[]) AS name
JOIN pg_class AS class ON class.oid = to_regclass(name)
ORDER BY name;

-- name: keys_by_state
SELECT state, count(*) FROM privacy.subject_key GROUP BY state ORDER BY state;

-- name: openings_by_purpose
-- Fields, of which a row of the log may name several.
SELECT purpose, sum(cardinality(string_to_array(column_name, ',')))
FROM privacy.opening GROUP BY purpose ORDER BY 2 DESC, purpose;

-- name: summary
-- Key-encryption keys in use, by how many and when fields were opened, and whether the role is an ordinary one.
SELECT (SELECT count(DISTINCT kek) FROM privacy.subject_key),
       (SELECT count(DISTINCT actor) FROM privacy.opening),
       (SELECT min(opened_at) FROM privacy.opening),
       (SELECT max(opened_at) FROM privacy.opening),
       (SELECT NOT (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)
               AND NOT EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid)
        FROM pg_roles WHERE rolname = :role);

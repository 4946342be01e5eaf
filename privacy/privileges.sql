-- name: relations
-- Every table, partition, view and sequence of the packages, its columns, and whether it is a part of another.
SELECT namespace.nspname || '.' || class.relname AS name,
       class.relispartition AS part,
       class.relkind = 'S' AS sequence,
       coalesce(array_agg(attribute.attname::text ORDER BY attribute.attnum)
                FILTER (WHERE attribute.attname IS NOT NULL), '{}') AS columns
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
LEFT JOIN pg_attribute AS attribute
    ON attribute.attrelid = class.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE namespace.nspname = ANY(:schemas::text[]) AND class.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
GROUP BY 1, 2, 3
ORDER BY 1;

-- name: granted
-- What readers have: role, relation, column ('' for all of it), privilege. Grants of a schema have no relation.
SELECT role.rolname, namespace.nspname, class.relname, '', acl.privilege_type
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
CROSS JOIN LATERAL aclexplode(class.relacl) AS acl
JOIN pg_roles AS role ON role.oid = acl.grantee
WHERE namespace.nspname = ANY(:schemas::text[]) AND role.rolname = ANY(:roles::text[])
UNION ALL
SELECT role.rolname, namespace.nspname, class.relname, attribute.attname, acl.privilege_type
FROM pg_attribute AS attribute
JOIN pg_class AS class ON class.oid = attribute.attrelid
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
CROSS JOIN LATERAL aclexplode(attribute.attacl) AS acl
JOIN pg_roles AS role ON role.oid = acl.grantee
WHERE namespace.nspname = ANY(:schemas::text[]) AND role.rolname = ANY(:roles::text[])
UNION ALL
SELECT role.rolname, namespace.nspname, '', '', acl.privilege_type
FROM pg_namespace AS namespace
CROSS JOIN LATERAL aclexplode(namespace.nspacl) AS acl
JOIN pg_roles AS role ON role.oid = acl.grantee
WHERE namespace.nspname = ANY(:schemas::text[]) AND role.rolname = ANY(:roles::text[]);

-- name: protected
-- Every table under row-level security: the columns that the policies holding KYC readers back look at, the functions
-- that these ask, and the roles that some policy lets in to all rows.
SELECT namespace.nspname || '.' || class.relname AS name,
       coalesce(array_agg(DISTINCT attribute.attname::text) FILTER (WHERE attribute.attname IS NOT NULL), '{}'),
       coalesce(array_agg(DISTINCT function_namespace.nspname || '.' || function.proname)
                FILTER (WHERE function.proname IS NOT NULL), '{}'),
       ARRAY(SELECT DISTINCT role.rolname::text FROM pg_policy AS open JOIN pg_roles AS role ON role.oid = ANY(open.polroles)
             WHERE open.polrelid = class.oid AND open.polpermissive AND open.polcmd IN ('*', 'r')
               AND pg_get_expr(open.polqual, open.polrelid) = 'true')
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
LEFT JOIN pg_policy AS policy
    ON policy.polrelid = class.oid AND NOT policy.polpermissive AND policy.polcmd IN ('*', 'r')
    AND 'emoney_kyc_reader'::regrole = ANY(policy.polroles)
LEFT JOIN pg_depend AS needs ON needs.classid = 'pg_policy'::regclass AND needs.objid = policy.oid
LEFT JOIN pg_attribute AS attribute
    ON needs.refclassid = 'pg_class'::regclass AND attribute.attrelid = class.oid AND needs.refobjid = class.oid
    AND attribute.attnum = needs.refobjsubid AND attribute.attnum > 0
LEFT JOIN pg_proc AS function ON needs.refclassid = 'pg_proc'::regclass AND function.oid = needs.refobjid
LEFT JOIN pg_namespace AS function_namespace ON function_namespace.oid = function.pronamespace
WHERE class.relrowsecurity
GROUP BY class.oid, namespace.nspname, class.relname;

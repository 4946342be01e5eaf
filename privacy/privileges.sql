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

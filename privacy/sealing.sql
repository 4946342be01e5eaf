-- name: next_versions
-- One more for each named column of each row, from 1. In row order, so that two transactions with the same rows
-- wait for each other and cannot deadlock. A row that is another subject's gives nothing back.
INSERT INTO privacy.sealed_row AS r (row_id, table_name, subject, versions)
SELECT row_id, table_name, subject, versions
FROM unnest(:rows::uuid[], :tables::text[], :subjects::uuid[], :versions::jsonb[])
     AS fresh (row_id, table_name, subject, versions)
ORDER BY row_id, table_name
ON CONFLICT (row_id, table_name) DO UPDATE SET versions = r.versions || (
    SELECT jsonb_object_agg(name, coalesce((r.versions ->> name)::integer, 0) + 1)
    FROM jsonb_object_keys(EXCLUDED.versions) AS name
)
WHERE r.subject = EXCLUDED.subject
RETURNING row_id, table_name, versions;

-- name: versions
-- What the sealed columns of each row stand at.
SELECT r.row_id, r.table_name, r.versions
FROM privacy.sealed_row AS r
JOIN unnest(:rows::uuid[], :tables::text[]) AS wanted (row_id, table_name) USING (row_id, table_name);

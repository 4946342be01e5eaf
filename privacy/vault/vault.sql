-- name: next_versions
-- One more for each named column of each row, from 1. In row order, so that two transactions with the same rows
-- wait for each other and cannot deadlock. Gives the rows' versions in the order given, one row a line; the line
-- of a row that is another subject's is empty.
WITH fresh AS (
    SELECT row_id, table_name, subject, versions, number
    FROM unnest(:rows::uuid[], :tables::text[], :subjects::uuid[], :versions::jsonb[])
         WITH ORDINALITY AS fresh (row_id, table_name, subject, versions, number)
), written AS (
    INSERT INTO privacy.sealed_row AS r (row_id, table_name, subject, versions)
    SELECT row_id, table_name, subject, versions FROM fresh ORDER BY row_id, table_name
    ON CONFLICT (row_id, table_name) DO UPDATE SET versions = r.versions || (
        SELECT jsonb_object_agg(name, coalesce((r.versions ->> name)::integer, 0) + 1)
        FROM jsonb_object_keys(EXCLUDED.versions) AS name
    )
    WHERE r.subject = EXCLUDED.subject
    RETURNING row_id, table_name, versions
)
SELECT string_agg(coalesce(written.versions::text, ''), E'\n' ORDER BY number)
FROM fresh LEFT JOIN written USING (row_id, table_name);

-- name: versions
-- What the sealed columns of each row stand at, in the order given, one row a line; nothing is known of a row whose
-- line is empty. JSON as text holds no line break.
SELECT string_agg(coalesce(r.versions::text, ''), E'\n' ORDER BY number)
FROM unnest(:rows::uuid[], :tables::text[]) WITH ORDINALITY AS wanted (row_id, table_name, number)
LEFT JOIN privacy.sealed_row AS r USING (row_id, table_name);

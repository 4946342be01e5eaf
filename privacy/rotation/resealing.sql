-- name: record_first_versions!
-- For fields that had none: version 1, beside the versions that other columns of the row have.
INSERT INTO privacy.sealed_row AS r (row_id, table_name, subject, versions)
SELECT fresh.row_id, :table, fresh.subject,
       (SELECT jsonb_object_agg(name, 1) FROM unnest(string_to_array(fresh.columns, E'\n')) AS name)
FROM unnest(:rows::uuid[], :subjects::uuid[], :columns::text[]) AS fresh (row_id, subject, columns)
ORDER BY fresh.row_id
ON CONFLICT (row_id, table_name) DO UPDATE SET versions = r.versions || EXCLUDED.versions;

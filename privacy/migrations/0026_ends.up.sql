-- What leaves for analysis leaves out whose processing is restricted ---------------------------------

CREATE FUNCTION privacy.restricted_v1() RETURNS TABLE (subject uuid, purposes text[])
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT newest.subject, newest.purposes FROM (
        SELECT DISTINCT ON (r.subject) r.subject, r.purposes FROM privacy.restriction AS r
        ORDER BY r.subject, r.number DESC
    ) AS newest
    WHERE newest.purposes IS NOT NULL;
END;
COMMENT ON FUNCTION privacy.restricted_v1() IS 'Whose processing is restricted now, and for what their data is still used.';

ALTER TABLE privacy.release ADD COLUMN restricted integer NOT NULL DEFAULT 0 CHECK (restricted >= 0);
GRANT INSERT (restricted) ON privacy.release TO emoney_app;

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (56, 'privacy.release', 2, 'id', ARRAY[
        'salt uuid', 'plan text', 'plan_hash bytes', 'purpose text', 'domain text', 'epoch integer', 'records integer',
        'suppressed integer', 'restricted integer', 'k_wanted integer', 'k_reached integer', 'sensitive json',
        'generalised json', 'content_hash bytes', 'released_by text', 'released_at time']);

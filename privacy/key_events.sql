-- name: record_events!
INSERT INTO privacy.key_event (id, kind, subject, index_name, version, kek, event, actor, reason, happened_at)
SELECT id, kind, subject, index_name, version, kek, event, actor, reason, :now
FROM unnest(:id::uuid[], :kind::text[], :subject::uuid[], :index_name::text[], :version::integer[],
            :kek::text[], :event::text[], :actor::text[], :reason::text[])
     AS happened (id, kind, subject, index_name, version, kek, event, actor, reason);

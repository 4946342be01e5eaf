-- name: record_refusal!
INSERT INTO privacy.opening_refusal (id, actor, purpose, reason, fields, table_name, subject, refused_at)
VALUES (:id, :actor, :purpose, :reason, :fields, :table_name, :subject, :now);

-- name: newest_list
SELECT purposes, assessment, approved_by, approved_at FROM privacy.purpose_list
ORDER BY approved_at DESC, id DESC LIMIT 1;

-- name: insert_list!
INSERT INTO privacy.purpose_list (id, assessment, purposes, approved_by, approved_at)
VALUES (:id, :assessment, :purposes, :actor, :now);

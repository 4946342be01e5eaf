-- name: newest_list
SELECT purposes, assessment, approved_by, approved_at FROM privacy.purpose_list
ORDER BY approved_at DESC, id DESC LIMIT 1;

-- name: dead_letters
SELECT d.id, d.consumer, d.event_id, d.event_type, d.attempts, d.reason, d.failed_at, r.redelivered_at
FROM ledger.dead_letter AS d LEFT JOIN ledger.redelivery AS r ON r.dead_letter_id = d.id
WHERE :all OR r.dead_letter_id IS NULL
ORDER BY d.failed_at, d.id LIMIT :limit;

-- name: dead_letter
SELECT d.id, d.consumer, d.event_id, d.event_type, d.attempts, d.reason, d.failed_at, r.redelivered_at
FROM ledger.dead_letter AS d LEFT JOIN ledger.redelivery AS r ON r.dead_letter_id = d.id
WHERE d.id = :id;

-- name: note_redelivery!
INSERT INTO ledger.redelivery (dead_letter_id, redelivered_at) VALUES (:id, :at) ON CONFLICT DO NOTHING;

-- name: note!
INSERT INTO kyc.duplicate (person_a, person_b, ground, found_at)
SELECT person_a, person_b, ground, :at
FROM unnest(:a::uuid[], :b::uuid[], :grounds::text[]) AS found (person_a, person_b, ground)
ORDER BY person_a, person_b, ground
ON CONFLICT DO NOTHING;

-- name: open_pairs
-- Pairs nobody has decided on since the last ground was found, that are not one person already and wait for no
-- approval of being so.
SELECT d.person_a, a.external_ref, d.person_b, b.external_ref, array_agg(d.ground ORDER BY d.ground), max(d.found_at)
FROM kyc.duplicate AS d
JOIN kyc.person AS a ON a.id = d.person_a
JOIN kyc.person AS b ON b.id = d.person_b
WHERE coalesce(a.holder_id, a.id) <> coalesce(b.holder_id, b.id)
GROUP BY d.person_a, a.external_ref, d.person_b, b.external_ref
HAVING NOT EXISTS (
    SELECT FROM kyc.duplicate_decision AS x
    WHERE x.person_a = d.person_a AND x.person_b = d.person_b AND x.verdict = 'different'
      AND x.decided_at >= max(d.found_at)
) AND NOT EXISTS (
    SELECT FROM kyc.duplicate_decision AS x
    JOIN ledger.request AS r ON r.id = x.request_id AND r.expires_at > :at
    WHERE x.person_a = d.person_a AND x.person_b = d.person_b
      AND NOT EXISTS (SELECT FROM ledger.request_decision AS y WHERE y.request_id = r.id)
)
ORDER BY max(d.found_at), d.person_a, d.person_b
LIMIT :most;

-- name: lock_pair
-- Two who decide on one pair at once come one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('kyc.duplicate ' || :a::text || :b::text, 0));

-- name: pair_is_open
SELECT NOT EXISTS (
    SELECT FROM kyc.duplicate_decision AS x
    WHERE x.person_a = :a AND x.person_b = :b
      AND (x.verdict = 'different' AND x.decided_at >= (
              SELECT max(found_at) FROM kyc.duplicate WHERE person_a = :a AND person_b = :b)
           OR x.verdict = 'same' AND EXISTS (
              SELECT FROM ledger.request AS r WHERE r.id = x.request_id AND r.expires_at > :at
                AND NOT EXISTS (SELECT FROM ledger.request_decision AS y WHERE y.request_id = r.id)))
) AND NOT EXISTS (
    SELECT FROM kyc.person AS a, kyc.person AS b
    WHERE a.id = :a AND b.id = :b AND coalesce(a.holder_id, a.id) = coalesce(b.holder_id, b.id)
);

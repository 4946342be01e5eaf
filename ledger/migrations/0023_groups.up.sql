-- A group is claimed like a transfer, under the id that ledger.transfers.claim_of_group makes, so that no later batch
-- goes on with it. Those that were sent before are claimed here.
INSERT INTO ledger.claim (id)
SELECT encode(set_byte(sent.id, 8, get_byte(sent.id, 8) # 128), 'hex')::uuid
FROM (
    SELECT uuid_send(group_id) FROM ledger.transfer WHERE group_id IS NOT NULL
    UNION
    SELECT uuid_send(group_id) FROM ledger.refusal WHERE group_id IS NOT NULL
) AS sent (id)
ORDER BY 1 -- as posting does, which may go on meanwhile
ON CONFLICT (id) DO NOTHING;

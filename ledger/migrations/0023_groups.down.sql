ALTER TABLE ledger.claim DISABLE TRIGGER USER;
DELETE FROM ledger.claim AS c
USING (
    SELECT uuid_send(group_id) FROM ledger.transfer WHERE group_id IS NOT NULL
    UNION
    SELECT uuid_send(group_id) FROM ledger.refusal WHERE group_id IS NOT NULL
) AS sent (id)
WHERE c.id = encode(set_byte(sent.id, 8, get_byte(sent.id, 8) # 128), 'hex')::uuid;
ALTER TABLE ledger.claim ENABLE TRIGGER USER;

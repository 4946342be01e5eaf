-- Roles are privacy's and the ledger's, and go with them. Requests about persons go with these; what stays of two
-- persons for good, stays, with its actions.
DROP POLICY given_packs ON ledger.account_freeze;
DROP POLICY readers ON ledger.account_freeze;
DROP POLICY application ON ledger.account_freeze;
ALTER TABLE ledger.account_freeze DISABLE ROW LEVEL SECURITY;
DROP POLICY given_packs ON ledger.request;
DROP POLICY given_packs ON ledger.request_decision;
DROP POLICY readers ON ledger.request;
DROP POLICY readers ON ledger.request_decision;
DROP POLICY application ON ledger.request;
DROP POLICY application ON ledger.request_decision;
ALTER TABLE ledger.request DISABLE ROW LEVEL SECURITY;
ALTER TABLE ledger.request_decision DISABLE ROW LEVEL SECURITY;

DROP SCHEMA kyc CASCADE;

ALTER TABLE ledger.request_done DISABLE TRIGGER removal;
ALTER TABLE ledger.request_decision DISABLE TRIGGER removal;
ALTER TABLE ledger.request DISABLE TRIGGER removal;
DELETE FROM ledger.request_done AS d USING ledger.request AS r JOIN ledger.request_action AS a ON a.name = r.action
WHERE r.id = d.request_id AND starts_with(a.removal, 'kyc.')
  AND NOT EXISTS (SELECT FROM ledger.account_change AS c WHERE c.approval_id = r.id);
DELETE FROM ledger.request_decision AS d USING ledger.request_action AS a
WHERE a.name = d.action AND starts_with(a.removal, 'kyc.')
  AND NOT EXISTS (SELECT FROM ledger.account_change AS c WHERE c.approval_id = d.request_id);
DELETE FROM ledger.request AS r USING ledger.request_action AS a
WHERE a.name = r.action AND starts_with(a.removal, 'kyc.')
  AND NOT EXISTS (SELECT FROM ledger.account_change AS c WHERE c.approval_id = r.id);
ALTER TABLE ledger.request_done ENABLE TRIGGER removal;
ALTER TABLE ledger.request_decision ENABLE TRIGGER removal;
ALTER TABLE ledger.request ENABLE TRIGGER removal;

ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE starts_with(relation, 'kyc.');
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

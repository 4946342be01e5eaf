-- name: layouts
SELECT profile_id, per_payee, measure, mask, span FROM ledger.limit_counter
WHERE profile_id = ANY(:profiles) ORDER BY profile_id, per_payee, slot;

-- name: days
-- What wallets moved on days that are over, and with these others on any day.
SELECT account_id, other_id, day, moved FROM ledger.usage_day
WHERE account_id = ANY(:accounts) AND other_id = ANY(:others) AND day >= :since;

-- name: listed
SELECT DISTINCT ON (name) name, state, gives, methods, assurance, login, actor, reason, at
FROM kyc.provider ORDER BY name, number DESC;

-- name: register!
INSERT INTO kyc.provider (name, number, state, gives, methods, assurance, login, actor, reason)
SELECT :name::ledger.actor, count(*) + 1, 'active', :gives::text[], :methods::text[], :assurance, :login, :actor, :reason
FROM kyc.provider WHERE name = :name;

-- name: withdraw!
INSERT INTO kyc.provider (name, number, state, gives, methods, assurance, login, actor, reason)
SELECT name, number + 1, 'withdrawn', gives, methods, assurance, login, :actor, :reason
FROM kyc.provider WHERE name = :name ORDER BY number DESC LIMIT 1;

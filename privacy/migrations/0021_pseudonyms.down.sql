ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE relation IN ('privacy.pseudonym_epoch', 'privacy.reidentification_request',
    'privacy.reidentification_decision', 'privacy.reidentification');
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

DROP FUNCTION privacy.forget_tokens_v1(uuid);
DROP FUNCTION privacy.reidentify_v1(uuid, timestamptz);
DROP FUNCTION privacy.gave_out_v1(text, bytea);
DROP FUNCTION privacy.tokens_v1(text, integer, uuid[], bytea[], timestamptz);
DROP TABLE privacy.reidentification;
DROP TABLE privacy.reidentification_decision;
DROP TABLE privacy.reidentification_request;
DROP TABLE privacy.pseudonym_token;
DROP TABLE privacy.pseudonym_epoch;
DROP FUNCTION privacy.guard_pseudonym_epoch();
DROP TABLE privacy.pseudonym_domain;
DROP DOMAIN privacy.actor;
DROP DOMAIN privacy.domain_name;

-- Keys of this use, of which nothing is left that they wrapped.
ALTER TABLE privacy.kek DISABLE TRIGGER USER;
DELETE FROM privacy.kek WHERE use = 'wrap pseudonym keys';
ALTER TABLE privacy.kek ENABLE TRIGGER USER;
ALTER TABLE privacy.kek DROP CONSTRAINT kek_use_check, ADD CONSTRAINT kek_use_check
    CHECK (use IN ('wrap subject keys', 'wrap index keys'));

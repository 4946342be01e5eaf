ALTER TABLE ledger.leaf_source DISABLE TRIGGER append_only;
DELETE FROM ledger.leaf_source WHERE kind BETWEEN 40 AND 44;
ALTER TABLE ledger.leaf_source ENABLE TRIGGER append_only;

DROP TRIGGER opening_restricted ON privacy.opening;
REVOKE DELETE ON privacy.sealed_row FROM emoney_app;
DROP FUNCTION privacy.guard_restricted_v1(), privacy.guard_removal_v1(), privacy.guard_removal_below_v1(),
    privacy.guard_forgetting_v1();
DROP FUNCTION privacy.being_erased(uuid), privacy.held(uuid);
DROP TABLE privacy.destruction_certificate, privacy.destruction, privacy.legal_hold, privacy.restriction,
    privacy.data_request_step, privacy.data_request;
DROP FUNCTION privacy.guard_request_step_v1(), privacy.guard_legal_hold_v1(), privacy.guard_destruction_v1(),
    privacy.demand_keys_destroyed_v1();

-- Refusals for a restriction stay; new ones are not of that reason any more.
ALTER TABLE privacy.opening_refusal DROP CONSTRAINT opening_refusal_reason_check,
    ADD CONSTRAINT opening_refusal_reason_check CHECK (reason IN (
        'unknown purpose', 'purpose not approved', 'field does not open', 'key destroyed', 'key compromised',
        'key expired', 'key unavailable')) NOT VALID;

-- What the application may do: everything else is the owner's. It reaches partitions through their tables only.

GRANT USAGE ON SCHEMA ledger TO emoney_app;
-- The application checks that the schema is of its version.
GRANT USAGE ON SCHEMA emoney_migrations TO emoney_app;
GRANT SELECT ON emoney_migrations.alembic_version TO emoney_app;

-- Reads.
GRANT SELECT ON
    ledger.account, ledger.account_change, ledger.account_freeze, ledger.freeze_kind, ledger.account_parent,
    ledger.account_metadata,
    ledger.claim, ledger.transfer, ledger.entry, ledger.refusal, ledger.transfer_note, ledger.partition_start,
    ledger.kind_operations, ledger.limit_profile, ledger.limit_counter, ledger.limit_rule, ledger.guard, ledger.usage_day, ledger.usage_moved,
    ledger.operation_number,
    ledger.hold, ledger.hold_event, ledger.open_hold,
    ledger.reversal, ledger.unmatched_return, ledger.dispute, ledger.dispute_outcome,
    ledger.request_action, ledger.request, ledger.request_decision, ledger.request_done,
    ledger.kept_request, ledger.kept_request_decision, ledger.kept_request_done,
    ledger.officer, ledger.officer_change, ledger.officer_now, ledger.signature_rule,
    ledger.closed_period, ledger.period_sum, ledger.period_total,
    ledger.event, ledger.consumer, ledger.dead_letter, ledger.redelivery,
    ledger.leaf_source, ledger.leaf_block, ledger.leaf, ledger.tree_node, ledger.checkpoint, ledger.cosignature,
    ledger.bank_statement, ledger.bank_entry, ledger.reconciliation, ledger.reconciliation_total,
    ledger.reconciliation_account, ledger.reconciliation_item, ledger.safeguarding_event
TO emoney_app;

-- Accounts. Locking one takes a right to update it; a trigger refuses each update of opened_at.
GRANT INSERT (id, kind, currency, holder, external_ref, profile_id, opened_at, sign, floor, ceiling),
    UPDATE (opened_at)
    ON ledger.account TO emoney_app;
GRANT INSERT (account_id, number, kind, frozen_debit, frozen_credit, freeze_kind, freeze_debit, freeze_credit,
    approval_id, floor, ceiling, parent_id, profile_id, actor, reason, at) ON ledger.account_change TO emoney_app;
GRANT INSERT, UPDATE (metadata, changed_at) ON ledger.account_metadata TO emoney_app;

-- Transfers and limits. Transfers, refusals, notes and what limits count are written by the posting functions alone.
GRANT INSERT ON ledger.claim TO emoney_app;
GRANT EXECUTE ON FUNCTION ledger.make_partitions_v1, ledger.usage_breaches_v1, ledger.recounted_v1, ledger.counting_v1, ledger.look_v1, ledger.write_refusals_v1,
    ledger.write_notes_v1, ledger.write_posted_v1, ledger.write_decided_v1, ledger.write_one_v1 TO emoney_app;

-- Holds, reversals, disputes, periods.
GRANT INSERT (id, debit_account, credit_account, amount, currency, operation, reference, placed_at, expires_at)
    ON ledger.hold TO emoney_app;
GRANT INSERT (hold_id, number, kind, amount, transfer_id, at) ON ledger.hold_event TO emoney_app;
GRANT INSERT (transfer_id, original_id, amount, reason, at) ON ledger.reversal TO emoney_app;
GRANT INSERT (id, original_id, reason_code, actor, opened_at) ON ledger.dispute TO emoney_app;
GRANT INSERT (dispute_id, kind, amount, transfer_id, actor, reason, at) ON ledger.dispute_outcome TO emoney_app;
GRANT INSERT (ends_at, id, name, starts_at, time_zone, closed_at, actor) ON ledger.closed_period TO emoney_app;
GRANT INSERT ON ledger.period_sum, ledger.period_total TO emoney_app;

-- Events and their delivery. USAGE on the sequence is nextval only; setval would need UPDATE.
GRANT USAGE ON SEQUENCE ledger.event_position TO emoney_app;
GRANT INSERT (id, kind, subject, payload, recorded_at) ON ledger.event TO emoney_app;
GRANT INSERT (name, done, created_at),
    UPDATE (done, ahead, first, last, position, generation, acknowledged_at, failing, attempts, failure, retry_at)
    ON ledger.consumer TO emoney_app;
GRANT INSERT ON ledger.dead_letter, ledger.redelivery TO emoney_app;

-- Proofs, and what banks say. Only who may change the schema declares what is a leaf.
GRANT INSERT ON ledger.leaf_block, ledger.tree_node, ledger.checkpoint, ledger.cosignature TO emoney_app;
GRANT INSERT (id, account_id, statement_ref, format, bank_account, currency, sequence, opening_on, closing_on, opening_balance, closing_balance, entries, content_hash, imported_at)
    ON ledger.bank_statement TO emoney_app;
GRANT INSERT (id, day, time_zone, as_of, made_at, transit_days_max, clean)
    ON ledger.reconciliation TO emoney_app;
GRANT INSERT (id, reconciliation_id, at, kind, currency, account_id, amount, since, age_days, reference)
    ON ledger.safeguarding_event TO emoney_app;
GRANT INSERT ON ledger.bank_entry, ledger.reconciliation_total, ledger.reconciliation_account,
    ledger.reconciliation_item TO emoney_app;

-- What takes two persons. Rows go by a function, when a person they are about is erased; a trigger demands that.
GRANT INSERT (id, action, subject, target, details, actor, reason, requested_at, expires_at, signature)
    ON ledger.request TO emoney_app;
GRANT INSERT (request_id, action, subject, asked_by, requested_at, expires_at, kept, outcome, actor, reason, decided_at, signature)
    ON ledger.request_decision TO emoney_app;
GRANT INSERT (request_id, decided_at, kept, done_at) ON ledger.request_done TO emoney_app;
GRANT EXECUTE ON FUNCTION ledger.remove_requests_v1 TO emoney_app;
GRANT EXECUTE ON FUNCTION ledger.register_key_v1 TO emoney_app;

-- The policy's right: limits are stored by it, and by nothing else.
GRANT USAGE ON SCHEMA ledger, emoney_migrations TO emoney_policy;
GRANT SELECT ON emoney_migrations.alembic_version, ledger.limit_profile TO emoney_policy;
GRANT EXECUTE ON FUNCTION ledger.store_profile_v1 TO emoney_policy;

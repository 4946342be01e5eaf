-- Who acted, in the tables of privacy: compared with the login where that is an officer's, or the name is.
SELECT ledger.compare_actors_v1(ARRAY[
    'privacy.breach.recorded_by', 'privacy.count_budget.opened_by', 'privacy.data_request.recorded_by',
    'privacy.data_request_step.actor', 'privacy.index_key.made_by', 'privacy.legal_hold.actor',
    'privacy.opening.actor', 'privacy.opening_refusal.actor', 'privacy.pseudonym_domain.created_by',
    'privacy.pseudonym_epoch.started_by', 'privacy.published_count.published_by', 'privacy.purpose_list.approved_by',
    'privacy.reader_pack.granted_by', 'privacy.release.released_by', 'privacy.restriction.actor', 'privacy.rotation.actor',
    'privacy.subject_key.made_by']);

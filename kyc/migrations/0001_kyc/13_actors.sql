-- Who acted, in the tables of kyc: compared with the login where that is an officer's, or the name is. Not compared: who
-- accepted a pack, which its approval says, and the provider of evidence, which is no one who acts.
SELECT ledger.compare_actors_v1(ARRAY[
    'kyc.business_account.recorded_by', 'kyc.consent.recorded_by', 'kyc.death_step.made_by',
    'kyc.dormancy_exemption.recorded_by', 'kyc.dormancy_step.made_by', 'kyc.duplicate_decision.decided_by',
    'kyc.evidence.recorded_by', 'kyc.evidence_state.recorded_by', 'kyc.guardianship.recorded_by',
    'kyc.ownership_statement.recorded_by', 'kyc.person_version.replaced_by', 'kyc.provider.actor', 'kyc.rectification.requested_by',
    'kyc.review_done.reviewed_by', 'kyc.risk_rating.rated_by', 'kyc.terms.published_by', 'kyc.wallet_features.recorded_by']);

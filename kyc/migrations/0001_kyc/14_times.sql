-- When it happened, in the tables of kyc: at no time that is far from this database's clock (see ledger.clock_policy).
-- Without a bound are those that state another time than that of the act: of a review that is due, of a text's effect.
SELECT ledger.bound_times_v1(ARRAY[
    'kyc.business_account.recorded_at', 'kyc.consent.recorded_at', 'kyc.death_step.made_at',
    'kyc.dormancy_exemption.since', 'kyc.dormancy_exemption.ended_at', 'kyc.duplicate_decision.decided_at',
    'kyc.guardianship.recorded_at', 'kyc.guardianship.ended_at', 'kyc.ownership_statement.recorded_at',
    'kyc.pack_acceptance.accepted_at', 'kyc.person.enrolled_at', 'kyc.person_link.made_at',
    'kyc.person_version.replaced_at', 'kyc.rectification.requested_at', 'kyc.review_done.reviewed_at',
    'kyc.risk_rating.rated_at', 'kyc.tier_override.made_at', 'kyc.wallet_features.recorded_at']);
SELECT ledger.bound_times_v1(ARRAY['kyc.evidence.recorded_at'], of_rows => $$NEW.state <> 'expired'$$);

-- What jobs write, too: all of a run at the moment at which it began.
SELECT ledger.bound_times_v1(ARRAY['kyc.evidence.recorded_at'], '1 day', $$NEW.state = 'expired'$$);
SELECT ledger.bound_times_v1(ARRAY['kyc.dormancy_step.made_at', 'kyc.restriction_step.made_at', 'kyc.tier_decision.decided_at',
    'kyc.wallet.tier_since'], '1 day');

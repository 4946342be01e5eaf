-- What takes two persons here (see ledger.request): every action of kyc, and when its rows go.

-- A request is about a person, an account, evidence or a correction. Those about the last two may go once these have
-- gone, which is when their person is erased: they refer to their decision, so they go first.
CREATE FUNCTION kyc.request_may_go_v1(of_action text, of_subject uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN privacy.being_erased(of_subject)
        OR (of_action = 'evidence_acceptance' AND NOT EXISTS (SELECT FROM kyc.evidence AS e WHERE e.id = of_subject))
        OR (of_action = 'rectification' AND NOT EXISTS (SELECT FROM kyc.rectification AS r WHERE r.id = of_subject));
END
$$;

-- They are here already where this schema was taken down before: a request that stays refers to its action.
INSERT INTO ledger.request_action (name, open_at_most, removal) VALUES
    ('tier_override', '90 days', NULL),
    ('pack_acceptance', '90 days', NULL),
    ('evidence_acceptance', '90 days', 'kyc.request_may_go_v1'),
    ('unfreezing', '90 days', 'kyc.request_may_go_v1'),
    ('linking_persons', '90 days', 'kyc.request_may_go_v1'),
    ('separating_persons', '90 days', 'kyc.request_may_go_v1'),
    ('rectification', '90 days', 'kyc.request_may_go_v1'),
    ('estate_release', '90 days', 'kyc.request_may_go_v1')
ON CONFLICT (name) DO NOTHING;

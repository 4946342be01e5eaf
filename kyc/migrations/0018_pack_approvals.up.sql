-- An acceptance that rests on four eyes refers to the approval of this very content. approval_subject: the first
-- 128 bits of content_hash, which names the content in the request. Older acceptances, and those outside
-- production, rest on one person's word: approval_id is null.
ALTER TABLE kyc.pack_acceptance
    ADD COLUMN approval_id uuid,
    ADD COLUMN approval_action text NOT NULL GENERATED ALWAYS AS ('pack_acceptance') STORED,
    ADD COLUMN approval_subject uuid NOT NULL GENERATED ALWAYS AS (left(content_hash, 32)::uuid) STORED,
    ADD COLUMN approval_outcome text NOT NULL GENERATED ALWAYS AS ('approved') STORED,
    ADD CONSTRAINT pack_acceptance_approved
        FOREIGN KEY (approval_id, approval_action, approval_subject, approval_outcome)
        REFERENCES kyc.approval_decision (request_id, action, subject, outcome);

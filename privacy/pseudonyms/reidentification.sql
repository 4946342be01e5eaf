-- name: about
-- Whether a domain has a way back, and whether it gave out this token.
SELECT reversible, privacy.gave_out_v1(:domain, :token) FROM privacy.pseudonym_domain WHERE name = :domain;

-- name: disclose
SELECT privacy.reidentify_v1(:id, :at);

-- The schema privacy, and how the names of domains are spelt. No table of it holds personal
-- content: a subject is an opaque id, such as kyc gives a person.

CREATE SCHEMA privacy;
GRANT USAGE ON SCHEMA privacy TO emoney_app;

CREATE DOMAIN privacy.domain_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,62}$');

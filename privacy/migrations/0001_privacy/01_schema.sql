-- The schema privacy, and how the names of domains and of persons who act are spelt. No table of it holds personal
-- content: a subject is an opaque id, such as kyc gives a person.

CREATE SCHEMA privacy;
GRANT USAGE ON SCHEMA privacy TO emoney_app;

CREATE DOMAIN privacy.domain_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,62}$');
-- One spelling for one person: nobody is a second person by a blank or by a letter that looks alike.
CREATE DOMAIN privacy.actor AS text CHECK (VALUE ~ '^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}$');

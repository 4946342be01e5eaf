-- What left for analysis: releases of anonymised records, and counts published with noise.

CREATE TABLE privacy.release (
    id             uuid                PRIMARY KEY,
    plan           privacy.domain_name NOT NULL,
    plan_hash      bytea               NOT NULL CHECK (octet_length(plan_hash) = 32),
    purpose        text                NOT NULL CHECK (length(purpose) BETWEEN 1 AND 200),
    domain         privacy.domain_name,
    epoch          integer,
    records        integer             NOT NULL CHECK (records > 0),
    suppressed     integer             NOT NULL CHECK (suppressed >= 0),
    restricted     integer             NOT NULL DEFAULT 0 CHECK (restricted >= 0),
    k_wanted       integer             NOT NULL CHECK (k_wanted >= 2),
    k_reached      integer             NOT NULL CHECK (k_reached >= k_wanted),
    "sensitive"    jsonb               NOT NULL,
    generalised    jsonb               NOT NULL,
    content_hash   bytea               NOT NULL CHECK (octet_length(content_hash) = 32),
    released_by    ledger.actor       NOT NULL,
    released_at    timestamptz         NOT NULL,
    xact           bigint              NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt           uuid                NOT NULL DEFAULT gen_random_uuid(),
    CHECK ((domain IS NULL) = (epoch IS NULL)),
    CHECK (records >= k_reached),
    FOREIGN KEY (domain, epoch) REFERENCES privacy.pseudonym_epoch (domain, epoch),
    CONSTRAINT one_release_of_an_epoch UNIQUE (domain, epoch)
);
COMMENT ON TABLE privacy.release IS
    'Append-only. A file of anonymised records that left, and what it was found to guarantee. Under one epoch''s '
    'pseudonyms only one: two could be joined by them, and what is known of a person by both would single it out.';
CREATE INDEX release_xact ON privacy.release
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT, INSERT (id, plan, plan_hash, purpose, domain, epoch, records, suppressed, restricted, k_wanted, k_reached,
    "sensitive", generalised, content_hash, released_by, released_at) ON privacy.release TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.release
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- A budget and what is left of it -----------------------------------------------------------------

CREATE TABLE privacy.count_budget (
    id         uuid                PRIMARY KEY,
    name       privacy.domain_name NOT NULL UNIQUE,
    purpose    text                NOT NULL CHECK (length(purpose) BETWEEN 1 AND 200),
    epsilon    numeric(9, 6)       NOT NULL CHECK (epsilon > 0 AND epsilon <= 10),
    opened_by  ledger.actor       NOT NULL,
    opened_at  timestamptz         NOT NULL,
    xact       bigint              NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt       uuid                NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (name, epsilon)
);
COMMENT ON TABLE privacy.count_budget IS
    'Append-only. epsilon: the privacy loss that all counts published under this purpose may add up to.';
CREATE INDEX count_budget_xact ON privacy.count_budget
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT ON privacy.count_budget TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.count_budget
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE privacy.count_spent (
    budget  privacy.domain_name PRIMARY KEY,
    epsilon numeric(9, 6)       NOT NULL,
    spent   numeric(9, 6)       NOT NULL DEFAULT 0 CHECK (spent >= 0),
    FOREIGN KEY (budget, epsilon) REFERENCES privacy.count_budget (name, epsilon),
    CONSTRAINT within_budget CHECK (spent <= epsilon)
);
COMMENT ON TABLE privacy.count_spent IS 'What is spent of each budget: it only grows, with a row of published_count.';
GRANT SELECT ON privacy.count_spent TO emoney_app;

CREATE FUNCTION privacy.guard_count_spent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.budget = OLD.budget AND NEW.epsilon = OLD.epsilon AND NEW.spent >= OLD.spent THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what is spent of a budget does not come back' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER guard BEFORE UPDATE ON privacy.count_spent
    FOR EACH ROW EXECUTE FUNCTION privacy.guard_count_spent();
CREATE TRIGGER keep BEFORE DELETE OR TRUNCATE ON privacy.count_spent
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TABLE privacy.published_count (
    id           uuid                PRIMARY KEY,
    budget       privacy.domain_name NOT NULL REFERENCES privacy.count_budget (name),
    question     text                NOT NULL CHECK (length(question) BETWEEN 1 AND 200),
    epsilon      numeric(9, 6)       NOT NULL CHECK (epsilon > 0),
    scale        double precision    NOT NULL CHECK (scale > 0),
    cells        jsonb               NOT NULL CHECK (jsonb_typeof(cells) = 'object'),
    published_by ledger.actor       NOT NULL,
    published_at timestamptz         NOT NULL,
    xact         bigint              NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt         uuid                NOT NULL DEFAULT gen_random_uuid()
);
COMMENT ON TABLE privacy.published_count IS 'Append-only. Counts with their noise, as they were told. The true ones are in no table.';
CREATE INDEX published_count_budget ON privacy.published_count (budget, published_at);
CREATE INDEX published_count_xact ON privacy.published_count
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);
GRANT SELECT ON privacy.published_count TO emoney_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON privacy.published_count
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- The application spends and opens by these two alone: no count is recorded without its epsilon, nor the other way.

CREATE FUNCTION privacy.open_budget_v1(of_id uuid, of_name text, of_purpose text, of_epsilon numeric, by text, at timestamptz)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO privacy.count_budget (id, name, purpose, epsilon, opened_by, opened_at)
    VALUES (of_id, of_name, of_purpose, of_epsilon, by, at);
    INSERT INTO privacy.count_spent (budget, epsilon) VALUES (of_name, of_epsilon);
$$;
REVOKE EXECUTE ON FUNCTION privacy.open_budget_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.open_budget_v1 TO emoney_app;

-- Two at once wait for one another at the budget's row, and the later one sees what the earlier has spent. Nothing is
-- rounded: what does not fit the column is refused, not spent as less.
CREATE FUNCTION privacy.publish_count_v1(
    of_id uuid, of_budget text, of_question text, of_epsilon numeric, of_scale double precision, of_cells jsonb,
    by text, at timestamptz)
RETURNS numeric
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    remaining numeric;
BEGIN
    IF of_epsilon IS NULL OR of_epsilon <= 0 OR of_epsilon <> round(of_epsilon, 6) THEN
        RAISE EXCEPTION 'an epsilon is above zero, in steps of 0.000001' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE privacy.count_spent SET spent = spent + of_epsilon WHERE budget = of_budget
    RETURNING epsilon - spent INTO remaining;
    INSERT INTO privacy.published_count (id, budget, question, epsilon, scale, cells, published_by, published_at)
    VALUES (of_id, of_budget, of_question, of_epsilon, of_scale, of_cells, by, at);
    RETURN remaining;
END
$$;
REVOKE EXECUTE ON FUNCTION privacy.publish_count_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION privacy.publish_count_v1 TO emoney_app;

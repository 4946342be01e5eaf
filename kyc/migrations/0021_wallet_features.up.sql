-- What a wallet is, as far as rules depend on it: each statement in place of the one before it, none edited.
-- A wallet without a row is an ordinary one. Null: nothing is said.
CREATE TABLE kyc.wallet_features (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES kyc.wallet (account_id),
    number integer NOT NULL CHECK (number >= 1),
    reloadable boolean,
    one_country boolean,
    goods_only boolean,
    loaded_with_cash boolean NOT NULL,
    phone_not_validated boolean NOT NULL,
    cohorts text[] NOT NULL CHECK (cardinality(cohorts) <= 20),
    recorded_by kyc.actor NOT NULL,
    because text NOT NULL CHECK (length(because) BETWEEN 1 AND 500),
    recorded_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    salt uuid NOT NULL DEFAULT gen_random_uuid(),
    UNIQUE (account_id, number)
);
CREATE INDEX wallet_features_xact ON kyc.wallet_features
    USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- An instrument that is loaded once stays so: reloadable it would be another one.
CREATE FUNCTION kyc.demand_next_features_v1() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before kyc.wallet_features;
BEGIN
    SELECT * INTO before FROM kyc.wallet_features
    WHERE account_id = NEW.account_id ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(before.number, 0) + 1
        OR (before.reloadable = false AND NEW.reloadable IS DISTINCT FROM false)
        OR NEW.recorded_at < before.recorded_at THEN
        RAISE EXCEPTION 'kyc: statement % on wallet % does not follow the one before it', NEW.number, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER next_features BEFORE INSERT ON kyc.wallet_features
    FOR EACH ROW EXECUTE FUNCTION kyc.demand_next_features_v1();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON kyc.wallet_features
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

INSERT INTO ledger.leaf_source (kind, relation, version, id_column, fields) VALUES
    (65, 'kyc.wallet_features', 1, 'id', ARRAY[
        'salt uuid', 'account_id uuid', 'number integer', 'reloadable json', 'one_country json', 'goods_only json',
        'loaded_with_cash json', 'phone_not_validated json', 'cohorts json', 'recorded_by text', 'because text',
        'recorded_at time']);

GRANT SELECT ON kyc.wallet_features TO emoney_app;
GRANT INSERT (id, account_id, number, reloadable, one_country, goods_only, loaded_with_cash, phone_not_validated,
    cohorts, recorded_by, because, recorded_at) ON kyc.wallet_features TO emoney_app;

-- Event delivery: every committed outcome under a number that rises along each account, consumers and their
-- places, events of other kinds, and what could not be delivered.

-- Numbers are taken when a row is inserted, which is when its accounts are locked and their state is known: of two
-- rows on one account the later has the higher number. Transaction ids do not do that: they are given at a
-- transaction's first write, before it waits for its accounts. CACHE 1: a session that kept numbers in stock would
-- break the order. Gaps are ordinary.
CREATE SEQUENCE ledger.event_position AS bigint CACHE 1;

ALTER TABLE ledger.transfer ADD COLUMN position bigint NOT NULL DEFAULT nextval('ledger.event_position');
ALTER TABLE ledger.refusal ADD COLUMN position bigint NOT NULL DEFAULT nextval('ledger.event_position');

CREATE INDEX transfer_position ON ledger.transfer USING brin (position) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX refusal_position ON ledger.refusal USING brin (position) WITH (pages_per_range = 32, autosummarize = on);

-- What happened and is neither a posted nor a refused transfer. subject: the account it is about, or another id.
CREATE TABLE ledger.event (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,32}(\.[a-z_]{1,32}){1,3}$' AND kind !~ '^transfer\.'),
    subject uuid NOT NULL,
    payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    recorded_at timestamptz NOT NULL,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    position bigint NOT NULL DEFAULT nextval('ledger.event_position')
);

CREATE INDEX event_by_position ON ledger.event USING brin (position) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX event_by_xact ON ledger.event USING brin (xact) WITH (pages_per_range = 32, autosummarize = on);

-- A consumer's place. done: the snapshot (as text) of which all is acknowledged. ahead: the snapshot it is working
-- towards, acknowledged up to position; first and last are the positions that lie between the two. generation
-- counts changes, so that two processes under one name find out.
CREATE TABLE ledger.consumer (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    done text NOT NULL,
    ahead text,
    first bigint NOT NULL DEFAULT 0,
    last bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0,
    generation bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    failing uuid,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    failure text,
    retry_at timestamptz
);

-- An event that a consumer gave up on. reason never quotes what the receiver answered.
CREATE TABLE ledger.dead_letter (
    id uuid PRIMARY KEY,
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    attempts integer NOT NULL CHECK (attempts > 0),
    reason text NOT NULL,
    failed_at timestamptz NOT NULL,
    UNIQUE (consumer, event_id)
);

-- A dead letter that was delivered after all.
CREATE TABLE ledger.redelivery (
    dead_letter_id uuid PRIMARY KEY REFERENCES ledger.dead_letter (id),
    redelivered_at timestamptz NOT NULL
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.dead_letter
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.redelivery
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- xact and position are left to the database: a forged one would hide an event or break the order.
-- USAGE on the sequence is nextval only; setval would need UPDATE.
GRANT USAGE ON SEQUENCE ledger.event_position TO emoney_app;
GRANT SELECT ON ledger.event, ledger.consumer, ledger.dead_letter, ledger.redelivery TO emoney_app;
GRANT INSERT (id, kind, subject, payload, recorded_at) ON ledger.event TO emoney_app;
GRANT INSERT (name, done, created_at) ON ledger.consumer TO emoney_app;
GRANT UPDATE (done, ahead, first, last, position, generation, acknowledged_at, failing, attempts, failure, retry_at)
    ON ledger.consumer TO emoney_app;
GRANT INSERT ON ledger.dead_letter, ledger.redelivery TO emoney_app;

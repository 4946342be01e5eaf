-- Event delivery: events that are no transfers, consumers and their places, and what could not be delivered. Every
-- committed outcome has a number that rises along each account (ledger.event_position).

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

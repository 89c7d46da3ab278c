-- Files, agent turns, the outbox, and what could not be handled.
CREATE TABLE media (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    message_id uuid,
    -- Content address in the object storage: hex SHA-256 of the bytes.
    sha256 text NOT NULL,
    storage_key text NOT NULL,
    mime_type text NOT NULL,
    filename text NOT NULL DEFAULT '',
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id)
);
SELECT sb_secure_tenant_table('media');

CREATE TABLE annotations (
    organization_id uuid NOT NULL,
    media_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('transcription', 'description')),
    state text NOT NULL CHECK (state IN ('done', 'failed')),
    text text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, media_id, kind),
    FOREIGN KEY (organization_id, media_id) REFERENCES media (organization_id, id) ON DELETE CASCADE
);
SELECT sb_secure_tenant_table('annotations');

-- One row a conversation: whether an agent owes it an answer.
CREATE TABLE agent_turns (
    organization_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    -- Id of the latest turn.
    id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('due', 'running', 'done', 'failed')),
    -- Raised by every new message, claim and takeover; an answer commits only under the epoch it was begun with.
    epoch bigint NOT NULL,
    -- The message that made the turn due.
    message_id uuid NOT NULL,
    -- The highest sequence that asked for an answer: an event seen twice asks once.
    seen_sequence bigint NOT NULL,
    due_at timestamptz NOT NULL,
    lease_until timestamptz,
    lease_owner uuid,
    attempts integer NOT NULL DEFAULT 0,
    last_error text NOT NULL DEFAULT '',
    started_at timestamptz,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL,
    -- Trace context and chain of the message, carried to the answer.
    correlation_id uuid,
    trace jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, conversation_id),
    FOREIGN KEY (organization_id, conversation_id) REFERENCES conversations (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
-- Tenant first: workers go from tenant to tenant, so that one with many due turns does not hold up the others.
CREATE INDEX agent_turns_due ON agent_turns (organization_id, due_at) WHERE state = 'due';
CREATE INDEX agent_turns_leased ON agent_turns (lease_until) WHERE state = 'running';
SELECT sb_secure_tenant_table('agent_turns');

-- The agent that answers in a conversation: the first that may of the conversation's, the number's and the
-- organization's. A draft answers only where the conversation itself names it. No row when nobody answers:
-- no agent, a suspended organization, or a person has taken over. One definition for asking and for answering;
-- a table function, so that the planner inlines it.
CREATE FUNCTION sb_answering_agent(organization uuid, conversation uuid, at timestamptz)
RETURNS TABLE (agent_id uuid, response_delay_seconds integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
AS $$
    SELECT chosen.id, chosen.delay
    FROM conversations v
    JOIN organizations o ON o.id = v.organization_id AND o.status = 'active'
    JOIN numbers n ON n.organization_id = v.organization_id AND n.id = v.number_id
    CROSS JOIN LATERAL (
        SELECT
            g.id,
            CASE WHEN jsonb_typeof(g.config -> 'response_delay_seconds') = 'number'
                THEN least(greatest((g.config ->> 'response_delay_seconds')::numeric, 0), 300)::integer
            END AS delay
        FROM agents g
        WHERE g.organization_id = v.organization_id
            AND g.id IN (v.agent_id, n.agent_id, o.default_agent_id)
            AND (g.mode = 'active' OR (g.mode = 'draft' AND g.id = v.agent_id))
        ORDER BY CASE g.id WHEN v.agent_id THEN 0 WHEN n.agent_id THEN 1 ELSE 2 END
        LIMIT 1
    ) AS chosen
    WHERE v.organization_id = organization
        AND v.id = conversation
        AND (v.agent_paused_until IS NULL OR v.agent_paused_until <= at)
$$;

-- Tenants that have due turns: goes through the index from tenant to tenant instead of reading every due turn.
CREATE FUNCTION sb_tenants_with_due_turns() RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH RECURSIVE tenants (id) AS (
        (SELECT organization_id FROM agent_turns WHERE state = 'due' ORDER BY organization_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT t.organization_id FROM agent_turns t
            WHERE t.state = 'due' AND t.organization_id > tenants.id
            ORDER BY t.organization_id LIMIT 1)
        FROM tenants WHERE tenants.id IS NOT NULL
    )
    SELECT id FROM tenants WHERE id IS NOT NULL
$$;

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    type_name text NOT NULL,
    subject text NOT NULL,
    payload bytea NOT NULL,
    -- W3C trace context of the writer.
    trace jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);
SELECT sb_secure_tenant_table('outbox');

CREATE FUNCTION sb_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sb_outbox', '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION sb_outbox_notify();

-- Updates of fields and types that this version does not interpret: kept as they came.
CREATE TABLE raw_updates (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    -- Derived from the post and the place in it, so that a replay stores nothing twice.
    id uuid NOT NULL,
    field text NOT NULL,
    payload jsonb NOT NULL,
    post_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id)
);
SELECT sb_secure_tenant_table('raw_updates');

-- Updates that could not be handled. The tenant is unknown when the number is.
CREATE TABLE quarantine (
    -- Derived from the post and the place in it.
    id uuid PRIMARY KEY,
    organization_id uuid,
    post_id uuid NOT NULL,
    app_id text NOT NULL,
    -- Stable code: number.unknown, app.not_bound, json.malformed, …
    reason text NOT NULL,
    -- Where in the post: entry[0].changes[1].messages[2].
    place text NOT NULL,
    -- The smallest piece that is at fault, as text: it need not be valid JSON.
    payload text NOT NULL,
    source_sequence bigint NOT NULL,
    created_at timestamptz NOT NULL,
    resolved_at timestamptz
);
CREATE INDEX quarantine_open ON quarantine (created_at) WHERE resolved_at IS NULL;
SELECT sb_secure_tenant_table('quarantine');

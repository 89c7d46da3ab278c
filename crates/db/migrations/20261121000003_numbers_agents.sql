-- Agents, WhatsApp Business Accounts and business phone numbers.
CREATE TABLE agents (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    mode text NOT NULL DEFAULT 'active' CHECK (mode IN ('active', 'draft', 'inactive')),
    config jsonb NOT NULL,
    -- The model provider's key, sealed for this row; NULL uses the installation's key.
    model_key_sealed bytea,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id)
);
SELECT sb_secure_tenant_table('agents');

ALTER TABLE organizations
    ADD CONSTRAINT organizations_default_agent FOREIGN KEY (id, default_agent_id)
    REFERENCES agents (organization_id, id) ON DELETE SET NULL (default_agent_id);

CREATE TABLE wabas (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    -- Meta's id.
    waba_id text NOT NULL,
    -- Meta's id of the one app that may speak for this account.
    app_id text NOT NULL,
    name text NOT NULL DEFAULT '',
    subscribed_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, waba_id)
);
-- Updates of an account name no number: it belongs to one tenant, or one could read another's.
CREATE UNIQUE INDEX wabas_owner ON wabas (waba_id);
SELECT sb_secure_tenant_table('wabas');

CREATE TABLE numbers (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    -- Meta's id of the number.
    phone_number_id text NOT NULL,
    waba_id text NOT NULL,
    display_phone_number text NOT NULL DEFAULT '',
    verified_name text NOT NULL DEFAULT '',
    -- As Meta says: CONNECTED, FLAGGED, RESTRICTED, …
    status text NOT NULL DEFAULT '',
    quality_rating text NOT NULL DEFAULT '',
    throughput_level text NOT NULL DEFAULT '',
    messaging_limit text NOT NULL DEFAULT '',
    -- Messages a second that may be sent; NULL takes the installation's default.
    rate_per_second integer CHECK (rate_per_second BETWEEN 1 AND 1000),
    -- Meta's access token, sealed for this row.
    access_token_sealed bytea,
    -- Set when Meta refuses the token; sending waits until a new one is stored.
    token_rejected_at timestamptz,
    agent_id uuid,
    profile_refreshed_at timestamptz,
    -- Not read from Meta by itself before: somebody is at it, or it failed a moment ago.
    profile_held_until timestamptz,
    -- Attempts to read it that failed since the last one that did not.
    profile_failures integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, phone_number_id),
    FOREIGN KEY (organization_id, waba_id) REFERENCES wabas (organization_id, waba_id),
    FOREIGN KEY (organization_id, agent_id) REFERENCES agents (organization_id, id) ON DELETE SET NULL (agent_id)
);
-- The profiles that were not read for longest.
CREATE INDEX numbers_profile_due ON numbers (profile_refreshed_at NULLS FIRST);
CREATE INDEX numbers_token_rejected ON numbers (id) WHERE token_rejected_at IS NOT NULL;
SELECT sb_secure_tenant_table('numbers');

-- Which tenant a number of Meta's belongs to: read for every update, before any tenant is known.
CREATE TABLE number_routes (
    phone_number_id text PRIMARY KEY,
    organization_id uuid NOT NULL,
    number_id uuid NOT NULL,
    waba_id text NOT NULL,
    app_id text NOT NULL,
    FOREIGN KEY (organization_id, number_id) REFERENCES numbers (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX number_routes_waba ON number_routes (waba_id);
SELECT sb_secure_system_table('number_routes');

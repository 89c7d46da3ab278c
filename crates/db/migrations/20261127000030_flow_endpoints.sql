-- The encrypted data exchange of WhatsApp Flows: key pairs, and the addresses that flows call.

-- Flows and the numbers they are sent from belong to an account, and Meta keeps one public key a number: all
-- endpoints of an account share one key pair, or a second flow of a number could never be decrypted.
CREATE TABLE flow_keys (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    waba_id text NOT NULL,
    -- What is given to Meta, PEM.
    public_key_pem text NOT NULL,
    -- PKCS #8 in PEM, sealed for this row.
    private_key_sealed bytea NOT NULL,
    -- The key before the last rotation, sealed for this row: phones may still encrypt for it.
    previous_private_key_sealed bytea,
    -- Until when it still opens anything.
    previous_valid_until timestamptz,
    rotated_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, waba_id),
    FOREIGN KEY (organization_id, waba_id) REFERENCES wabas (organization_id, waba_id)
);
SELECT sb_secure_tenant_table('flow_keys');

CREATE TABLE flow_endpoints (
    organization_id uuid NOT NULL,
    -- Part of the address Meta calls.
    id uuid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    waba_id text NOT NULL,
    -- Meta's id of the app that is connected to the flow: its secret signs the requests.
    app_id text NOT NULL,
    -- Who makes the screens: the tenant's own server, or an agent.
    handler_kind text NOT NULL CHECK (handler_kind IN ('http', 'agent')),
    handler_url text,
    agent_id uuid,
    -- The key of the signatures on requests to handler_url, sealed for this row.
    signing_secret_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, waba_id) REFERENCES flow_keys (organization_id, waba_id),
    FOREIGN KEY (organization_id, agent_id) REFERENCES agents (organization_id, id) ON DELETE SET NULL (agent_id)
);
-- Looked up for every request, before any tenant is known.
CREATE INDEX flow_endpoints_address ON flow_endpoints (id);
SELECT sb_secure_tenant_table('flow_endpoints');

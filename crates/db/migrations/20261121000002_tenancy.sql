-- Organizations, people and keys.
CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    default_agent_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
SELECT sb_secure_tenant_table('organizations', 'id');

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL DEFAULT '',
    password_hash text,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (lower(email));
SELECT sb_secure_system_table('users');

CREATE TABLE memberships (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    user_id uuid NOT NULL REFERENCES users (id),
    role text NOT NULL CHECK (role IN ('agent', 'member', 'admin', 'owner')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
SELECT sb_secure_tenant_table('memberships');

CREATE TABLE api_keys (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    -- The first characters of the key, shown so that people can tell keys apart.
    prefix text NOT NULL,
    -- HMAC-SHA-256 of the whole key under the installation's pepper.
    key_hash bytea NOT NULL,
    role text NOT NULL CHECK (role IN ('agent', 'member', 'admin', 'owner')),
    scopes text[] NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX api_keys_hash ON api_keys (key_hash);
SELECT sb_secure_tenant_table('api_keys');

CREATE TABLE audit_log (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    action text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id)
);
SELECT sb_secure_tenant_table('audit_log');

CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    -- SHA-256 of method, path and body: the same key with another request is a mistake of the caller.
    request_hash bytea NOT NULL,
    -- NULL while the first request is still at work.
    response_status smallint,
    response_body jsonb,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
SELECT sb_secure_tenant_table('idempotency_keys');

-- Contacts, conversations and messages: the hot tables.
CREATE TABLE contacts (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    -- What the tenant calls the person; the profile name until somebody changes it.
    name text NOT NULL DEFAULT '',
    -- What the person calls itself on WhatsApp.
    profile_name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id)
);
SELECT sb_secure_tenant_table('contacts');

CREATE TABLE contact_identities (
    organization_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('phone', 'bsuid', 'parent_bsuid', 'username')),
    -- wa_id digits for a phone, the id itself otherwise.
    value text NOT NULL,
    valid_from timestamptz NOT NULL,
    -- NULL while the identity is this contact's.
    valid_until timestamptz,
    -- Deferred: the winner of the unique key below decides which contact is made.
    FOREIGN KEY (organization_id, contact_id) REFERENCES contacts (organization_id, id)
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (organization_id, contact_id, kind, value, valid_from)
);
CREATE UNIQUE INDEX contact_identities_current ON contact_identities (organization_id, kind, value)
    WHERE valid_until IS NULL;
SELECT sb_secure_tenant_table('contact_identities');

CREATE TABLE conversations (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    number_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    -- The agent that answers here, before the number's and the organization's.
    agent_id uuid,
    -- A person has taken over until then.
    agent_paused_until timestamptz,
    -- The highest message sequence given out.
    last_sequence bigint NOT NULL DEFAULT 0,
    last_message_at timestamptz,
    -- Opens the customer service window.
    last_incoming_at timestamptz,
    -- last_message_at to the minute: indexed for the list, and rarely changed, so that the update of a busy
    -- conversation stays within its page.
    active_at timestamptz NOT NULL,
    archived_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, number_id, contact_id),
    FOREIGN KEY (organization_id, number_id) REFERENCES numbers (organization_id, id),
    FOREIGN KEY (organization_id, contact_id) REFERENCES contacts (organization_id, id),
    FOREIGN KEY (organization_id, agent_id) REFERENCES agents (organization_id, id) ON DELETE SET NULL (agent_id)
) WITH (fillfactor = 70);
CREATE INDEX conversations_active ON conversations (organization_id, active_at DESC, id DESC);
SELECT sb_secure_tenant_table('conversations');

-- How far a message is known to have come; the same table as DeliveryState::rank.
CREATE FUNCTION sb_delivery_rank(state text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (CASE state
        WHEN 'queued' THEN 0 WHEN 'sending' THEN 1 WHEN 'unknown' THEN 2 WHEN 'accepted' THEN 3
        WHEN 'sent' THEN 4 WHEN 'failed' THEN 5 WHEN 'delivered' THEN 6 WHEN 'read' THEN 7
        WHEN 'played' THEN 8 WHEN 'canceled' THEN 9 ELSE 0 END)::smallint
$$;

CREATE TABLE messages (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    number_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('incoming', 'outgoing', 'internal')),
    content_type text NOT NULL,
    content jsonb NOT NULL,
    -- Meta's id; outgoing messages have none until Meta accepts them.
    wamid text,
    -- Place in the conversation: rising, with gaps where a duplicate was refused.
    sequence bigint NOT NULL,
    -- Outgoing: DeliveryState. Incoming: 'received'. Internal: 'stored'.
    state text NOT NULL CHECK (state IN (
        'received', 'stored', 'queued', 'sending', 'unknown', 'accepted', 'sent', 'delivered', 'read', 'played',
        'failed', 'canceled')),
    -- Who wrote it, for outgoing and internal messages.
    agent_id uuid,
    turn_id uuid,
    api_key_id uuid,
    -- Not before, and not after.
    send_at timestamptz,
    expires_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    -- Our stable code and Meta's own object for the last refusal.
    error_code text,
    error jsonb,
    -- Incoming: the post and the place in UPDATES it came from, and when the webhook took it.
    post_id uuid,
    source_sequence bigint,
    received_at timestamptz,
    -- When the sender sent it (Meta's clock), or when we queued it.
    message_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    sending_at timestamptz,
    accepted_at timestamptz,
    sent_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz,
    PRIMARY KEY (organization_id, id)
    -- No foreign key to conversations: its check costs half of an insert on the hottest table, and every writer
    -- takes the sequence from the conversation's row, which fails when there is none.
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX messages_wamid ON messages (organization_id, wamid) WHERE wamid IS NOT NULL;
CREATE UNIQUE INDEX messages_sequence ON messages (organization_id, conversation_id, sequence);
-- What the dispatcher still has to do; small, since a message leaves it when Meta answers.
CREATE INDEX messages_outgoing_open ON messages (organization_id, conversation_id, sequence)
    WHERE state IN ('queued', 'sending');
CREATE INDEX messages_outgoing_due ON messages (next_attempt_at)
    WHERE state IN ('queued', 'sending', 'unknown');
SELECT sb_secure_tenant_table('messages');

CREATE TABLE message_statuses (
    organization_id uuid NOT NULL,
    wamid text NOT NULL,
    status text NOT NULL,
    -- The participant, in groups; empty otherwise.
    recipient text NOT NULL DEFAULT '',
    -- NULL while no message of ours is known by this wamid; applied when one is.
    message_id uuid,
    status_at timestamptz NOT NULL,
    raw jsonb NOT NULL,
    source_sequence bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, wamid, status, recipient)
);
-- Few, and looked at while they are young: those that found no message although there is one.
CREATE INDEX message_statuses_unmatched ON message_statuses (received_at) WHERE message_id IS NULL;
SELECT sb_secure_tenant_table('message_statuses');

-- Attempts to send that did not end in a wamid; `switchboard why` shows them.
CREATE TABLE send_attempts (
    organization_id uuid NOT NULL,
    message_id uuid NOT NULL,
    attempt integer NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    -- refused, not_sent, answer_lost.
    outcome text NOT NULL,
    error_code text NOT NULL,
    error jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, message_id, attempt),
    FOREIGN KEY (organization_id, message_id) REFERENCES messages (organization_id, id) ON DELETE CASCADE
);
SELECT sb_secure_tenant_table('send_attempts');

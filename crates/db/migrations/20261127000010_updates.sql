-- Everything else Meta tells: what becomes of messages after they are stored, and what it says about people,
-- numbers, accounts, templates, calls and groups.

-- How a message came to us: as it was written; from the business's own phone; of the time before the number was
-- connected; or a copy while somebody else owns the conversation.
ALTER TABLE messages
    ADD COLUMN source text NOT NULL DEFAULT 'live' CHECK (source IN ('live', 'echo', 'history', 'standby')),
    ADD COLUMN played_at timestamptz,
    ADD COLUMN edited_at timestamptz,
    -- Meta's id of the edit that counts.
    ADD COLUMN edit_wamid text,
    ADD COLUMN revoked_at timestamptz,
    -- What it said before its first edit.
    ADD COLUMN original_content jsonb,
    -- Meta's price object, and how far the message was when it was named: the later report counts.
    ADD COLUMN pricing jsonb,
    ADD COLUMN pricing_rank smallint;

-- Edits and revocations, each once. They may come before their message: it takes them over when it is stored.
CREATE TABLE message_changes (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    -- The message that is changed.
    wamid text NOT NULL,
    -- Meta's id of the change.
    change_wamid text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('edit', 'revoke')),
    content_type text NOT NULL DEFAULT '',
    -- What it says from now on; NULL for a revocation.
    content jsonb,
    changed_at timestamptz NOT NULL,
    post_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, wamid, change_wamid)
);
SELECT sb_secure_tenant_table('message_changes');

ALTER TABLE conversations
    -- The lowest sequence given out is one above: messages of the past get places before the first one.
    ADD COLUMN first_sequence bigint NOT NULL DEFAULT 1,
    -- Somebody else answers: Meta's own agent, or another app.
    ADD COLUMN is_ours boolean NOT NULL DEFAULT true,
    ADD COLUMN owner_role text NOT NULL DEFAULT '',
    ADD COLUMN owner_at timestamptz;

ALTER TABLE organizations
    -- How long agents keep silent after a person of the business wrote on the business's own phone.
    ADD COLUMN takeover_pause_minutes integer NOT NULL DEFAULT 720
        CHECK (takeover_pause_minutes BETWEEN 0 AND 43200);

ALTER TABLE contacts
    -- What the address book on the business's own phone calls the person, and since when.
    ADD COLUMN address_book_name text NOT NULL DEFAULT '',
    ADD COLUMN address_book_at timestamptz,
    ADD COLUMN kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'group'));

ALTER TABLE contact_identities DROP CONSTRAINT contact_identities_kind_check;
ALTER TABLE contact_identities ADD CONSTRAINT contact_identities_kind_check
    CHECK (kind IN ('phone', 'bsuid', 'parent_bsuid', 'username', 'group'));

-- What a contact decided about a category of messages, last.
CREATE TABLE contact_preferences (
    organization_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    category text NOT NULL,
    value text NOT NULL,
    detail text NOT NULL DEFAULT '',
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, contact_id, category),
    FOREIGN KEY (organization_id, contact_id) REFERENCES contacts (organization_id, id) ON DELETE CASCADE
);
SELECT sb_secure_tenant_table('contact_preferences');

ALTER TABLE wabas
    -- active, offboarded, disabled.
    ADD COLUMN status text NOT NULL DEFAULT 'active',
    ADD COLUMN status_at timestamptz,
    ADD COLUMN review_decision text NOT NULL DEFAULT '',
    ADD COLUMN review_at timestamptz,
    -- Meta's own objects.
    ADD COLUMN ban jsonb,
    ADD COLUMN ban_at timestamptz,
    ADD COLUMN restrictions jsonb,
    ADD COLUMN restrictions_at timestamptz,
    ADD COLUMN messaging_limit text NOT NULL DEFAULT '',
    ADD COLUMN messaging_limit_at timestamptz;

ALTER TABLE numbers
    -- When Meta last told each by webhook: an older word does not undo a newer one.
    ADD COLUMN status_at timestamptz,
    ADD COLUMN quality_at timestamptz,
    ADD COLUMN name_decision text NOT NULL DEFAULT '',
    ADD COLUMN name_requested text NOT NULL DEFAULT '',
    ADD COLUMN name_at timestamptz,
    ADD COLUMN username text NOT NULL DEFAULT '',
    ADD COLUMN username_status text NOT NULL DEFAULT '',
    ADD COLUMN username_at timestamptz,
    ADD COLUMN pin_event text NOT NULL DEFAULT '',
    ADD COLUMN pin_at timestamptz,
    ADD COLUMN calling_settings jsonb,
    ADD COLUMN settings_at timestamptz,
    -- The import of the past: 0 to 100, or why there is none.
    ADD COLUMN history_progress smallint,
    ADD COLUMN history_error jsonb,
    ADD COLUMN history_at timestamptz;

CREATE TABLE templates (
    organization_id uuid NOT NULL,
    -- Meta's ids.
    waba_id text NOT NULL,
    template_id text NOT NULL,
    name text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT '',
    -- Why it was rejected, when it is disabled, which pause it is: Meta's own value.
    status_detail jsonb,
    status_at timestamptz,
    quality text NOT NULL DEFAULT '',
    quality_at timestamptz,
    category text NOT NULL DEFAULT '',
    -- What the category will be, and when.
    next_category text NOT NULL DEFAULT '',
    next_category_at timestamptz,
    category_at timestamptz,
    -- What it says, as Meta told it after an edit.
    components jsonb,
    components_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, template_id),
    FOREIGN KEY (organization_id, waba_id) REFERENCES wabas (organization_id, waba_id)
);
CREATE INDEX templates_name ON templates (organization_id, waba_id, name, language);
SELECT sb_secure_tenant_table('templates');

-- Signals of calls as they came; a call is what its signals say.
CREATE TABLE call_signals (
    organization_id uuid NOT NULL,
    -- That of the kept update.
    id uuid NOT NULL,
    -- Meta's id.
    call_id text NOT NULL,
    number_id uuid NOT NULL,
    contact_id uuid,
    conversation_id uuid,
    signal text NOT NULL,
    direction text NOT NULL DEFAULT '',
    signalled_at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, number_id) REFERENCES numbers (organization_id, id)
);
CREATE INDEX call_signals_call ON call_signals (organization_id, call_id, signalled_at);
SELECT sb_secure_tenant_table('call_signals');

CREATE TABLE groups (
    organization_id uuid NOT NULL,
    number_id uuid NOT NULL,
    -- Meta's id.
    group_id text NOT NULL,
    subject text NOT NULL DEFAULT '',
    subject_at timestamptz,
    description text NOT NULL DEFAULT '',
    description_at timestamptz,
    -- active, suspended, deleted.
    status text NOT NULL DEFAULT 'active',
    status_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, number_id, group_id),
    FOREIGN KEY (organization_id, number_id) REFERENCES numbers (organization_id, id)
);
SELECT sb_secure_tenant_table('groups');

CREATE TABLE group_participants (
    organization_id uuid NOT NULL,
    number_id uuid NOT NULL,
    group_id text NOT NULL,
    -- The business-scoped id, or the phone number where Meta gives no other.
    participant text NOT NULL,
    is_member boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, number_id, group_id, participant),
    FOREIGN KEY (organization_id, number_id, group_id) REFERENCES groups (organization_id, number_id, group_id)
        ON DELETE CASCADE
);
SELECT sb_secure_tenant_table('group_participants');

ALTER TABLE raw_updates
    ADD COLUMN waba_id text NOT NULL DEFAULT '',
    -- Whether this version knows the field, or only keeps it.
    ADD COLUMN is_recognized boolean NOT NULL DEFAULT false;
CREATE INDEX raw_updates_received ON raw_updates (organization_id, received_at DESC);

-- As before, and only in conversations that are ours.
CREATE OR REPLACE FUNCTION sb_answering_agent(organization uuid, conversation uuid, at timestamptz)
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
        AND v.is_ours
        AND (v.agent_paused_until IS NULL OR v.agent_paused_until <= at)
$$;

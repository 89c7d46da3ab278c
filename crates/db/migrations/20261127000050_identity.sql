-- Who is who: identities with their validity, what counts as the same number, contacts that turned out to be one
-- person, and conversations of groups.

-- What two spellings of the same id have in common; the same rule as MatchKey in the domain. WhatsApp writes mobile
-- numbers of Brazil with and without a 9, of Mexico with and without a 1, of Argentina with and without a 9. In
-- Brazil a landline is left alone: with a 9 it would be somebody else's mobile number.
CREATE FUNCTION sb_match_key(kind text, value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN kind = 'username' THEN lower(value)
        WHEN kind <> 'phone' THEN value
        WHEN value ~ '^55[1-9][0-9]9[6-9][0-9]{7}$' THEN substr(value, 1, 4) || substr(value, 6)
        WHEN value ~ '^521[0-9]{10}$' THEN '52' || substr(value, 4)
        WHEN value ~ '^549[0-9]{10}$' THEN '54' || substr(value, 4)
        ELSE value
    END
$$;

ALTER TABLE contacts
    -- The contact that stands for this one, since both are one person; never one that is merged itself.
    ADD COLUMN merged_into uuid,
    ADD CONSTRAINT contacts_merged_into CHECK (merged_into <> id),
    ADD FOREIGN KEY (organization_id, merged_into) REFERENCES contacts (organization_id, id);
CREATE INDEX contacts_merged ON contacts (organization_id, merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE contact_identities
    DROP CONSTRAINT contact_identities_pkey,
    ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD PRIMARY KEY (organization_id, id),
    ADD COLUMN match_key text NOT NULL GENERATED ALWAYS AS (sb_match_key(kind, value)) STORED,
    -- Whose it is without the merges; NULL: the contact's itself.
    ADD COLUMN home_contact_id uuid;

-- Two spellings of one number that became two contacts: the later one keeps it, nobody is merged unasked.
UPDATE contact_identities i
SET valid_until = greatest(i.valid_from, now())
WHERE i.valid_until IS NULL
    AND EXISTS (
        SELECT 1 FROM contact_identities j
        WHERE j.organization_id = i.organization_id AND j.kind = i.kind AND j.match_key = i.match_key
            AND j.valid_until IS NULL AND (j.valid_from, j.id) > (i.valid_from, i.id));

DROP INDEX contact_identities_current;
CREATE UNIQUE INDEX contact_identities_current ON contact_identities (organization_id, kind, match_key)
    WHERE valid_until IS NULL;
-- Whose an id was at another time.
CREATE INDEX contact_identities_key ON contact_identities (organization_id, match_key, kind);
CREATE INDEX contact_identities_contact ON contact_identities (organization_id, contact_id);

-- Every merge, with what it takes to undo it.
CREATE TABLE contact_merges (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    winner_id uuid NOT NULL,
    loser_id uuid NOT NULL,
    -- rule: an update of Meta's showed both as one person; request: somebody asked for it.
    cause text NOT NULL CHECK (cause IN ('rule', 'request')),
    actor text NOT NULL,
    -- The conversations as they were, and what the remaining ones took over.
    undo jsonb NOT NULL,
    merged_at timestamptz NOT NULL,
    undone_at timestamptz,
    undone_by text,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, winner_id) REFERENCES contacts (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, loser_id) REFERENCES contacts (organization_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX contact_merges_active ON contact_merges (organization_id, loser_id) WHERE undone_at IS NULL;
CREATE INDEX contact_merges_winner ON contact_merges (organization_id, winner_id);
CREATE INDEX contact_merges_loser ON contact_merges (organization_id, loser_id);
SELECT sb_secure_tenant_table('contact_merges');

ALTER TABLE conversations
    -- The conversation that goes on instead, since both contacts are one person.
    ADD COLUMN merged_into uuid,
    -- Whose it is without the merges; NULL: the contact's itself.
    ADD COLUMN home_contact_id uuid,
    -- Raised whenever an identity leaves its contact or the conversation gets another one: whoever remembers
    -- which conversation an identity leads to learns that it may be another one now.
    ADD COLUMN link_version integer NOT NULL DEFAULT 0,
    -- The id under which the contact wrote last, as Meta wrote it: answers go there.
    ADD COLUMN reply_to text,
    ADD COLUMN is_group boolean NOT NULL DEFAULT false,
    ADD FOREIGN KEY (organization_id, merged_into) REFERENCES conversations (organization_id, id);
CREATE INDEX conversations_merged ON conversations (organization_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX conversations_contact ON conversations (organization_id, contact_id);

ALTER TABLE messages
    -- In a group: the participant who wrote it.
    ADD COLUMN author_contact_id uuid;

-- As before; and in a group only an agent that the conversation names, or one whose configuration says that it
-- answers in groups: many people read there, and most of them do not write to the business.
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
            AND (NOT v.is_group OR g.id = v.agent_id OR g.config -> 'answers_in_groups' = 'true'::jsonb)
        ORDER BY CASE g.id WHEN v.agent_id THEN 0 WHEN n.agent_id THEN 1 ELSE 2 END
        LIMIT 1
    ) AS chosen
    WHERE v.organization_id = organization
        AND v.id = conversation
        AND v.is_ours
        AND (v.agent_paused_until IS NULL OR v.agent_paused_until <= at)
$$;

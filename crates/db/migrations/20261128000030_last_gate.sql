-- What the last look at a message before it goes needs to know.
ALTER TABLE messages
    -- The template that goes in its place when the customer service window is closed by then.
    ADD COLUMN fallback jsonb,
    -- It went.
    ADD COLUMN used_fallback boolean NOT NULL DEFAULT false;

ALTER TABLE conversations
    -- When a person took over last: what an agent wrote before is not sent any more.
    ADD COLUMN agent_paused_at timestamptz;

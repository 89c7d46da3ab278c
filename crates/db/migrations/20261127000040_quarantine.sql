-- What became of an update in quarantine: still open, stored by a replay, or discarded.
ALTER TABLE quarantine
    -- Which account and number the update names, so that it is found again once they are connected.
    ADD COLUMN waba_id text NOT NULL DEFAULT '',
    ADD COLUMN phone_number_id text NOT NULL DEFAULT '',
    ADD COLUMN resolution text,
    -- The API key, `operator` or `ingest`.
    ADD COLUMN resolved_by text NOT NULL DEFAULT '',
    ADD COLUMN note text NOT NULL DEFAULT '',
    -- How often it was run again.
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    -- When a replay was asked for that has not been run yet, and when ingest last ran one.
    ADD COLUMN replay_requested_at timestamptz,
    ADD COLUMN last_replayed_at timestamptz,
    ADD CONSTRAINT quarantine_resolution CHECK (resolution = ANY (ARRAY['replayed', 'discarded'])),
    ADD CONSTRAINT quarantine_resolved CHECK ((resolution IS NULL) = (resolved_at IS NULL));

COMMENT ON COLUMN quarantine.source_sequence IS
    'Where the latest copy of the post is in UPDATES: a replay publishes the post again';

CREATE INDEX quarantine_latest ON quarantine (created_at DESC, id DESC);
CREATE INDEX quarantine_of_organization ON quarantine (organization_id, created_at DESC, id DESC)
    WHERE organization_id IS NOT NULL;
CREATE INDEX quarantine_of_post ON quarantine (post_id);

-- What a file's sender said it is, where its bytes say something else.
ALTER TABLE media
    ADD COLUMN declared_mime_type text,
    -- When it was last asked for; who waits for too long is asked for again.
    ADD COLUMN asked_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX media_waiting ON media (asked_at) WHERE state = 'pending';

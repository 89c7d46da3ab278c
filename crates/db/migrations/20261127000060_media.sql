-- Received files: known before their bytes are here, and forgotten when their time is over.
ALTER TABLE media
    ADD COLUMN state text NOT NULL DEFAULT 'stored' CHECK (state IN ('pending', 'stored', 'failed', 'expired')),
    ADD COLUMN kind text NOT NULL DEFAULT 'document'
        CHECK (kind IN ('image', 'audio', 'video', 'document', 'sticker')),
    -- Our number it was received on, whose token gets it from Meta; NULL for an upload.
    ADD COLUMN number_id uuid,
    -- Meta's id, good for seven days; NULL for an upload.
    ADD COLUMN meta_media_id text,
    -- Why there are no bytes, as a stable word; empty unless failed.
    ADD COLUMN failure_code text NOT NULL DEFAULT '',
    -- A small picture of an image, stored as a file of its own.
    ADD COLUMN thumbnail_key text,
    ALTER COLUMN sha256 DROP NOT NULL,
    ALTER COLUMN storage_key DROP NOT NULL,
    ALTER COLUMN size_bytes DROP NOT NULL,
    -- What is known of bytes is known as a whole; where they are is forgotten with them.
    ADD CONSTRAINT media_bytes_are_whole CHECK (
        num_nulls(sha256, size_bytes, storage_key) IN (0, 3) OR state = 'expired'),
    ADD CONSTRAINT media_pending_can_be_had CHECK (
        state <> 'pending' OR (number_id IS NOT NULL AND meta_media_id IS NOT NULL));
-- Whether anything still needs an object.
CREATE INDEX media_storage_key ON media (organization_id, storage_key) WHERE storage_key IS NOT NULL;
CREATE INDEX media_thumbnail_key ON media (organization_id, thumbnail_key) WHERE thumbnail_key IS NOT NULL;
-- What is to be forgotten next.
CREATE INDEX media_age ON media (organization_id, created_at) WHERE state = 'stored';
CREATE INDEX media_expired ON media (organization_id, id) WHERE state = 'expired' AND storage_key IS NOT NULL;

-- How long files are kept; NULL for ever.
ALTER TABLE organizations
    ADD COLUMN media_retention_days integer CHECK (media_retention_days BETWEEN 1 AND 3650);

-- Files of ours that Meta has a copy of, and under which id: it may be sent with until it expires.
CREATE TABLE media_uploads (
    organization_id uuid NOT NULL,
    number_id uuid NOT NULL,
    media_id uuid NOT NULL,
    -- As a voice note: other bytes than those of the file.
    voice boolean NOT NULL,
    meta_media_id text NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, number_id, media_id, voice),
    FOREIGN KEY (organization_id, number_id) REFERENCES numbers (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, media_id) REFERENCES media (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX media_uploads_media ON media_uploads (organization_id, media_id);
SELECT sb_secure_tenant_table('media_uploads');

-- What happens to a message of which nobody knows whether Meta has it, when no status says so in time.
ALTER TABLE messages
    ADD COLUMN on_unknown text NOT NULL DEFAULT 'hold' CHECK (on_unknown IN ('hold', 'resend', 'fail'));

-- Claims the head of each wanted conversation: $1 organizations, $2 conversations, $3 now, $4 when the claim counts
-- as stale.
WITH head AS (
    SELECT h.organization_id, h.id
    FROM unnest($1::uuid[], $2::uuid[]) AS w (o, c)
    CROSS JOIN LATERAL (
        SELECT m.organization_id, m.id, m.number_id, m.state, m.next_attempt_at, m.expires_at,
               m.attempts, m.send_at
        FROM messages m
        WHERE m.organization_id = w.o AND m.conversation_id = w.c
          AND m.state IN ('queued', 'sending')
          AND (m.state = 'sending' OR m.send_at IS NULL OR m.send_at <= $3)
        ORDER BY m.sequence
        LIMIT 1
    ) h
    JOIN numbers n ON n.organization_id = h.organization_id AND n.id = h.number_id
    -- What was queued to be sent at once is due even if the clock of whoever queued it is ahead of ours.
    WHERE h.state = 'queued' AND (h.next_attempt_at <= $3 OR (h.attempts = 0 AND h.send_at IS NULL))
      AND (n.token_rejected_at IS NULL OR h.expires_at <= $3)
),
-- Locking after the head is known: a locked head must not make the next one the head.
locked AS (
    SELECT m.organization_id, m.id
    FROM head
    JOIN messages m ON m.organization_id = head.organization_id AND m.id = head.id
    WHERE m.state = 'queued' AND (m.next_attempt_at <= $3 OR (m.attempts = 0 AND m.send_at IS NULL))
    FOR UPDATE OF m SKIP LOCKED
),
claimed AS (
    UPDATE messages m
    SET state = 'sending', sending_at = $3, attempts = m.attempts + 1, next_attempt_at = $4
    FROM locked l
    WHERE m.organization_id = l.organization_id AND m.id = l.id
    RETURNING m.organization_id, m.id, m.conversation_id, m.contact_id, m.number_id, m.sequence,
              m.content, m.fallback, m.agent_id, m.created_at, m.attempts,
              coalesce(m.send_at, m.created_at) AS due_since, m.expires_at
)
SELECT c.organization_id AS "organization_id!", c.id AS "id!", c.conversation_id AS "conversation_id!",
       c.contact_id AS "contact_id!", c.number_id AS "number_id!", c.sequence AS "sequence!",
       c.content AS "content!", c.fallback, c.attempts AS "attempts!", c.due_since AS "due_since!", c.expires_at,
       v.last_incoming_at AS "last_incoming_at?",
       -- What an agent wrote before somebody took the conversation from it.
       coalesce(c.agent_id IS NOT NULL AND v.agent_paused_until > $3 AND v.agent_paused_at > c.created_at, false)
           AS "is_agent_paused!",
       coalesce(c.agent_id IS NOT NULL AND NOT v.is_ours AND v.owner_at > c.created_at, false)
           AS "is_handed_over!",
       a.kind AS "address_kind?", a.value AS "address?",
       n.phone_number_id AS "phone_number_id!", n.access_token_sealed, n.rate_per_second,
       n.token_rejected_at,
       EXISTS (
           SELECT 1 FROM messages b
           WHERE b.organization_id = c.organization_id AND b.conversation_id = c.conversation_id
             AND b.state = 'queued' AND b.sequence <> c.sequence
       ) AS "has_more!"
FROM claimed c
JOIN numbers n ON n.organization_id = c.organization_id AND n.id = c.number_id
-- The conversation goes on in another one when its contact is part of another.
LEFT JOIN LATERAL (
    SELECT greatest(o.last_incoming_at, l.last_incoming_at) AS last_incoming_at,
           coalesce(l.reply_to, o.reply_to) AS reply_to,
           greatest(o.agent_paused_until, l.agent_paused_until) AS agent_paused_until,
           greatest(o.agent_paused_at, l.agent_paused_at) AS agent_paused_at,
           coalesce(l.is_ours, o.is_ours) AS is_ours, greatest(o.owner_at, l.owner_at) AS owner_at
    FROM conversations o
    LEFT JOIN conversations l ON l.organization_id = o.organization_id AND l.id = o.merged_into
    WHERE o.organization_id = c.organization_id AND o.id = c.conversation_id
) v ON true
LEFT JOIN LATERAL (
    SELECT i.kind, i.value
    FROM contacts p
    JOIN contact_identities i
      ON i.organization_id = p.organization_id AND i.contact_id = coalesce(p.merged_into, p.id)
    WHERE p.organization_id = c.organization_id AND p.id = c.contact_id
      AND i.kind IN ('phone', 'bsuid', 'parent_bsuid', 'group')
      -- Not IS NULL: while a new database has no statistics, that leads to an index on the wrong columns.
      AND coalesce(i.valid_until, 'infinity') = 'infinity'
    -- Of several numbers the one under which the contact wrote last.
    ORDER BY array_position(ARRAY['phone', 'bsuid', 'parent_bsuid', 'group'], i.kind),
             (i.value = v.reply_to) IS TRUE DESC, i.valid_from DESC
    LIMIT 1
) a ON true
